#include "sartor/segments/tile_kernels.h"

#include "sartor/models/vector_kernels.h"

namespace sartor {

const TileKernels& tile_kernels() {
  static const TileKernels& chosen = has_avx512() ? kAvx512TileKernels : kAvx2TileKernels;
  return chosen;
}

}  // namespace sartor
