// The report's words for what the JSON says in codes, and the definitions of its numbers.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

using Words = std::pair<const char*, const char*>;

constexpr auto kReasons = std::to_array<Words>({
    {"proved", "Better by more than the smallest gain that counts, and no guard was hurt."},
    {"not_proved", "Tested, but the gain could be chance: general stays."},
    {"no_candidate", "There was no candidate to test."},
    {"not_better_on_validate", "No candidate beat general on validate, so none was tested."},
    {"guard_failed", "Better on the main metric perhaps, but a guard metric may have got worse."},
    {"too_few_users", "Too few held-out users for an honest test."},
    {"too_few_differences",
     "Too few users for whom the two lists score differently, each counted by how much."},
    {"identical", "The candidate's lists score exactly as general's do."},
    {"no_variation", "Every user differs by the same amount: no interval can be computed."},
});

constexpr auto kAdaptations = std::to_array<Words>({
    {"general", "general model"},
    {"blended", "own blend weights"},
    {"fine_tuned", "fine-tuned"},
    {"separate", "model of its own"},
    {"multi_task", "shared layers, own head"},
});

constexpr auto kWarnings = std::to_array<Words>({
    {"general_undertuned",
     "Even random segments gained from adaptation. What helps everybody belongs into the general "
     "model: tune that first."},
    {"control_promoted", "One random segment was promoted; by chance that happens in 1 run of 20."},
    {"gate_leaks",
     "Random segments were promoted in too many of the last runs: the evidence is too kind."},
    {"unstable", "The gain differs between the two halves of confirm by more than chance allows."},
    {"hopeless",
     "Only a gain above 20% could have been proved, so nothing was tuned for this segment."},
    {"guard_hopeless", "With so few users the guard cannot pass, whatever the model does."},
    {"users_overlap",
     "Many users are in validate and confirm alike; gate.users = \"disjoint\" would be safer."},
    {"search_thinned", "Searches did not look at everybody; verdicts do."},
    {"cases_thinned", "There were more moments to judge than evaluation.max_cases."},
    {"segmentation", ""},
    {"feature_left_out", "A feature says nothing, or what it cannot know, and was left out."},
    {"component_left_out", "Part of the general model could not be fitted, and was left out."},
    {"candidate_left_out", "A fine-tuned candidate could not be fitted, and was left out."},
    {"model_note", ""},
    {"looks", "This confirm window was looked at before; each further look is paid for."},
});

constexpr auto kDefinitions = std::to_array<Words>({
    {"Held-out user",
     "A user with something to find in the window. All values are means over users."},
    {"Validate, confirm, test",
     "Three windows in time, in this order. Everything is chosen on validate. Confirm is asked "
     "once, "
     "and decides. Test is only reported. Each window is predicted by models refitted on all that "
     "came before it, so the evidence is about the recipe."},
    {"General", "The model fitted to all users, and every segment's fallback."},
    {"Chosen, served",
     "Chosen is the winner on validate, whether it is served or not. Served is what users get "
     "after the decisions."},
    {"Gain",
     "The mean difference per user between chosen and general, as a share of general's mean."},
    {"95% interval",
     "From the paired differences of the users: the wider of Student's t and Hall's "
     "skewness-corrected t on each side, 2.5% beyond each bound. It holds for the users of this "
     "window, not for other seasons."},
    {"p",
     "How often a gain that is not larger than the smallest gain that counts would look like this "
     "one "
     "or better. With joint guards it is the largest of the p values of the metric and its "
     "guards."},
    {"Threshold",
     "What p has to stay below so that, of all promotions, on average no more than the share q is "
     "false (Benjamini-Hochberg over the tested segments)."},
    {"Smallest gain that counts",
     "gate.min_gain: a gain has to exceed it, not just zero, because effects drift from window to "
     "window."},
    {"Smallest provable gain",
     "The true gain that this segment's users would have proved in 4 of 5 runs. Gains below it may "
     "exist; they could not be seen."},
    {"Guard", "A second metric that may not be worse than general by more than its margin."},
    {"Shrunk gain",
     "The gain pulled towards the mean of all segments, as far as its own uncertainty asks for. "
     "The best-looking of several gains is too good to be true; this is the one to expect. It "
     "informs, "
     "it never decides."},
    {"Expected live gain",
     "The shrunk gains of the adapted segments, each times its share of the users, added up."},
    {"Negative control",
     "Users put into random segments, with the same candidates, the same budget and a more "
     "sensitive "
     "gate. What random segments gain is not owed to the segmentation."},
    {"Linear blend, best general model",
     "The linear blend is a weighted sum of the components. The best general model may rank its "
     "list "
     "anew with trees. Both are searched for everybody first; what is tailored starts from there."},
    {"coverage@10", "The share of the eligible items that stand in at least one top-10 list."},
    {"Looks",
     "How many different gates have read this confirm window. The k-th has to pass at q divided "
     "by k squared."},
    {"Contrast",
     "How far a segment's mean lies from the mean of all users, in standard deviations of all "
     "users."},
    {"Stability",
     "Adjusted Rand index and Jaccard overlap between segmentations fitted to resampled users: 1 "
     "is the "
     "same segments again, 0 is chance."},
});

template <class Table>
std::string look_up(const Table& table, const std::string& code, const std::string& otherwise) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Words& entry) { return code == entry.first; });
  return found == table.end() ? otherwise : found->second;
}

}  // namespace

std::string reason_words(const std::string& reason) {
  return look_up(kReasons, reason, reason.empty() ? "–" : reason);
}

std::string adaptation_words(const std::string& adaptation) {
  return look_up(kAdaptations, adaptation, adaptation);
}

std::string warning_words(const std::string& code) { return look_up(kWarnings, code, code); }

// The run's own definitions come first and take the place of ours of the same name.
Markup definitions_section(const Report& report) {
  Markup list;
  std::vector<std::string> seen;
  const Json& given = at(report.details, "definitions");
  if (given.is_array()) {
    for (const Json& entry : given) {
      if (seen.size() >= 100) break;
      seen.push_back(words(entry, "name"));
      list += html("<div><dt>{}</dt><dd>{}</dd></div>\n", seen.back(), prose(words(entry, "text")));
    }
  }
  for (const auto& [name, meaning] : kDefinitions) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    list += html("<div><dt>{}</dt><dd>{}</dd></div>\n", name, prose(meaning));
  }
  return section("definitions", "What the numbers mean",
                 html("<dl class=\"terms\">\n{}</dl>\n", list));
}

}  // namespace sartor::report
