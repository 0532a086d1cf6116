// Contrasts in plain words. Nobody but profile.cc includes this.
#pragma once

#include <string>
#include <string_view>

#include "sartor/segments/profile.h"

namespace sartor {

// The sentence of a segment that nothing sets apart.
inline constexpr std::string_view kLikeEverybody = "; much like everybody";

// What a contrast is about, so that a sentence does not say the same twice: events, sessions and
// groups are all "activity".
std::string_view topic_of(const Contrast& contrast);

// "11 groups on average against 4.2".
std::string in_words(const Contrast& contrast);

}  // namespace sartor
