#define SARTOR_KERNELS kAvx2Kernels
#include "sartor/models/vector_kernels_body.h"
