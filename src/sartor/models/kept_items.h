// The part of the catalogue that a model has numbers for, and the way from one numbering to the
// other.
#pragma once

#include <span>
#include <vector>

#include "sartor/models/array.h"
#include "sartor/models/model.h"
#include "sartor/models/user_items.h"

namespace sartor {

class KeptItems {
 public:
  KeptItems() = default;
  // `items` ascending; `strangers` has one score per kept item.
  KeptItems(std::size_t catalogue, std::vector<ItemId> items, std::vector<float> strangers);

  std::size_t size() const { return items_.size(); }
  std::size_t catalogue() const { return place_->size(); }
  std::span<const ItemId> items() const { return items_.span(); }

  // profile() of user_items.h over the kept items, in their numbering.
  std::vector<ProfileEntry> profile(const Query& query, double weight_power,
                                    double half_life_days) const;
  bool any_of(const Query& query) const;
  // out[item] = values[its place], 0 for items that are not kept.
  void scatter(std::span<const float> values, std::span<float> out) const;
  // What somebody without any kept item gets.
  void strangers(std::span<float> out) const { scatter(strangers_.span(), out); }

  void save(TensorFile& out) const;
  static Result<KeptItems> load(const TensorFile& file);

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  void index(std::size_t catalogue);

  Array<ItemId> items_;
  Array<float> strangers_;
  std::shared_ptr<const std::vector<std::uint32_t>> place_ =
      std::make_shared<const std::vector<std::uint32_t>>();  // per item of the catalogue
};

}  // namespace sartor
