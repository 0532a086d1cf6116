#include "sartor/models/kept_items.h"

#include <algorithm>

namespace sartor {

KeptItems::KeptItems(std::size_t catalogue, std::vector<ItemId> items, std::vector<float> strangers)
    : items_(std::move(items)), strangers_(std::move(strangers)) {
  assert(items_.size() == strangers_.size());
  index(catalogue);
}

void KeptItems::index(std::size_t catalogue) {
  std::vector<std::uint32_t> place(catalogue, kNowhere);
  for (std::size_t k = 0; k < items_.size(); ++k) {
    place[items_[k].index()] = static_cast<std::uint32_t>(k);
  }
  place_ = std::make_shared<const std::vector<std::uint32_t>>(std::move(place));
}

std::vector<ProfileEntry> KeptItems::profile(const Query& query, double weight_power,
                                             double half_life_days) const {
  auto entries = sartor::profile(query, catalogue(), weight_power, half_life_days);
  std::size_t n = 0;
  for (const ProfileEntry& entry : entries) {
    const std::uint32_t place = (*place_)[entry.item];
    if (place != kNowhere) entries[n++] = {place, entry.value};
  }
  entries.resize(n);
  return entries;
}

bool KeptItems::any_of(const Query& query) const {
  return std::any_of(query.history.begin(), query.history.end(), [&](const Interaction& row) {
    return row.item.index() < catalogue() && (*place_)[row.item.index()] != kNowhere;
  });
}

void KeptItems::scatter(std::span<const float> values, std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  for (std::size_t k = 0; k < items_.size(); ++k) out[items_[k].index()] = values[k];
}

void KeptItems::save(TensorFile& out) const {
  const std::uint64_t catalogue_size = catalogue();
  out.add("catalogue", std::span<const std::uint64_t>(&catalogue_size, 1));
  out.add("items", items_.span());
  out.add("strangers", strangers_.span());
}

Result<KeptItems> KeptItems::load(const TensorFile& file) {
  KeptItems kept;
  SARTOR_ASSIGN(const auto catalogue, Array<std::uint64_t>::of(file, "catalogue", 1));
  SARTOR_ASSIGN(kept.items_, Array<ItemId>::of(file, "items"));
  SARTOR_ASSIGN(kept.strangers_, Array<float>::of(file, "strangers", kept.items_.size()));
  for (const ItemId item : kept.items_) {
    if (item.index() >= catalogue[0]) {
      return Error{ErrorCode::bad_data, fmt::format("tensor 'items': item {} of a catalogue of {}",
                                                    item.value, catalogue[0])};
    }
  }
  kept.index(catalogue[0]);
  return kept;
}

}  // namespace sartor
