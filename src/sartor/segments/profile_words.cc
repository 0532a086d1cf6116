#include "sartor/segments/profile_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"

namespace sartor {
namespace {

// {0} is the segment, {1} everybody; percent: both are shares.
struct Phrase {
  std::string_view feature;
  std::string_view topic;
  const char* text;
  bool percent = false;
};

constexpr Phrase kPhrases[] = {
    {"events", "activity", "{0} events on average against {1}"},
    {"positives", "activity", "{0} successes on average against {1}"},
    {"groups", "activity", "{0} groups (baskets, visits) on average against {1}"},
    {"sessions", "activity", "{0} sessions on average against {1}"},
    {"events_7d", "lately", "{0} events in the last 7 days against {1}"},
    {"events_28d", "lately", "{0} events in the last 28 days against {1}"},
    {"positives_28d", "lately", "{0} successes in the last 28 days against {1}"},
    {"activity_level", "lately", "{0} of the last 28 days active against {1}", true},
    {"frequency", "rhythm", "{0} sessions a month against {1}"},
    {"value_28d", "value", "worth {0} in the last 28 days against {1}"},
    {"price_level", "price", "at {0} of the price range against {1}", true},
    {"engagement", "lately", "engagement {0} against {1}"},
    {"purchase_intent", "intent", "{0} items looked at and not taken against {1}"},
    {"category_share", "variety", "{0} from the favourite category against {1}", true},
    {"novelty_appetite", "novelty", "items of {0} bits of novelty against {1}"},
    {"discovery_share", "novelty", "{0} of what they take is new to them against {1}", true},
    {"value_sum", "value", "worth {0} on average against {1}"},
    {"value_mean", "value", "{0} spent at a time against {1}"},
    {"days_since_last", "recency", "last seen {0} days ago against {1}"},
    {"days_since_first", "age", "first seen {0} days ago against {1}"},
    {"mean_gap_days", "rhythm", "{0} days between sessions against {1}"},
    {"avg_session_time", "session", "sessions of {0} minutes against {1}"},
    {"dwell_mean", "dwell", "look for {0} seconds against {1}"},
    {"ctr", "ctr", "click on {0} of what they see against {1}", true},
    {"conversion", "conversion", "{0} of the sessions succeed against {1}", true},
    {"category_entropy", "variety", "{0} bits of variety in categories against {1}"},
    {"favourite_hour", "hour", "come around hour {0} against {1}"},
    {"night_share", "hour", "{0} of events at night against {1}", true},
    {"weekend_share", "weekend", "{0} of events at weekends against {1}", true},
    {"season_share", "season", "{0} of events in this season of the year against {1}", true},
    {"seasonal_share", "season", "{0} of items that sell in one season against {1}", true},
};

const Phrase* find_phrase(std::string_view feature) {
  const auto* found = std::find_if(std::begin(kPhrases), std::end(kPhrases),
                                   [&](const Phrase& phrase) { return phrase.feature == feature; });
  return found == std::end(kPhrases) ? nullptr : found;
}

std::string percent(double share) {
  const double value = 100 * share;
  return value > 0 && value < 9.95 ? fmt::format("{:.1f}%", value) : fmt::format("{:.0f}%", value);
}

// Two or three digits that matter: 0.42, 4.2, 12, 412, 12,345.
std::string plain(double x) {
  const double size = std::abs(x);
  if (size >= 1000) return with_thousands(std::llround(x));
  if (size >= 9.95 || x == std::round(x)) return fmt::format("{:.0f}", x);
  if (size >= 0.95) return fmt::format("{:.1f}", x);
  return fmt::format("{:.2g}", x);
}

// What the word is a value of, as people say it: context.country -> country.
std::string label_of(std::string feature) {
  for (const std::string_view prefix : {"context.", "favourite_", "user."}) {
    if (feature.starts_with(prefix)) feature = feature.substr(prefix.size());
  }
  std::replace(feature.begin(), feature.end(), '_', ' ');
  return feature;
}

}  // namespace

std::string_view topic_of(const Contrast& contrast) {
  const Phrase* phrase = find_phrase(contrast.feature);
  return phrase == nullptr ? std::string_view(contrast.feature) : phrase->topic;
}

std::string in_words(const Contrast& contrast) {
  if (contrast.feature == "took") {
    return fmt::format("{} ({} against {})", contrast.word, percent(contrast.segment),
                       percent(contrast.all));
  }
  if (!contrast.word.empty()) {
    const char* how = contrast.z < 0            ? "less often"
                      : contrast.segment >= 0.5 ? "mostly"
                                                : "more often";
    return fmt::format("{} {} {} ({} against {})", how, label_of(contrast.feature),
                       printable(contrast.word, 40), percent(contrast.segment),
                       percent(contrast.all));
  }
  const Phrase* phrase = find_phrase(contrast.feature);
  const auto number = [&](double x) {
    return phrase != nullptr && phrase->percent ? percent(x) : plain(x);
  };
  std::string segment = number(contrast.segment), all = number(contrast.all);
  if (segment == all && !(phrase != nullptr && phrase->percent)) {  // they differ, if by little
    segment = fmt::format("{:.3g}", contrast.segment);
    all = fmt::format("{:.3g}", contrast.all);
  }
  if (phrase == nullptr) {
    return fmt::format("{} {} on average against {}", label_of(contrast.feature), segment, all);
  }
  return fmt::format(fmt::runtime(phrase->text), segment, all);
}

}  // namespace sartor
