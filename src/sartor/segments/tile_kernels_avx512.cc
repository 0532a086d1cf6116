// Compiled with AVX-512 switched on (CMakeLists.txt), so it must share no inline function with
// other files: the linker might keep this one's copy for all.
#define SARTOR_TILE_KERNELS kAvx512TileKernels
#include "sartor/segments/tile_kernels_body.h"
