// What every recommender is. Blend, evaluation and server use nothing else.
#pragma once

#include <map>
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

// What a fit would tell whoever reads the report: "ease: keeps 20,000 of 92,331 items, …".
struct FitNotes {
  std::vector<std::string> lines;
};

class Model;

// What one component adds to the scores of some items.
struct Contribution {
  const Model* component = nullptr;  // lives as long as the model that was asked
  std::vector<float> amounts;        // one per item
};

// A fitted model: immutable, and safe to use from any number of threads at once.
class Model {
 public:
  virtual ~Model() = default;

  // The registry's name of its family: "popularity", "ease", …
  virtual std::string_view family() const = 0;

  // How much the model would like to show each item of the catalogue: out[i] for ItemId{i}, finite,
  // higher is better; out.size() is the catalogue's size at fitting. Needs no user: whoever has no
  // history gets the model's best guess for a stranger. What may be listed is decided by the
  // caller. Items of the history beyond the catalogue are ignored. Equal queries give equal bits,
  // alone or in a batch. A query that becomes late may be given up, with anything in `out`: whoever
  // sets a deadline asks afterwards. Models look at it about every millisecond, or as often as they
  // can.
  virtual void score(const Query& query, std::span<float> out) const = 0;

  // Whether score() has something of this query to go by; if not, it gives its guess for a
  // stranger, which a blend leaves out as long as another of its components knows more.
  virtual bool knows(const Query&) const { return true; }

  // What the scores of `items` are sums of, component by component; for one of a single piece,
  // nothing. `scratch` is as long as score()'s `out`. Where trees put a list in order, what its
  // blend adds up: trees do not split.
  virtual std::vector<Contribution> contributions(const Query&, std::span<const ItemId> /*items*/,
                                                  std::span<float> /*scratch*/) const {
    return {};
  }

  // The same model with another half-life, in days, of what it decays when it scores (the user's
  // history, popularity): shares everything heavy, refits nothing. Null where there is none.
  virtual std::shared_ptr<const Model> with_half_life(double /*days*/) const { return nullptr; }

  // The model, fitted on `before`, with what is cheap to know at `now`, a later moment of the same
  // log: popularity, the items that may be listed. Heavy parts stay as fitted; what comes with a
  // query is up to date anyway. Null where nothing changes.
  virtual std::shared_ptr<const Model> advanced(const History& /*before*/,
                                                const History& /*now*/) const {
    return nullptr;
  }

  // Everything score() needs, as tensors plus a small JSON of the config. load_model() of the
  // registry reads it back.
  virtual Status save(TensorFile& out) const = 0;

  virtual FitNotes notes() const { return {}; }
};

using ModelPtr = std::shared_ptr<const Model>;
// `model` at `now`, where that differs; itself otherwise.
inline ModelPtr advanced(const ModelPtr& model, const History& before, const History& now) {
  if (now.as_of() == before.as_of()) return model;
  ModelPtr moved = model->advanced(before, now);
  return moved == nullptr ? model : moved;
}

using ModelMap = std::map<std::string, ModelPtr>;  // components by name

// What a model learns from, beside its own config.
struct FitInput {
  const History* history = nullptr;
  // How much each user's interactions count, one per user, finite and not negative; empty: all 1.
  // `fine_tuned` raises a segment's users.
  std::span<const float> user_weights;
  // What is known of the items, one row per item; null: nothing.
  const Table* item_attributes = nullptr;

  float weight_of(std::size_t user) const {
    return user_weights.empty() ? 1.0f : user_weights[user];
  }
};

// Fails with `invalid_argument`, naming `family`, if there is no history, no interaction in it, or
// a user weight is out of range or missing.
Status check_fit_input(const FitInput& input, std::string_view family);

}  // namespace sartor
