// The vectors are trained in skip_gram.cc; here they answer queries.
#include "sartor/models/item2vec.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

// Scales to length 1; leaves zeros alone.
void normalise(std::span<float> v) {
  double squares = 0;
  for (const float value : v) squares += double{value} * value;
  if (squares == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& value : v) value *= scale;
}

// In eight strands, for speed.
float dot(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t kStrands = 8;
  float strand[kStrands] = {};
  std::size_t k = 0;
  for (; k + kStrands <= a.size(); k += kStrands) {
    for (std::size_t l = 0; l < kStrands; ++l) strand[l] += a[k + l] * b[k + l];
  }
  float sum = 0;
  for (; k < a.size(); ++k) sum += a[k] * b[k];
  for (const float part : strand) sum += part;
  return sum;
}

// What a mean is taken of. Weights are relative to the latest interaction: however long ago all of
// them were, they do not vanish.
std::vector<ProfileEntry> recent_profile(const KeptItems& kept, Query query,
                                         double half_life_days) {
  if (!query.history.empty() && query.history.back().time != kUntimed) {
    query.as_of = query.history.back().time;
  }
  return kept.profile(query, 0, half_life_days);
}

KeptItems taken_items(const FitInput& input) {
  const std::vector<float> totals = item_totals(input);
  std::vector<bool> taken(totals.size(), false);
  for (std::uint32_t u = 0; u < input.history->users(); ++u) {
    for (const Interaction& row : input.history->of(UserId{u})) taken[row.item.index()] = true;
  }
  std::vector<ItemId> kept;
  std::vector<float> kept_totals;
  for (std::uint32_t i = 0; i < totals.size(); ++i) {
    if (!taken[i]) continue;
    kept.push_back(ItemId{i});
    kept_totals.push_back(totals[i]);
  }
  return KeptItems(totals.size(), std::move(kept), stranger_scores(kept_totals));
}

class Item2vec final : public Model {
 public:
  Item2vec(std::shared_ptr<const ItemVectors> vectors, double half_life_days)
      : vectors_(std::move(vectors)), half_life_days_(normal_half_life(half_life_days)) {}

  std::string_view family() const override { return Item2vecConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const KeptItems& kept = vectors_->kept();
    const auto profile = recent_profile(kept, query, half_life_days_);
    double total = 0;
    for (const ProfileEntry& entry : profile) total += entry.value;
    if (!(total > 0)) {
      kept.strangers(out);
      return;
    }
    std::vector<float> user(vectors_->dimensions());
    for (const ProfileEntry& entry : profile) {
      add_scaled(user, static_cast<float>(entry.value / total), vectors_->input().row(entry.item));
    }
    std::vector<float> scores(vectors_->prior().begin(), vectors_->prior().end());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (i % kRowsPerLook == 0 && query.is_late()) return;
      scores[i] += dot(user, vectors_->output().row(i));
    }
    kept.scatter(scores, out);
  }

  bool knows(const Query& query) const override { return vectors_->kept().any_of(query); }

  ModelPtr with_half_life(double days) const override {
    return std::make_shared<Item2vec>(vectors_, days);
  }

  Status save(TensorFile& out) const override {
    SARTOR_TRY(vectors_->save(out));
    Item2vecConfig config = vectors_->config();
    config.half_life_days = half_life_days_;
    save_config(out, config);
    return {};
  }

 private:
  static constexpr std::size_t kRowsPerLook = 4096;  // at the clock

  std::shared_ptr<const ItemVectors> vectors_;
  double half_life_days_;
};

ModelPtr make_item2vec(ItemVectors vectors) {
  const double half_life_days = vectors.config().half_life_days;
  return std::make_shared<Item2vec>(std::make_shared<const ItemVectors>(std::move(vectors)),
                                    half_life_days);
}

}  // namespace

