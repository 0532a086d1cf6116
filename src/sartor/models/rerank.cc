#include "sartor/models/rerank.h"

#include <algorithm>

#include "sartor/evaluation/evaluate.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::size_t kCasesPerBlock = 16;

// Draws up one list after the other, keeping its buffers.
class ListMaker {
 public:
  explicit ListMaker(const Shortlister& shortlister)
      : of_(shortlister),
        scores_(shortlister.parts.size(), shortlister.facts.items()),
        blend_(shortlister.facts.items()),
        writer_(shortlister.facts) {}

  // The best `depth` items that may be listed, best first.
  std::span<const ItemId> list(const Query& query, std::size_t depth) {
    const bool anybody_knows =
        std::any_of(of_.parts.begin(), of_.parts.end(),
                    [&](const ModelPtr& part) { return part->knows(query); });
    std::fill(blend_.begin(), blend_.end(), 0.0f);
    for (std::size_t p = 0; p < of_.parts.size(); ++p) {
      if (query.is_late()) break;
      if (anybody_knows) {
        standardised_scores(*of_.parts[p], query, of_.eligible.span(), scores_.row(p));
      } else {
        of_.parts[p]->score(query, scores_.row(p));
        standardise(scores_.row(p), of_.eligible.span());
      }
      mix(blend_, of_.config.parts[p].weight, scores_.row(p));
    }
    top_k(blend_, allowed(query), depth, list_);
    writer_.begin(query);
    return list_;
  }

  // Appends the features of the list's item at `rank`, from 0.
  void add_features(std::size_t rank, std::vector<float>& out) const {
    const ItemId item = list_[rank];
    for (std::size_t p = 0; p < of_.parts.size(); ++p) out.push_back(scores_(p, item.index()));
    out.push_back(blend_[item.index()]);
    out.push_back(std::log1p(static_cast<float>(rank)));
    writer_.add(item, out);
  }

  std::span<const float> blend() const { return blend_; }

 private:
  std::span<const ItemId> allowed(const Query& query) {
    if (of_.config.repeat || query.history.empty()) return of_.eligible.span();
    taken_.clear();
    for (const Interaction& row : query.history) taken_.push_back(row.item);
    std::sort(taken_.begin(), taken_.end());
    allowed_.clear();
    std::set_difference(of_.eligible.begin(), of_.eligible.end(), taken_.begin(), taken_.end(),
                        std::back_inserter(allowed_));
    return allowed_;
  }

  const Shortlister& of_;
  Matrix<float> scores_;  // parts x items, standardised
  std::vector<float> blend_;
  std::vector<ItemId> list_, taken_, allowed_;
  FeatureWriter writer_;
};

std::vector<std::string> part_names(const RerankConfig& config) {
  std::vector<std::string> names;
  for (const BlendPart& part : config.parts) {
    std::string name = part.component;
    if (part.half_life_days) name += fmt::format(", half-life {} days", *part.half_life_days);
    names.push_back(std::move(name));
  }
  return names;
}

// Appends the rows of the cases at `positions`.
Status append_rows(const Shortlister& shortlister, const Cases& cases,
                   std::span<const std::size_t> positions, const History& history,
                   std::size_t depth, const Resources& resources, TreeRows& rows) {
  const std::size_t blocks = (positions.size() + kCasesPerBlock - 1) / kCasesPerBlock;
  std::vector<TreeRows> parts(blocks);
  SARTOR_TRY(parallel_for(resources, positions.size(), kCasesPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            TreeRows& part = parts[begin / kCasesPerBlock];
                            part.features = rows.features;
                            ListMaker maker(shortlister);
                            for (std::size_t i = begin; i < end; ++i) {
                              const std::size_t c = positions[i];
                              const auto list = maker.list(query_of(cases, c, history), depth);
                              const auto targets = cases.targets_of(c);
                              const auto is_target = [&](ItemId item) {
                                return std::binary_search(targets.begin(), targets.end(), item);
                              };
                              if (std::none_of(list.begin(), list.end(), is_target))
                                continue;  // teaches no order
                              for (std::size_t r = 0; r < list.size(); ++r) {
                                maker.add_features(r, part.x);
                                part.label.push_back(is_target(list[r]) ? 1.0f : 0.0f);
                              }
                              part.in_case.push_back(static_cast<std::int32_t>(list.size()));
                            }
                            resources.advance(end - begin);
                            return {};
                          }));
  for (TreeRows& part : parts) {
    rows.append(part);
    part = {};
  }
  return {};
}

class Reranker final : public Model {
 public:
  Reranker(Shortlister shortlister, Trees trees)
      : shortlister_(std::move(shortlister)), trees_(std::move(trees)) {}

