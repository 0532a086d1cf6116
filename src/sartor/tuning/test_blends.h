// A small world in which the best blend is known; for tests.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/model.h"
#include "sartor/tuning/blend_search.h"

namespace sartor {

// Scores that depend on user and item by a hash of a seed; `shift` adds the signal.
class HashModel : public Model {
 public:
  HashModel(std::uint64_t seed, double signal) : seed_(seed), signal_(signal) {}
  std::string_view family() const override { return "hash"; }
  Status save(TensorFile&) const override { return {}; }
  void score(const Query& query, std::span<float> out) const override {
    Random random = Random::stream(seed_, query.user.value);
    Random taste = Random::stream(77, query.user.value);
    for (float& value : out) {
      const double noise = random.normal();
      value = static_cast<float>(signal_ * taste.normal() + noise);
    }
  }

 private:
  std::uint64_t seed_;
  double signal_;
};

// 60 users who each like the five items that their taste ranks highest, among 40.
struct World {
  InteractionLog log;
  Cases cases;
  std::unique_ptr<History> history;
  HashModel good{1, 1.0};
  HashModel fair{2, 0.5};
  HashModel bad{3, 0.0};

  World() {
    constexpr std::uint32_t kUsers = 60, kItems = 40;
    log.users = kUsers;
    log.items = kItems;
    log.begin.assign(kUsers + 1, 0);
    log.item_first_seen.assign(kItems, 0);
    history = std::make_unique<History>(log, kDay);
    cases.as_of = kDay;
    cases.target_begin = {0};
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      std::vector<float> taste(kItems);
      Random random = Random::stream(77, u);
      for (float& value : taste) value = static_cast<float>(random.normal());
      std::vector<ItemId> all(kItems), best;
      for (std::uint32_t i = 0; i < kItems; ++i) all[i] = ItemId{i};
      top_k(taste, all, 5, best);
      std::sort(best.begin(), best.end());
      cases.users.push_back(UserId{u});
      cases.targets.insert(cases.targets.end(), best.begin(), best.end());
      cases.target_begin.push_back(cases.targets.size());
    }
  }

  ScorePool pool(std::size_t depth, int threads = 1) const {
    const std::vector<const Model*> models = {&good, &fair, &bad};
    return ScorePool::make(cases, *history, models, depth, true, {.threads = threads}).value();
  }
};

inline const Metric kNdcg{MetricKind::ndcg, 10};

inline std::vector<PoolCase> all_cases(const ScorePool& pool) {
  std::vector<PoolCase> cases;
  for (std::size_t c = 0; c < pool.cases(); ++c) cases.push_back({&pool, c});
  return cases;
}

}  // namespace sartor
