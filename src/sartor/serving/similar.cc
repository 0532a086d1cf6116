#include "sartor/serving/similar.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "sartor/base/text.h"
#include "sartor/evaluation/evaluate.h"

namespace sartor {
namespace {

constexpr const char* kBySameUsers = "taken by the same users";

// By the bundle's model: 0 for the item itself, what may not be listed and what it does not know.
std::vector<float> by_model(const Bundle& bundle, ItemId item) {
  std::vector<float> similar(bundle.catalogue.items().size(), 0.0f);
  const Interaction interaction{item, 1.0f, bundle.catalogue.as_of() - kSecond};
  const Query query{kNoUser, bundle.catalogue.as_of(), {&interaction, 1}};
  if (!bundle.similar->knows(query)) return similar;  // else it would guess by popularity
  std::vector<float> scores(similar.size());
  bundle.similar->score(query, scores);
  for (const ItemId other : bundle.catalogue.eligible()) {
    if (other != item) similar[other.index()] = std::max(0.0f, scores[other.index()]);
  }
  return similar;
}

// By the stream: items that may be listed.
std::map<std::string, std::uint32_t> by_stream(const Bundle& bundle, const LiveTaken* taken,
                                               const std::string& name) {
  if (taken == nullptr) return {};
  auto together = taken->taken_with(name);
  if (together.empty()) return together;
  std::set<std::string> listed;
  for (const LiveTaken::NewItem& item : taken->new_items()) listed.insert(item.name);
  const auto& eligible = bundle.catalogue.eligible();
  std::erase_if(together, [&](const auto& row) {
    const std::uint32_t item = bundle.catalogue.items().find(row.first);
    return item == Vocabulary::kNone
               ? !listed.contains(row.first)
               : !std::binary_search(eligible.begin(), eligible.end(), ItemId{item});
  });
  return together;
}

// Mixes what the stream says into `similar`; the new items stand in what is returned.
std::vector<RecommendedItem> mix_stream(const Bundle& bundle,
                                        const std::map<std::string, std::uint32_t>& together,
                                        std::vector<float>& similar) {
  double n = 0, most_pairs = 1;
  for (const auto& [item, pairs] : together) {
    n += pairs;
    most_pairs = std::max(most_pairs, static_cast<double>(pairs));
  }
  const double share = n / (n + kPairsLikeTheModel);
  const float most_similar = *std::max_element(similar.begin(), similar.end());
  for (float& score : similar) {
    if (score > 0) score = static_cast<float>(score * (1 - share) / most_similar);
  }
  std::vector<RecommendedItem> of_new;
  for (const auto& [name, pairs] : together) {
    const auto score = static_cast<float>(share * pairs / most_pairs);
    const std::uint32_t item = bundle.catalogue.items().find(name);
    if (item == Vocabulary::kNone) {
      of_new.push_back({name, score, kBySameUsers});
    } else {
      similar[item] += score;
    }
  }
  return of_new;
}

}  // namespace

Result<SimilarAnswer> similar_to(const Bundle& bundle, const LiveTaken* taken,
                                 const std::string& name, std::size_t k) {
  const auto together = by_stream(bundle, taken, name);
  const std::uint32_t found = bundle.catalogue.items().find(name);
  if (found == Vocabulary::kNone && together.empty()) {
    return Error{ErrorCode::not_found, fmt::format("no item '{}'", printable(name))};
  }
  const bool by_bundle = found != Vocabulary::kNone && bundle.similar != nullptr;
  if (!by_bundle && together.empty()) {
    return Error{ErrorCode::not_found, "this bundle has no model that knows similar items"};
  }
  std::vector<float> similar(bundle.catalogue.items().size(), 0.0f);
  if (by_bundle) similar = by_model(bundle, ItemId{found});
  std::vector<RecommendedItem> of_new;
  if (!together.empty()) of_new = mix_stream(bundle, together, similar);

  std::vector<ItemId> allowed = bundle.catalogue.eligible();
  std::erase_if(allowed, [&](ItemId item) { return !(similar[item.index()] > 0); });
  std::vector<ItemId> best;
  top_k(similar, allowed, k, best);
  SimilarAnswer answer{.item = name, .model = by_bundle ? bundle.similar_name : "stream"};
  answer.model_version = bundle.info.model_version;
  for (const ItemId item : best) {
    answer.items.push_back(
        {bundle.catalogue.items().name(item.index()), similar[item.index()], kBySameUsers});
  }
  answer.items.insert(answer.items.end(), of_new.begin(), of_new.end());
  std::stable_sort(answer.items.begin(), answer.items.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  if (answer.items.size() > k) answer.items.resize(k);
  return answer;
}

}  // namespace sartor
