// Facts about items as of a moment: what a bundle's filters and boosts may name beside attributes.
#pragma once

#include <span>
#include <string>

#include "sartor/features/user_features.h"

namespace sartor {

// "feature.trend": the column of an item feature among the attributes of a bundle's items.
inline constexpr const char* kItemFeaturePrefix = "feature.";

// All item features, in the order of the table's columns.
std::span<const FeatureInfo> item_feature_infos();

// One row per item of the vocabulary, from events of all users before `as_of` alone; columns are
// named with the prefix. Linear in the events but for one sort of them.
Table item_features(const Dataset& data, const FeatureSpace& space, Time as_of);

}  // namespace sartor
