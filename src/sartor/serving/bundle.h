// A bundle in memory: everything that an answer needs, checked once. Weights stay mapped.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/catalogue.h"
#include "sartor/features/user_features.h"
#include "sartor/live/erasures.h"
#include "sartor/models/embedding.h"
#include "sartor/models/model.h"
#include "sartor/segments/segmentation.h"
#include "sartor/serving/service.h"

namespace sartor {

struct Bundle {
  BundleInfo info;
  bool repeat = false;
  std::string positive = "true";  // [signal] of the run that made it
  std::string weight = "1";
  Catalogue catalogue;
  FeatureSpace space;
  std::optional<Embedding> embedding;
  Segmentation segmentation;
  ModelMap models;  // by the folder's name under models/
  ModelPtr general;
  std::vector<ModelPtr> segment_models;     // per segment; null where it cannot be used
  std::vector<std::uint32_t> user_segment;  // per user of the catalogue
  std::vector<float> takers;                // users who took an item, per item: the last resort
  std::string similar_name;                 // the component that knows similar items, "" if none
  ModelPtr similar;
  std::shared_ptr<const Erasures> erasures;  // of the workspace, when it was loaded
};

// As Recommender::open.
Result<std::unique_ptr<const Bundle>> load_bundle(const std::string& folder);

}  // namespace sartor
