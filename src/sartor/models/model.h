// What every recommender is. Blend, evaluation and server use nothing else.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/dataset.h"
#include "sartor/evaluation/cases.h"
#include "sartor/store/tensors.h"

namespace sartor {

// A fitted model: immutable, and safe to use from any number of threads at once.
class Model {
 public:
  virtual ~Model() = default;

  // The registry's name of its family: "popularity", "ease", …
  virtual std::string_view family() const = 0;

  // How much the model would like to show each item of the catalogue: out[i] for ItemId{i}, finite,
  // higher is better; out.size() is the catalogue's size at fitting. Needs no user: whoever has no
  // history gets the model's best guess for a stranger (all zeros where it has none). What may be
  // listed is decided by the caller. Equal queries give equal bits, alone or in a batch.
  virtual void score(const Query& query, std::span<float> out) const = 0;

  // Everything score() needs, as tensors plus a small JSON of the config. load_model() of the
  // registry reads it back.
  virtual Status save(TensorFile& out) const = 0;
};

// What a model learns from, beside its own config.
struct FitInput {
  const History* history = nullptr;
  // How much each user's interactions count, one per user; empty: all 1. `fine_tuned` raises a
  // segment's users.
  std::span<const float> user_weights;
};

}  // namespace sartor
