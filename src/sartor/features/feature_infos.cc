// The list of built-in features, and docs/features.md.
#include <fmt/core.h>

#include <array>

#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"
#include "sartor/features/item_features.h"
#include "sartor/features/sql_features.h"

namespace sartor {

namespace {

using features::kFeatures;

constexpr std::array<FeatureInfo, kFeatures> kInfos = {{
    {"events", false, "events", "0", "events of any type"},
    {"positives", false, "events", "0", "events that `signal.positive` calls a success"},
    {"groups", false, "groups", "0", "distinct groups (baskets, sessions as given)"},
    {"sessions", false, "sessions", "0",
     "sessions of events that have a time, as `features.sessions` tells them apart"},
    {"events_7d", false, "events", "0", "events in the last 7 days"},
    {"events_28d", false, "events", "0", "events in the last 28 days"},
    {"positives_28d", false, "events", "0", "positives in the last 28 days"},
    {"activity_level", false, "share", "0",
     "days with an event among the last 28 (periods of 24 hours before the moment), divided by 28"},
    {"frequency", false, "sessions", "missing",
     "sessions per 30 days since the first event; a first event within the last day counts as a "
     "day ago"},
    {"value_sum", false, "value", "0", "sum of `value` over positives"},
    {"value_mean", false, "value", "missing", "mean `value` of the positives that have one"},
    {"value_28d", false, "value", "0", "sum of `value` over the positives of the last 28 days"},
    {"price_level", false, "share", "missing",
     "mean place of the positives' items among the prices of their category: 0 the cheapest, 1 the "
     "dearest; the share that is cheaper, and half of those as dear"},
    {"days_since_first", false, "days", "missing",
     "since the first event that has a time (tenure)"},
    {"days_since_last", false, "days", "missing", "since the last event that has a time (recency)"},
    {"mean_gap_days", false, "days", "missing",
     "mean time from the start of a session to the start of the next; missing with one session"},
    {"avg_session_time", false, "minutes", "missing",
     "mean time from a session's first event to "
     "its last"},
    {"dwell_mean", false, "seconds", "missing",
     "mean `dwell_seconds` of the events that have it; with `features.normalise_dwell`, the "
     "difference from what is usual"},
    {"ctr", false, "share", "missing",
     "clicks per impression, by `features.click` and `features.impression`; with "
     "`clean.normalise_ctr`, the difference from what is usual"},
    {"conversion", false, "share", "missing",
     "share of the sessions with a positive; with `features.normalise_conversion`, the difference "
     "from what is usual"},
    {"engagement", false, "weighted events", "0",
     "sum over the events that have a time of w(type) * 2^(-age in days / "
     "`features.engagement_half_life_days`), w by `features.engagement`"},
    {"purchase_intent", false, "weighted items", "0",
     "sum, over the items that were looked at in the last `features.intent_days` days and not "
     "taken "
     "since, of the largest `features.intent` among their events; missing where the log has no "
     "event of such a type"},
    {"favourite_category", true, "word", "missing",
     "the commonest item `category` among positives; the first by bytes of equals"},
    {"category_share", false, "share", "missing",
     "positives of the favourite category among those that have one"},
    {"category_entropy", false, "bits", "missing",
     "entropy of the categories among positives: 0 is one category, 1 is two equal ones"},
    {"novelty_appetite", false, "bits", "missing",
     "mean self-information of the positives' items: log2 of all positives by all users over those "
     "of the item, every item counted once more (Zhou et al., PNAS 2010; Vargas and Castells, "
     "RecSys "
     "2011); rare items say more"},
    {"discovery_share", false, "share", "missing",
     "of the positives behind the first, those of items that the user had not taken before (Kapoor "
     "et al., RecSys 2015)"},
    {"favourite_hour", false, "hour, 0 to 23", "missing",
     "the hour with most events; the earliest of equals"},
    {"favourite_weekday", true, "word", "missing",
     "the day of the week with most events; the first by bytes of equals"},
    {"night_share", false, "share", "missing",
     "events from `features.night_from` to `features.night_until`"},
    {"weekend_share", false, "share", "missing", "events on Saturday and Sunday"},
    {"favourite_device", true, "word", "missing",
     "the commonest value of the context key `features.device`"},
    {"favourite_os", true, "word", "missing",
     "the commonest value of the context key `features.os`"},
    {"season", true, "word", "missing",
     "the season with most events: winter is December to February; the first by bytes of equals"},
    {"season_share", false, "share", "missing", "events in the season of the moment itself"},
    {"season_taste", true, "word", "missing",
     "the season whose items make up most of the positives, if two of them and 15 % are such; an "
     "item is a season's if its rate of sale then is 45 % of the seasons' sum, once the log has "
     "run "
     "for 240 days"},
    {"seasonal_share", false, "share", "missing", "positives of items that sell in one season"},
}};

constexpr FeatureInfo kShareGroups[] = {
    {"interest", false, "share", "missing", "positives of items of the `category`"},
    {"device", false, "share", "missing", "events with this value of `features.device`"},
    {"os", false, "share", "missing", "events with this value of `features.os`"},
    {"daypart", false, "share", "missing",
     "events at `night` (as night_share), in the `morning` (until 12), `afternoon` (until 18) or "
     "`evening`"},
    {"weekday", false, "share", "missing", "events on `monday` to `sunday`"},
};

constexpr const char* kMoreToKnow = R"md(
Shares (`interest.toys > 0.3`, `"interest.Home & Garden"`) are made where a rule or a cluster names one of their group: 64 of the group's words, and those named. A cluster may name the group
itself (`features = ["interest", "daypart"]`): its columns together weigh as much as one number.

## Features of your own, in SQL

```toml
[features.sql]
carts_7d     = "count(*) FILTER (WHERE type = 'cart' AND days_ago <= 7)"
basket_value = "sum(value) / count(DISTINCT \"group\")"
last_brand   = "last(context.brand)"
```

One expression over the user's own events before the moment, oldest first: the filter on time is Sartor's, and no expression sees beyond it. Rules, clusters, profiles and the server know the name as
they know the features above. The server evaluates it over the live log of whoever the bundle has no events of; features of the others are as of the bundle, as all features are. Columns are those of an
event:

| column | what it is |
|---|---|
| `type`, `value`, `dwell_seconds` | as in the log; `weight` is the signal's, 0 for what is no success |
| `item`, `category`, `price_level` | the item's name, its `category`, its place among the prices of the category (0 to 1) |
| `time`, `days_ago` | UTC text such as `2011-09-05T08:48:00Z`; days before the moment. Missing where the log has no time |
| `hour`, `weekday`, `month` | 0 to 23, `monday` to `sunday`, 1 to 12, by `features.utc_offset_hours` |
| `"group"` | basket or session; only to be counted: `count(DISTINCT "group")` |
| `context.<key>` | facts of the moment |

)md";

std::string sql_words() {
  return fmt::format(
      "Aggregates are {}; with `DISTINCT` and `FILTER (WHERE …)`. Around and inside of them stand "
      "what rules may use: arithmetic, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, CASE, "
      "COALESCE "
      "and the functions {}.\nMissing values are skipped, nothing at all is missing but a count of "
      "0, a condition counts as 1 or 0. All else (subqueries, other tables, files, casts) is "
      "refused when the config is read, an unknown column once the log is, with the place in the "
      "text "
      "and the nearest name.\nAn "
      "expression is never handed to a database. A run whose expressions need longer than "
      "`features.sql_seconds` for one moment stops.\n",
      join(sql_aggregates(), ", "), join(sql_functions(), ", "));
}

}  // namespace

