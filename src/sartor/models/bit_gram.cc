#include "sartor/models/bit_gram.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/aligned.h"

namespace sartor {
namespace {

constexpr std::size_t kItems = 4;           // of a tile of count_common
constexpr std::size_t kItemsPerBlock = 32;  // rows of the result that one block writes
constexpr std::size_t kWordsAtOnce = 256;   // a block's bits, 64 KB, stay in L2 meanwhile
constexpr std::size_t kWordsPerLine = 8;

std::size_t words_for(std::size_t users) {
  return (users + 64 * kWordsPerLine - 1) / (64 * kWordsPerLine) * kWordsPerLine;
}

// One row of bits per item, whole tiles of them.
struct Bits {
  std::size_t words;
  Aligned<std::uint64_t> values;

  const std::uint64_t* of(std::size_t item) const { return values.data() + item * words; }
};

Bits bits_of(const UserItems& rows, std::span<const std::uint32_t> users) {
  const std::size_t items = (rows.items + kItems - 1) / kItems * kItems;
  const std::size_t words = words_for(users.size());
  Bits bits{words, Aligned<std::uint64_t>(items * words)};
  for (std::size_t n = 0; n < users.size(); ++n) {
    for (std::size_t e = rows.begin[users[n]]; e < rows.begin[users[n] + 1]; ++e)
      bits.values[rows.item[e] * bits.words + n / 64] |= std::uint64_t{1} << n % 64;
  }
  return bits;
}

}  // namespace

std::vector<std::uint32_t> users_for_bits(const UserItems& rows, const VectorKernels& kernels) {
  const auto items = static_cast<double>(rows.items);
  const double enough = items / std::sqrt(kernels.bits_per_add);
  std::vector<std::uint32_t> users;
  double additions = 0;
  for (std::uint32_t u = 0; u < rows.users(); ++u) {
    const auto n = static_cast<double>(rows.begin[u + 1] - rows.begin[u]);
    if (n < enough || n == 0) continue;
    users.push_back(u);
    additions += n * n;
  }
  const double pairs = items * items * 64 * static_cast<double>(words_for(users.size()));
  if (additions * kernels.bits_per_add < pairs) users.clear();
  return users;
}

Status add_common_users(const UserItems& rows, std::span<const std::uint32_t> users,
                        MatrixView<float> gram, const Resources& resources,
                        const VectorKernels& kernels) {
  if (users.empty()) return {};
  const Bits bits = bits_of(rows, users);
  // Adds a tile's counts where they belong to the lower triangle.
  const auto add_tile = [&](std::size_t i, std::size_t j, const std::uint32_t* counts) {
    for (std::size_t r = i; r < std::min(i + kItems, rows.items); ++r) {
      for (std::size_t c = j; c <= std::min(j + kItems - 1, r); ++c)
        gram(r, c) += static_cast<float>(counts[(r - i) * kItems + c - j]);
    }
  };
  return parallel_for(
      resources, rows.items, kItemsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::uint32_t counts[kItems * kItems];
        for (std::size_t w = 0; w < bits.words; w += kWordsAtOnce) {
          const std::size_t words = std::min(kWordsAtOnce, bits.words - w);
          for (std::size_t j = 0; j < end; j += kItems) {
            for (std::size_t i = std::max(begin, j); i < end; i += kItems) {
              kernels.count_common(bits.of(i) + w, bits.of(j) + w, words, bits.words, counts);
              add_tile(i, j, counts);
            }
          }
        }
        return {};
      });
}

}  // namespace sartor
