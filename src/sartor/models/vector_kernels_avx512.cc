// Compiled with AVX-512 switched on (CMakeLists.txt), so it must share no inline function with
// other files: the linker might keep this one's copy for all.
#define SARTOR_KERNELS kAvx512Kernels
#include "sartor/models/vector_kernels_body.h"