std::span<const FeatureInfo> share_groups() { return kShareGroups; }

std::span<const FeatureInfo> user_feature_infos() { return kInfos; }

std::string features_markdown() {
  std::string text =
      "# Features\n\n"
      "What rules, clusters and profiles can name. Every feature is told as of a moment, from the "
      "user's own events before it.\nThis file is generated; the settings are those of "
      "`[features]`.\n\n"
      "| feature | unit | without history | what it is |\n|---|---|---|---|\n";
  for (const FeatureInfo& info : kInfos) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", info.name, info.unit, info.without_history,
                        info.help);
  }
  for (const FeatureInfo& group : kShareGroups) {
    text += fmt::format("| `{}.<word>` | {} | {} | {} |\n", group.name, group.unit,
                        group.without_history, group.help);
  }
  text +=
      "| `context.<key>` | as given | missing | the last known value of the context key |\n"
      "| `<attribute>` | as given | as given | every attribute of `[[users]]`; `user.<attribute>` "
      "where a feature above has the name |\n"
      "| `<name of features.sql>` | as given | as given | SQL of your own, see below |\n"
      "| `embedding` | coordinates | missing | in `features` of a cluster only: all coordinates of "
      "the user's vector |\n\n"
      "A missing value is SQL's `NULL`: a rule such as `days_since_last > 60` is not true of a "
      "user "
      "without history.\n";
  text += kMoreToKnow;
  text += sql_words();
  text +=
      "\n## Of items\n\nFrom the events of all users before the bundle's moment. They stand beside "
      "the attributes of its items, so that filters and boosts of a request "
      "([http.md](http.md)) may name them: "
      "`\"filter\": {\"feature.trend\": {\"min\": 0}}`. The re-ranker has item features of its own "
      "([models.md](models.md)).\n\n"
      "| feature | unit | without events | what it is |\n|---|---|---|---|\n";
  for (const FeatureInfo& info : item_feature_infos()) {
    text += fmt::format("| `{}{}` | {} | {} | {} |\n", kItemFeaturePrefix, info.name, info.unit,
                        info.without_history, info.help);
  }
  text +=
      "\n## Of segments\n\nEvery feature of users, over the users of the segment: the mean of "
      "those "
      "who have a value, or the commonest word and its share among them, and of what share of the "
      "users it is known (`profiles` of the run's details, and the report's cards).\n";
  return text;
}

}  // namespace sartor