  std::string_view family() const override { return RerankConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    ListMaker maker(shortlister_);
    const auto list = maker.list(query, static_cast<std::size_t>(shortlister_.config.candidates));
    std::fill(out.begin(), out.end(), kNotEligible);
    if (list.empty()) {  // everything was taken before
      for (const ItemId item : shortlister_.eligible) out[item.index()] = 0;
      return;
    }
    std::vector<double> scores(list.size());
    std::vector<float> features;
    for (std::size_t begin = 0; begin < list.size(); begin += kRowsPerLook) {
      if (query.is_late()) return;
      const std::size_t n = std::min(kRowsPerLook, list.size() - begin);
      features.clear();
      for (std::size_t r = begin; r < begin + n; ++r) maker.add_features(r, features);
      trees_.score(features, std::span(scores).subspan(begin, n));
    }
    // What is not on the list stands below it, a hair apart, in the blend's order. Items that were
    // taken before may stand above the list's last by the blend; the caller leaves them out.
    const auto lowest = static_cast<float>(*std::min_element(scores.begin(), scores.end()));
    const auto blend = maker.blend();
    const float top = *std::max_element(blend.begin(), blend.end());
    for (const ItemId item : shortlister_.eligible)
      out[item.index()] = lowest - 0.5f + kHair * (blend[item.index()] - top);
    for (std::size_t r = 0; r < list.size(); ++r)
      out[list[r].index()] = static_cast<float>(scores[r]);
  }

  std::vector<Contribution> contributions(const Query& query, std::span<const ItemId> items,
                                          std::span<float> scratch) const override {
    return contributions_of(shortlister_.parts, weights_of(shortlister_.config.parts),
                            shortlister_.eligible.span(), query, items, scratch);
  }

  bool knows(const Query& query) const override {
    return std::any_of(shortlister_.parts.begin(), shortlister_.parts.end(),
                       [&](const ModelPtr& part) { return part->knows(query); });
  }

  ModelPtr advanced(const History& before, const History& now) const override {
    return std::make_shared<Reranker>(sartor::advanced(shortlister_, before, now), trees_);
  }

  Status save(TensorFile& out) const override {
    save_config(out, shortlister_.config);
    out.add("eligible", shortlister_.eligible.span());
    SARTOR_TRY(shortlister_.facts.save(out));
    return trees_.save(out);
  }

  std::vector<std::pair<std::string, double>> importance() const {
    const auto components = part_names(shortlister_.config);
    const auto names = rerank_feature_names(components, shortlister_.facts.has_categories());
    const auto gain = trees_.importance();
    std::vector<std::pair<std::string, double>> out;
    for (std::size_t f = 0; f < names.size(); ++f) out.emplace_back(names[f], gain[f]);
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return out;
  }

 private:
  static constexpr float kHair = 1e-3f;
  static constexpr std::size_t kRowsPerLook = 64;  // at the clock

  Shortlister shortlister_;
  Trees trees_;
};

}  // namespace

Result<Shortlister> make_shortlister(const ModelMap& components, const RerankConfig& config,
                                     std::vector<ItemId> eligible, ItemFacts facts) {
  Shortlister shortlister{.config = config, .facts = std::move(facts)};
  SARTOR_ASSIGN(shortlister.parts,
                parts_of(components, shortlister.config.parts, RerankConfig::kFamily));
  if (eligible.empty()) return Error{ErrorCode::invalid_argument, "rerank: no item may be listed"};
  shortlister.eligible = std::move(eligible);
  return shortlister;
}

Shortlister advanced(const Shortlister& shortlister, const History& before, const History& now) {
  Shortlister moved{.config = shortlister.config};
  for (const ModelPtr& part : shortlister.parts) moved.parts.push_back(advanced(part, before, now));
  moved.eligible = eligible_items(now);
  moved.facts = shortlister.facts.moved_to(now);
  return moved;
}

Result<TreeRows> rerank_rows(const Shortlister& shortlister, const Cases& cases,
                             const History& history, std::size_t depth,
                             const Resources& resources) {
  TreeRows rows{.features = rerank_feature_names(part_names(shortlister.config),
                                                 shortlister.facts.has_categories())
                                .size()};
  for (const CasesInTime& part : in_time(cases)) {
    const History now = history_at(part, cases, history);
    const bool moves = now.as_of() != history.as_of();
    const Shortlister moved = moves ? advanced(shortlister, history, now) : Shortlister{};
    SARTOR_TRY(append_rows(moves ? moved : shortlister, cases, part.cases, history, depth,
                           resources, rows));
  }
  return rows;
}

Result<ModelPtr> make_rerank(Shortlister shortlister, Trees trees) {
  const std::size_t features =
      rerank_feature_names(part_names(shortlister.config), shortlister.facts.has_categories())
          .size();
  if (trees.features() != features) {
    return Error{
        ErrorCode::invalid_argument,
        fmt::format("rerank: trees of {} features where there are {}", trees.features(), features)};
  }
  return ModelPtr(std::make_shared<Reranker>(std::move(shortlister), std::move(trees)));
}

Result<ModelPtr> load_rerank(const TensorFile& file, const ModelMap& components) {
  SARTOR_ASSIGN(const auto config, load_config<RerankConfig>(file));
  SARTOR_ASSIGN(const auto eligible, file.get<ItemId>("eligible"));
  SARTOR_ASSIGN(ItemFacts facts, ItemFacts::load(file));
  SARTOR_ASSIGN(Trees trees, Trees::load(file));
  SARTOR_ASSIGN(
      Shortlister shortlister,
      make_shortlister(components, config, {eligible.begin(), eligible.end()}, std::move(facts)));
  return make_rerank(std::move(shortlister), std::move(trees));
}

std::vector<std::pair<std::string, double>> rerank_importance(const Model& model) {
  const auto* reranker = dynamic_cast<const Reranker*>(&model);
  return reranker == nullptr ? std::vector<std::pair<std::string, double>>()
                             : reranker->importance();
}

}  // namespace sartor
