#include "sartor/serving/service.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <set>

#include "sartor/base/text.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/serving/arrange.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/live_users.h"
#include "sartor/serving/reason.h"
#include "sartor/serving/similar.h"
#include "sartor/serving/visitor.h"

namespace sartor {
namespace {

Error out_of_range(const char* field, std::size_t value, int most) {
  return {ErrorCode::invalid_argument,
          fmt::format("{}: {} is out of range; expected 1 to {}", field, value, most)};
}

Status check_k(int k) {
  if (k >= 1 && k <= kMostItems) return {};
  return Error{ErrorCode::invalid_argument,
               fmt::format("k: {} is out of range; expected 1 to {}", k, kMostItems)};
}

Status check(const RecommendRequest& request) {
  SARTOR_TRY(check_k(request.k));
  if (request.history.size() > kMostHistory) {
    return out_of_range("history", request.history.size(), kMostHistory);
  }
  if (request.exclude.size() > kMostHistory) {
    return out_of_range("exclude", request.exclude.size(), kMostHistory);
  }
  return {};
}

// The items that this visitor may be shown, ascending. What a filter leaves of them is no business
// of the models, which are judged by what they make of all (ModelAnswer).
std::vector<ItemId> allowed_items(const Bundle& bundle, const Visitor& visitor,
                                  const RecommendRequest& request) {
  std::set<ItemId> out;
  for (const std::string& name : request.exclude) {
    const std::uint32_t item = bundle.catalogue.items().find(name);
    if (item != Vocabulary::kNone) out.insert(ItemId{item});
  }
  const Seen seen = request.wishes.seen;
  if (seen == Seen::exclude || (seen == Seen::by_bundle && !bundle.repeat)) {
    for (const Interaction& interaction : visitor.history) out.insert(interaction.item);
  }
  std::vector<ItemId> allowed;
  const auto& eligible = bundle.catalogue.eligible();
  std::set_difference(eligible.begin(), eligible.end(), out.begin(), out.end(),
                      std::back_inserter(allowed));
  return allowed;
}

// What one model said. `empty`: nothing of what may be listed is anything it would list.
enum class Scored { well, failed, late, empty };

std::optional<Deadline> deadline_of(const std::optional<Time>& patience) {
  if (!patience) return {};
  return Deadline::after(std::chrono::microseconds(*patience));
}

// `patience` begins now. What comes too late was perhaps given up halfway.
Scored scores_of(const Model& model, Query query, const std::optional<Time>& patience,
                 std::span<const ItemId> allowed, std::vector<float>& scores) {
  const auto deadline = deadline_of(patience);
  if (deadline) query.deadline = &*deadline;
  try {
    model.score(query, scores);
  } catch (const std::exception&) {
    return Scored::failed;
  }
  if (query.is_late()) return Scored::late;
  const auto all = [&](auto&& holds) {
    return std::all_of(allowed.begin(), allowed.end(),
                       [&](ItemId item) { return holds(scores[item.index()]); });
  };
  if (!all([](float score) { return std::isfinite(score); })) return Scored::failed;
  const bool empty = !allowed.empty() && all([](float score) { return !(score > kNotEligible); });
  return empty ? Scored::empty : Scored::well;
}

// By the segment's own model, if `choose` wants it; false, with the reason in answer.fallback where
// that is not the holdback, if general is to answer.
bool score_by_own(const Bundle& bundle, const Visitor& visitor, const Query& query,
                  const std::optional<Time>& patience, std::span<const ItemId> allowed,
                  const ChooseArm& choose, std::vector<float>& scores, RecommendAnswer& answer) {
  const ModelPtr& model = bundle.segment_models[visitor.segment];
  if (model == nullptr) {
    answer.fallback = "model_unavailable";
    return false;
  }
  if (model == bundle.general) return false;
  const ArmChoice choice = choose ? choose(answer.segment) : ArmChoice{};
  answer.arm = choice.arm;
  if (choice.general) {
    if (choice.breaker_open) answer.fallback = "breaker_open";
    return false;
  }
  const auto begin = std::chrono::steady_clock::now();
  const Scored scored = scores_of(*model, query, patience, allowed, scores);
  const auto took = std::chrono::steady_clock::now() - begin;
  answer.model = {.failed = scored != Scored::well,
                  .took = std::chrono::duration_cast<std::chrono::microseconds>(took).count()};
  if (scored == Scored::well) return true;
  answer.fallback = scored == Scored::failed ? "model_failed"
                    : scored == Scored::late ? "model_late"
                                             : "model_empty";
  return false;
}

// The model that made the scores, null if that was none.
const Model* score(const Bundle& bundle, const Visitor& visitor,
                   const std::optional<Time>& patience, const TakenSince* since,
                   std::span<const ItemId> allowed, const ChooseArm& choose,
                   std::vector<float>& scores, RecommendAnswer& answer) {
  Query query = query_of(visitor);
  query.since = since;
  if (score_by_own(bundle, visitor, query, patience, allowed, choose, scores, answer)) {
    return bundle.segment_models[visitor.segment].get();
  }
  answer.route = "general";
  const Scored scored = scores_of(*bundle.general, query, patience, allowed, scores);
  if (scored == Scored::well || scored == Scored::empty) return bundle.general.get();
  answer.route = "popularity";
  answer.fallback = scored == Scored::late ? "general_late" : "general_failed";
  scores = bundle.takers;
  return nullptr;
}

// Exceptions (no memory, most likely) end here.
template <class T, class Body>
Result<T> guarded(Body&& body) {
  try {
    return body();
  } catch (const std::exception& exception) {
    return Error{ErrorCode::internal, exception.what()};
  }
}

std::unique_ptr<const LiveHistory> since(const LiveUsers& live,
                                         const std::optional<std::string>& user) {
  return user ? live.of(*user) : nullptr;
}

// Fills in why each item of the list stands there. `plain` are the scores before boosts, if any.
void explain(const Bundle& bundle, const Visitor& visitor, ListFacts facts,
             const Arrangement& wanted, std::span<const float> plain, std::span<const float> scores,
             RecommendAnswer& answer) {
  std::vector<float> boosts;
  if (!plain.empty()) {
    for (const ItemId item : facts.items)
      boosts.push_back(scores[item.index()] - plain[item.index()]);
  }
  facts.boosts = boosts;
  auto reasons = reasons_of(bundle, visitor, facts);
  for (std::size_t i = 0; i < facts.items.size(); ++i) {
    if (wanted.is_pinned(facts.items[i])) reasons[i] = {.kind = "pinned", .text = "pinned"};
    answer.items[i].why = std::move(reasons[i]);
  }
}

// Where the popularity of each new item puts it: behind as many items as are more popular.
void add_new_items(const Bundle& bundle, const LiveTaken& taken, const RecommendRequest& request,
                   const LiveHistory* history, std::span<const ItemId> allowed,
                   std::vector<RecommendedItem>& list) {
  const auto items = taken.new_items();
  if (items.empty()) return;
  const Seen seen = request.wishes.seen;
  const bool listed_again = seen == Seen::include || (seen == Seen::by_bundle && bundle.repeat);
  const std::vector<double> popularity = taken.popularity(allowed);  // the largest first
  std::size_t added = 0;
  for (const LiveTaken::NewItem& item : items) {
    const auto place =
        std::upper_bound(popularity.begin(), popularity.end(), item.popularity, std::greater<>());
    const auto at = static_cast<std::size_t>(place - popularity.begin()) + added;
    if (at >= static_cast<std::size_t>(request.k) || at > list.size()) break;  // nor any after it
    const bool is_out =
        std::find(request.exclude.begin(), request.exclude.end(), item.name) !=
            request.exclude.end() ||
        (!listed_again && history != nullptr && history->new_items.contains(item.name));
    if (is_out) continue;
    const double score = list.empty() ? 0 : list[at == 0 ? 0 : at - 1].score;
    RecommendedItem made{item.name, score, "new, and taken by many now"};
    if (request.reasons) made.why = {.kind = "new", .text = made.reason, .share = 1};
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), std::move(made));
    ++added;
  }
  if (list.size() > static_cast<std::size_t>(request.k)) {
    list.resize(static_cast<std::size_t>(request.k));
  }
}

