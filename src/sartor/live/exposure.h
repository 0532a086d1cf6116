// One list that was shown, and its bytes in the log of exposures.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/breaker_stats.h"

namespace sartor {

struct ExposedItem {
  std::string item;
  double score = 0;  // of the model that made the list
};

struct Exposure {
  std::uint64_t number = 0;  // of the workspace's exposures, ascending from 1; gaps are possible
  std::string id;            // the one that the answer has and events name
  Time time = 0;
  std::string user;  // "" for nobody
  std::string segment;
  std::string route;
  std::string version;  // of the bundle
  Arm arm = Arm::none;
  std::string fallback;            // "" where the model that was meant answered
  std::vector<ExposedItem> items;  // by position
};

// Whether the general model made it, and not because the segment's own failed.
bool is_on_general(const Exposure& exposure);

std::string encode_exposure(const Exposure& exposure);
// Fails with `bad_data`. The bits of numbers are kept.
Result<Exposure> decode_exposure(std::string_view bytes);

}  // namespace sartor
