// Behaviour vectors: items and users in a few dimensions, for segments.
//
// A randomised truncated SVD (Halko, Martinsson and Tropp, SIAM Review 2011) of the binary user by
// item matrix, whose items are weighted by idf = ln(1 + users / users of the item) and whose rows
// are scaled to length 1.
#pragma once

#include <cstdint>
#include <span>

#include "sartor/base/fields.h"
#include "sartor/base/matrix.h"
#include "sartor/models/array.h"
#include "sartor/models/model.h"

namespace sartor {

struct EmbeddingConfig {
  static constexpr std::string_view kFamily = "embedding";

  int dimensions = 16;
  int iterations = 4;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"dimensions", &EmbeddingConfig::dimensions, 1, 512, Scale::log, "length of a vector"},
        Field{"iterations", &EmbeddingConfig::iterations, 1, 50, Scale::fixed,
              "power iterations of the randomised SVD"},
        Field{"seed", &EmbeddingConfig::seed, 0, 9e15, Scale::fixed, "of the starting vectors"});
  }
};

class Embedding {
 public:
  std::size_t dimensions() const { return dimensions_; }
  std::size_t items() const { return idf_.size(); }
  // Right singular vectors, one row per item; zeros for items without users, and in the dimensions
  // beyond the matrix's rank.
  MatrixView<const float> item_vectors() const {
    return {vectors_.data(), items(), dimensions_, dimensions_};
  }

  // The user's vector: sum over the distinct items of idf * item vector, scaled to length 1; zeros
  // if there is none. Works for users never seen.
  void user_vector(std::span<const Interaction> history, std::span<float> out) const;

  Status save(TensorFile& out) const;
  static Result<Embedding> load(const TensorFile& file);

 private:
  friend Result<Embedding> fit_embedding(const FitInput&, const EmbeddingConfig&, const Resources&);

  std::size_t dimensions_ = 0;
  EmbeddingConfig config_;
  Array<float> idf_;      // per item, 0 without users
  Array<float> vectors_;  // items x dimensions
};

// The same bits at any thread count; each dimension's largest entry is positive. User weights do
// not matter. Fails like check_fit_input.
Result<Embedding> fit_embedding(const FitInput& input, const EmbeddingConfig& config,
                                const Resources& resources);

}  // namespace sartor