Result<RecommendAnswer> make_answer(const Bundle& bundle, const LiveUsers& live,
                                    const LiveTaken* taken, const RecommendRequest& request,
                                    const ChooseArm& choose) {
  SARTOR_TRY(check(request));
  SARTOR_ASSIGN(const Arrangement wanted, arrangement_of(bundle, request));
  const auto history = since(live, request.user);
  SARTOR_ASSIGN(const Visitor visitor, visitor_of(bundle, request, history.get()));
  RecommendAnswer answer;
  answer.user = request.user.value_or("");
  answer.segment = bundle.info.segments[visitor.segment].name;
  answer.route = bundle.info.segments[visitor.segment].route;
  answer.model_version = bundle.info.model_version;

  const auto allowed = allowed_items(bundle, visitor, request);
  std::vector<float> scores(bundle.catalogue.items().size());
  const Model* model =
      score(bundle, visitor, request.patience, taken, allowed, choose, scores, answer);
  std::vector<float> plain;
  if (request.reasons && !wanted.add.empty()) plain = scores;
  std::vector<ItemId> list = arrange(wanted, allowed, scores);
  std::erase_if(list, [&](ItemId item) {
    return !wanted.is_pinned(item) && !(scores[item.index()] > kNotEligible);
  });
  const auto deadline = deadline_of(request.patience);
  const Deadline* until = deadline ? &*deadline : nullptr;
  const Reasons reasons(bundle, visitor, list, until);
  for (const ItemId item : list) {
    const double value = scores[item.index()];
    const bool scored = std::isfinite(value) && value > kNotEligible;
    answer.items.push_back({bundle.catalogue.items().name(item.index()),
                            scored ? value : std::numeric_limits<double>::quiet_NaN(),
                            wanted.is_pinned(item) ? "pinned" : reasons.of(item)});
  }
  if (request.reasons) {
    const ListFacts facts{.model = model, .items = list, .deadline = until, .since = taken};
    explain(bundle, visitor, facts, wanted, plain, scores, answer);
  }
  const Wishes& wishes = request.wishes;
  if (taken != nullptr && wishes.filter.empty() && wishes.pins.empty()) {
    add_new_items(bundle, *taken, request, history.get(), allowed, answer.items);
  }
  return answer;
}

