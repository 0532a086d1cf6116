// A project's inputs in memory: the log, its windows, users' features and segments as of each
// window.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sartor/data/dataset.h"
#include "sartor/data/split.h"
#include "sartor/evaluation/cases.h"
#include "sartor/features/user_features.h"
#include "sartor/models/embedding.h"
#include "sartor/pipeline/config.h"
#include "sartor/segments/segmentation.h"

namespace sartor {

// validate, confirm, test; and `everything`, which has no cases: what the bundle is fitted on.
enum class Origin { validate, confirm, test, everything };
inline constexpr std::size_t kWindows = 3;
inline constexpr std::array<const char*, 4> kOriginNames = {"validate", "confirm", "test",
                                                            "everything"};

// What is known at the start of a window, and its cases.
struct OriginView {
  Window window;
  History history;
  Cases cases;                     // none for `everything`
  std::vector<std::uint8_t> fold;  // of each user of the cases, for cross-fitting
};

class Project {
 public:
  // Takes the dataset; fails with `config` if the split does not fit it.
  static Result<std::shared_ptr<const Project>> make(Dataset data, const Config& config);

  const Dataset& data() const { return data_; }
  const InteractionLog& log() const { return log_; }
  const Split& split() const { return split_; }
  const EventsByUser& events_by_user() const { return events_by_user_; }
  const OriginView& at(Origin origin) const { return origins_[static_cast<std::size_t>(origin)]; }
  // Windows before validate, in time order: what weights and trees are fitted on. Their cases are
  // as many as models.rerank_cases allows.
  const std::vector<OriginView>& earlier() const { return earlier_; }
  // Whether anything in train has a time: half-lives need one.
  bool timed() const;

  // Features of every user as of an origin, with `embedding`'s columns if there is one.
  Result<Table> features(Origin origin, const Config& config, const FeatureRequest& request,
                         const Embedding* embedding, const Resources& resources) const;

 private:
  Dataset data_;
  InteractionLog log_;
  Split split_;
  EventsByUser events_by_user_;
  std::array<OriginView, 4> origins_;
  std::vector<OriginView> earlier_;
};

// What the config's rules and clusters name, without the features in `left_out`.
FeatureRequest feature_request(const Config& config, std::vector<std::string> left_out);

// Evenly spread over `cases`, `most` of them; all if there are no more. `thinned_from` says so.
Cases thinned(const Cases& cases, std::size_t most);

// The same of an origin: its cases, and the folds of their users.
OriginView thinned(const OriginView& view, std::size_t most);

// Appends the columns embedding.0, embedding.1, …: each user's vector as of `history`.
Status add_embedding(const Embedding& embedding, const History& history, Table& table,
                     const Resources& resources);

}  // namespace sartor
