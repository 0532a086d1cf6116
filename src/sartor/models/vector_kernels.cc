#include "sartor/models/vector_kernels.h"

namespace sartor {

// Earlier AVX-512 processors count no bits in vectors and slow down where they use wide ones.
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vpopcntdq");
}

const VectorKernels& vector_kernels() {
  static const VectorKernels& chosen = has_avx512() ? kAvx512Kernels : kAvx2Kernels;
  return chosen;
}

}  // namespace sartor
