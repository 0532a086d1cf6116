#include "sartor/serving/smoke.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sartor/base/text.h"
#include "sartor/serving/bundle.h"

namespace sartor {
namespace {

constexpr std::size_t kAsked = 16;  // users of each bundle, and items

Error refused(const std::string& what) { return {ErrorCode::bad_data, "smoke test: " + what}; }

std::vector<std::string> spread(const Vocabulary& names, std::size_t most) {
  std::vector<std::string> out;
  const std::size_t n = std::min(most, names.size());
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back(names.name(static_cast<std::uint32_t>(i * names.size() / n)));
  }
  return out;
}

std::set<std::string> items_of(const std::vector<RecommendedItem>& list) {
  std::set<std::string> out;
  for (const RecommendedItem& item : list) out.insert(item.item);
  return out;
}

Status check_scores(const std::string& question, const std::vector<RecommendedItem>& list) {
  for (const RecommendedItem& item : list) {
    if (std::isfinite(item.score)) continue;
    return refused(fmt::format("{}: '{}' has the score {}", question, item.item, item.score));
  }
  return {};
}

// The share of `next` that `before` had, too.
double shared(const std::vector<RecommendedItem>& before,
              const std::vector<RecommendedItem>& next) {
  const auto old_items = items_of(before);
  const auto kept = std::count_if(next.begin(), next.end(), [&](const RecommendedItem& item) {
    return old_items.contains(item.item);
  });
  return static_cast<double>(kept) / static_cast<double>(next.size());
}

class Smoke {
 public:
  Smoke(const Recommender& before, const Recommender& next) : before_(before), next_(next) {}

  Status ask_user(const std::optional<std::string>& user) {
    const std::string question = user ? "user " + printable(*user) : "a stranger";
    const RecommendRequest request{.user = user};
    const auto next = next_.recommend(request);
    if (!next) return refused(question + ": " + next.error().message);
    SARTOR_TRY(check_scores(question, next->items));
    const auto before = before_.recommend(request);
    ++report_.questions;
    if (!before) return {};
    if (next->fallback == "model_failed" && before->fallback != "model_failed") {
      return refused(fmt::format("{}: the model of segment {} gives scores that are no numbers",
                                 question, next->segment));
    }
    if (before->items.empty()) return {};
    if (next->items.empty()) return refused(question + ": an empty list; the old bundle had one");
    overlaps_ += shared(before->items, next->items);
    ++compared_;
    return {};
  }

  // An item may lose its neighbours, and a bundle knows other items than the one before.
  Status ask_item(const std::string& item) {
    const auto next = next_.similar_items(item, 10);
    const auto before = before_.similar_items(item, 10);
    ++report_.questions;
    if (next) SARTOR_TRY(check_scores("similar to " + printable(item), next->items));
    had_similar_ = had_similar_ || (before && !before->items.empty());
    has_similar_ = has_similar_ || (next && !next->items.empty());
    return {};
  }

  Result<SmokeReport> report() {
    if (had_similar_ && !has_similar_) {
      return refused("nothing is similar to any item that was asked about; the old bundle knew");
    }
    if (compared_ > 0) report_.overlap = overlaps_ / static_cast<double>(compared_);
    return report_;
  }

 private:
  const Recommender& before_;
  const Recommender& next_;
  SmokeReport report_;
  double overlaps_ = 0;
  std::size_t compared_ = 0;
  bool had_similar_ = false;
  bool has_similar_ = false;
};

Status check_segments(const BundleInfo& before, const BundleInfo& next) {
  std::set<std::string> lost;
  for (const SegmentInfo& segment : before.segments) {
    if (!segment.unavailable.empty()) lost.insert(segment.name);
  }
  for (const SegmentInfo& segment : next.segments) {
    if (segment.unavailable.empty() || lost.contains(segment.name)) continue;
    return refused(fmt::format("segment {}: {}", segment.name, segment.unavailable));
  }
  return {};
}

}  // namespace

Sample Recommender::sample(std::size_t most) const {
  return {spread(bundle_->catalogue.users(), most), spread(bundle_->catalogue.items(), most)};
}

Result<SmokeReport> smoke_test(const Recommender& before, const Recommender& next) {
  SARTOR_TRY(check_segments(before.info(), next.info()));
  const Sample sample = next.sample(kAsked);
  std::vector<std::string> users = before.sample(kAsked).users;
  users.insert(users.end(), sample.users.begin(), sample.users.end());
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  Smoke smoke(before, next);
  SARTOR_TRY(smoke.ask_user(std::nullopt));
  for (const std::string& user : users) SARTOR_TRY(smoke.ask_user(user));
  for (const std::string& item : sample.items) SARTOR_TRY(smoke.ask_item(item));
  return smoke.report();
}

}  // namespace sartor