Sequences sequences_of(const History& history, const KeptItems& kept) {
  std::vector<std::uint32_t> place(history.items(), 0);
  for (std::size_t k = 0; k < kept.size(); ++k) {
    place[kept.items()[k].index()] = static_cast<std::uint32_t>(k);
  }
  Sequences out{.items = kept.size(), .begin = {0}};
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.of(UserId{u});
    for (std::size_t r = 0; r < rows.size(); ++r) {
      out.item.push_back(place[rows[r].item.index()]);
      out.together.push_back(r > 0 && rows[r].time == rows[r - 1].time);
    }
    out.begin.push_back(out.item.size());
  }
  return out;
}

void ItemVectors::make_unit() {
  std::vector<float> values(input_.begin(), input_.end());
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    normalise(std::span(values).subspan(i * dimensions(), dimensions()));
  }
  unit_ = std::move(values);
}

void ItemVectors::user_vector(const Query& query, double half_life_days,
                              std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  for (const ProfileEntry& entry : recent_profile(kept_, query, half_life_days)) {
    add_scaled(out, entry.value, unit().row(entry.item));
  }
  normalise(out);
}

std::vector<Similar> ItemVectors::nearest(ItemId item, std::size_t k) const {
  const auto items = kept_.items();
  const auto found = std::lower_bound(items.begin(), items.end(), item);
  if (found == items.end() || *found != item) return {};
  const auto own = static_cast<std::size_t>(found - items.begin());
  std::vector<Similar> all;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != own) all.push_back({dot(unit().row(own), unit().row(i)), items[i].value});
  }
  k = std::min(k, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end());
  all.resize(k);
  return all;
}

Result<ItemVectors> fit_item_vectors(const FitInput& input, const Item2vecConfig& config,
                                     const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, Item2vecConfig::kFamily));
  ItemVectors out;
  out.config_ = config;
  out.kept_ = taken_items(input);
  const Sequences sequences = sequences_of(*input.history, out.kept_);
  SARTOR_ASSIGN(SkipGram fitted, fit_skip_gram(sequences, config, resources));
  std::vector<double> count(sequences.items, 0.0);
  for (const std::uint32_t item : sequences.item) count[item] += 1;
  std::vector<float> prior;
  for (const double n : count) {
    prior.push_back(static_cast<float>(config.negative_power * std::log(n)));
  }
  out.prior_ = std::move(prior);
  out.input_ = std::move(fitted.input.values());
  out.output_ = std::move(fitted.output.values());
  out.make_unit();
  return out;
}

Status ItemVectors::save(TensorFile& out) const {
  save_config(out, config_);
  kept_.save(out);
  out.add("input", input_.span(), {kept_.size(), dimensions()});
  out.add("output", output_.span(), {kept_.size(), dimensions()});
  out.add("prior", prior_.span());
  return {};
}

Result<ItemVectors> ItemVectors::load(const TensorFile& file) {
  ItemVectors out;
  SARTOR_ASSIGN(out.config_, load_config<Item2vecConfig>(file));
  SARTOR_TRY(check_config(out.config_));
  SARTOR_ASSIGN(out.kept_, KeptItems::load(file));
  const std::size_t size = out.kept_.size() * out.dimensions();
  SARTOR_ASSIGN(out.input_, Array<float>::of(file, "input", size));
  SARTOR_ASSIGN(out.output_, Array<float>::of(file, "output", size));
  SARTOR_ASSIGN(out.prior_, Array<float>::of(file, "prior", out.kept_.size()));
  for (const Array<float>* values : {&out.input_, &out.output_, &out.prior_}) {
    if (!std::all_of(values->begin(), values->end(), [](float v) { return std::isfinite(v); })) {
      return Error{ErrorCode::bad_data, "item2vec: a number is not finite"};
    }
  }
  out.make_unit();
  return out;
}

Result<ModelPtr> fit_item2vec(const FitInput& input, const Item2vecConfig& config,
                              const Resources& resources) {
  SARTOR_ASSIGN(ItemVectors vectors, fit_item_vectors(input, config, resources));
  return make_item2vec(std::move(vectors));
}

Result<ModelPtr> load_item2vec(const TensorFile& file) {
  SARTOR_ASSIGN(ItemVectors vectors, ItemVectors::load(file));
  return make_item2vec(std::move(vectors));
}

}  // namespace sartor