std::string value_in_words(const Column& column, std::size_t row) {
  if (!column.is_text) return std::isnan(column.numbers[row]) ? "" : shortest(column.numbers[row]);
  return column.codes[row] == Column::kMissing ? "" : column.words[column.codes[row]];
}

Result<UserInfo> make_user(const Bundle& bundle, const LiveUsers& live, const std::string& id,
                           std::size_t latest) {
  const auto events = live.of(id);
  const std::uint32_t user = user_in(bundle, id, events.get());
  if (user == Vocabulary::kNone && (events == nullptr || events->knows_nothing())) {
    return Error{ErrorCode::not_found, fmt::format("no user '{}'", printable(id))};
  }
  SARTOR_ASSIGN(Visitor visitor, visitor_of(bundle, {.user = id}, events.get()));
  const SegmentInfo& segment = bundle.info.segments[visitor.segment];
  UserInfo info{.user = id, .segment = segment.name, .route = segment.route};
  const auto& history = visitor.history;
  info.history = history.size();
  for (auto it = history.rbegin(); it != history.rend() && info.latest.size() < latest; ++it) {
    info.latest.emplace_back(bundle.catalogue.items().name(it->item.index()), it->time);
  }
  if (visitor.features.columns.empty() && user != Vocabulary::kNone) {
    visitor.features = one_row(bundle.catalogue.user_features(), user);
  }
  for (const Column& column : visitor.features.columns) {
    if (!column.name.starts_with("embedding.")) {
      info.features.emplace_back(column.name, value_in_words(column, 0));
    }
  }
  return info;
}

}  // namespace

Recommender::Recommender(std::unique_ptr<const Bundle> bundle)
    : bundle_(std::move(bundle)), live_(std::make_unique<LiveUsers>(*bundle_)) {}
Recommender::~Recommender() = default;

Result<std::shared_ptr<Recommender>> Recommender::open(const std::string& folder) {
  using Shared = std::shared_ptr<Recommender>;
  return guarded<Shared>([&]() -> Result<Shared> {
    SARTOR_ASSIGN(auto bundle, load_bundle(folder));
    return Shared(new Recommender(std::move(bundle)));
  });
}

std::shared_ptr<Recommender> Recommender::of(std::unique_ptr<const Bundle> bundle) {
  return std::shared_ptr<Recommender>(new Recommender(std::move(bundle)));
}

Status Recommender::learn(std::span<const StoredEvent> events) {
  return guarded<void>([&] { return live_->learn(events); });
}

Result<RecommendAnswer> Recommender::recommend(const RecommendRequest& request,
                                               const ChooseArm& choose) const {
  const LiveTaken* taken = follows_stream_ ? &live_->taken() : nullptr;
  return guarded<RecommendAnswer>(
      [&] { return make_answer(*bundle_, *live_, taken, request, choose); });
}

void Recommender::forget(const std::string& user, std::shared_ptr<const Erasures> erasures) {
  live_->forget(user, std::move(erasures));
}

Result<std::vector<float>> Recommender::weigh(std::span<const StoredEvent> events) const {
  return guarded<std::vector<float>>([&] { return live_->weigh(events); });
}

Result<SimilarAnswer> Recommender::similar_items(const std::string& item, int k) const {
  return guarded<SimilarAnswer>([&]() -> Result<SimilarAnswer> {
    SARTOR_TRY(check_k(k));
    return similar_to(*bundle_, follows_stream_ ? &live_->taken() : nullptr, item,
                      static_cast<std::size_t>(k));
  });
}

Result<UserInfo> Recommender::user(const std::string& id, std::size_t latest) const {
  return guarded<UserInfo>([&] { return make_user(*bundle_, *live_, id, latest); });
}

const BundleInfo& Recommender::info() const { return bundle_->info; }

}  // namespace sartor
