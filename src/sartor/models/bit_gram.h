// Co-occurrence counts of the busiest users by bits: one bit per item and user, and the popcount of
// two items' bits is the number of users who took both.
//
// A user of n items costs n^2 / 2 additions one by one, but items^2 / 2 pairs of bits, many a
// processor cycle, whatever n. So bits win for those who took a good part of all items, and these
// few users are most of the additions.
#pragma once

#include <cstdint>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/models/user_items.h"
#include "sartor/models/vector_kernels.h"

namespace sartor {

// The users for whom bits are cheaper, ascending; empty where there are too few of them.
std::vector<std::uint32_t> users_for_bits(const UserItems& rows,
                                          const VectorKernels& kernels = vector_kernels());

// gram(i, j) += how many of `users` took both, for j <= i. The counts are exact below 2^24.
Status add_common_users(const UserItems& rows, std::span<const std::uint32_t> users,
                        MatrixView<float> gram, const Resources& resources,
                        const VectorKernels& kernels = vector_kernels());

}  // namespace sartor
