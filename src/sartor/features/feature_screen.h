// Which features say nothing about anybody, and which say what they cannot know.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/data/dataset.h"

namespace sartor {

struct LeftOutFeature {
  std::string feature;
  std::string reason;
  bool leak = false;  // it predicts perfectly: nothing may use it

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"feature", &LeftOutFeature::feature, "name"},
        Field{"reason", &LeftOutFeature::reason, "why it is left out"},
        Field{"leak", &LeftOutFeature::leak, "it tells without an error who comes back"});
  }
};

// Of one window: who had a success there.
struct CameBack {
  std::string window;
  std::vector<std::uint8_t> of_row;  // of every row of the table
};

// Over `rows` of the table, in the order of its columns but embeddings: features that are missing
// for everybody or have one value, and those of `given` (attributes: what is counted from events
// before the moment cannot know) that tell perfectly who comes back in one of the windows, though
// at least kFewestToJudge users do and as many do not. Numbers do so by a threshold, missing ones
// on either side of it or apart; words if everybody with the same word does the same, as long as
// words are shared by ten users on average.
inline constexpr std::size_t kFewestToJudge = 20;
std::vector<LeftOutFeature> screen_features(const Table& table, std::span<const std::uint32_t> rows,
                                            std::span<const std::string> given,
                                            std::span<const CameBack> windows);

}  // namespace sartor
