#define SARTOR_TILE_KERNELS kAvx2TileKernels
#include "sartor/segments/tile_kernels_body.h"
