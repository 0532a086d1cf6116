// A small bundle for tests: a tea shop with two tastes, its segments and models.
#pragma once

#include <functional>
#include <string>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/serving/bundle.h"
#include "sartor/store/folder.h"

namespace sartor {

struct TestBundleOptions {
  std::string version = "f00d";
  bool repeat = false;
  std::size_t erased = 0;  // erasures that its run knew
  FeatureConfig features;
  FeatureRequest request;
  // Called before the folder is published, to break or add something.
  std::function<void(const StagedFolder&)> change;
  std::function<void(Json& routes)> change_routes;
};

// Writes the bundle to `folder` (replacing it). Users 000 … 039: even ones buy teas ("tea-0" … 5),
// odd ones coffees ("coffee-0" … 5) on distinct days, all but their favourite number u % 6; user
// "new" is known and never bought. "late" was not seen before the bundle's moment. Item
// attributes, which "late" lacks: `text` calls tea-0 (only) "Green <tea>"; `category` is tea or
// coffee; `tags` are "hot", of teas "hot| black" (even) or "hot| green"; `price` is 1 + i of
// coffee-i and 11 + i of tea-i. Segments: "tablets" (context.device = 'tablet'),
// "loyal" (events >= 4), "newcomers" (events = 0), everyone else. Models: popularity, item_knn,
// own_history; "general" blends popularity and item_knn, "loyal" (for the segment, route
// "blended/2") item_knn and own_history; tablets lead to the model "tablets", which is not there.
Status write_test_bundle(const std::string& folder, const TestBundleOptions& options = {});

// The bundle in `folder`, with `change` made in memory.
Result<std::shared_ptr<Recommender>> open_changed(const std::string& folder,
                                                  const std::function<void(Bundle&)>& change);

// A model that takes 20 seconds, and gives up when its query is late; its scores are 1e9.
ModelPtr sleeping_model();

}  // namespace sartor
