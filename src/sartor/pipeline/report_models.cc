// The general model with its components, and what was tried on the way.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

std::string parameters_words(const Json& parameters) {
  if (!parameters.is_object()) return words(parameters);
  std::string out;
  for (const std::string& key : keys_of(parameters)) {
    const Json& value = at(parameters, key);
    const auto n = number(value);
    const std::string shown = n ? significant(n) : words(value);
    if (shown.empty()) continue;
    out += (out.empty() ? "" : ", ") + key + " " + shown;
  }
  return out;
}

struct Component {
  std::string name{};
  std::string family{};
  std::string parameters{};
  std::optional<double> weight{};
  std::optional<double> validate{};
  std::optional<double> test{};
  Json lead{};  // of general over it: {difference, low, high}
};

// "0.0279 (0.021 to 0.0348)", or nothing.
std::string lead_words(const Json& lead) {
  const auto difference = number(lead, "difference");
  if (!difference) return "";
  return fmt::format("{} ({} to {})", significant(difference), significant(number(lead, "low")),
                     significant(number(lead, "high")));
}

// details.components if there are any, else the short list of the summary.
std::vector<Component> read_components(const Report& report) {
  std::vector<Component> out;
  const Json& given = at(report.details, "components");
  if (given.is_array() && !given.empty()) {
    for (const Json& one : given) {
      const std::string name = words(one, "name");
      std::string parameters = parameters_words(at(one, "parameters"));
      if (parameters.rfind(name + ", ", 0) == 0) parameters.erase(0, name.size() + 2);
      out.push_back({name, words(one, "family"), parameters, number(one, "weight"),
                     number(one, "validate", report.metric), number(one, "test", report.metric),
                     at(one, "lead")});
    }
  } else {
    const Json& named = at(report.summary, "general", "components");
    for (const std::string& name : keys_of(named)) {
      out.push_back({.name = name,
                     .test = number(named, name, "test", report.metric),
                     .lead = at(named, name, "lead")});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Component& a, const Component& b) {
    return a.test.value_or(-1) > b.test.value_or(-1);
  });
  return out;
}

Markup component_name(const Component& c) {
  if (c.family.empty() || c.family == c.name) return text(c.name);
  return html("{} <span class=\"soft\">{}</span>", c.name, c.family);
}

// The general model as the first line, in the same words as its components.
Component general_line(const Report& report) {
  const Json& general = at(report.summary, "general");
  return {.name = "general",
          .family = words(general, "family"),
          .parameters = parameters_words(at(general, "parameters")),
          .validate = number(general, "metrics", "validate", report.metric),
          .test = number(general, "metrics", "test", report.metric)};
}

Markup components_table(const Report& report) {
  auto lines = read_components(report);
  if (lines.empty()) return {};
  const bool validated =
      std::any_of(lines.begin(), lines.end(), [](const Component& c) { return c.validate; });
  lines.insert(lines.begin(), general_line(report));
  double most = 0;
  for (const Component& c : lines) most = std::max(most, c.test.value_or(0));
  const auto users = number(report.details, "split", "test", "users");
  Table table("The general model and its components alone: " + report.metric + " on test" +
              (users ? ", mean over " + counted(users, "user") : ""));
  table.column("Model", Table::Kind::text).column("Test").column("Weight");
  if (validated) table.column("Validate");
  table.column("General's lead, 95 %").column("Parameters", Table::Kind::text);
  for (const Component& c : lines) {
    const auto share = c.test && most > 0 ? std::optional(*c.test / most) : std::nullopt;
    const bool whole = &c == &lines.front();
    std::vector<Markup> cells = {component_name(c), html("{}{}", significant(c.test), bar(share)),
                                 whole ? Markup() : text(significant(c.weight))};
    if (validated) cells.push_back(text(significant(c.validate)));
    cells.push_back(text(lead_words(c.lead)));
    cells.push_back(text(c.parameters));
    table.row(std::move(cells), whole ? "total" : "");
  }
  return table.done();
}

Markup metrics_table(const Report& report) {
  const Json& metrics = at(report.summary, "general", "metrics");
  std::vector<std::string> names;
  const char* windows[] = {"validate", "confirm", "test"};
  for (const char* window : windows) {
    for (const std::string& name : keys_of(at(metrics, window))) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  Table table("All metrics of the general model");
  table.column("Metric", Table::Kind::text);
  for (const char* window : windows) {
    const auto users = number(report.details, "split", window, "users");
    table.column(users ? fmt::format("{}, n = {}", window, count(users)) : window);
  }
  for (const std::string& name : names) {
    std::vector<Markup> cells = {text(name)};
    for (const char* window : windows) {
      cells.push_back(text(significant(number(metrics, window, name))));
    }
    table.row(std::move(cells));
  }
  const Json& coverage = at(report.details, "coverage");
  if (coverage.is_object()) {
    std::vector<Markup> cells = {text("coverage@10")};
    for (const char* window : windows) cells.push_back(text(significant(number(coverage, window))));
    table.row(std::move(cells));
  }
  return table.done();
}

// General, the best component and popularity: is accuracy paid for with sameness?
Markup beyond_accuracy(const Report& report) {
  const Json& models = at(report.summary, "general", "beyond_accuracy");
  if (!models.is_object()) return {};
  std::vector<std::string> shown = {"general"};
  const auto components = read_components(report);
  if (!components.empty()) shown.push_back(components.front().name);
  if (std::find(shown.begin(), shown.end(), "popularity") == shown.end())
    shown.push_back("popularity");
  const auto k = number(models, "general", "k");
  Table table("Lists of " + count(k) + " on test, beyond being right");
  table.column("Model", Table::Kind::text).column("Coverage").column("Gini");
  table.column("Novelty, bits").column("Diversity").column("By category");
  table.column("Tail listed").column("Tail recall").column("New listed").column("New recall");
  for (const std::string& name : shown) {
    const Json& one = at(models, name);
    if (!one.is_object()) continue;
    table.row({text(name), text(percent(number(one, "coverage"))),
               text(significant(number(one, "gini"))), text(significant(number(one, "novelty"))),
               text(significant(number(one, "diversity"))),
               text(significant(number(one, "category_diversity"))),
               text(percent(number(one, "popularity", "tail", "listed"))),
               text(percent(number(one, "popularity", "tail", "recall"))),
               text(percent(number(one, "age", "new", "listed"))),
               text(percent(number(one, "age", "new", "recall")))});
  }
  return folded("Coverage, novelty, diversity", table.done());
}

Markup segmentations(const Report& report) {
  const Json& tried = at(report.summary, "segmentation", "tried");
  if (!tried.is_array()) return {};
  Table table("Segmentations that competed on validate");
  table.column("Segmentation", Table::Kind::text).column("Gain on validate");
  const std::string chosen = words(report.summary, "segmentation", "name");
  for (const Json& one : tried) {
    const std::string name = words(one, "name");
    table.row({html("{}{}", name,
                    name == chosen ? html(" <span class=\"badge yes\">✓ chosen</span>") : Markup()),
               text(gain(number(one, "validate_gain")))});
  }
  return table.done();
}

Markup candidates(const Report& report) {
  const Json& tried = at(report.details, "tried");
  if (!tried.is_array()) return {};
  Table table("Candidates of each segment on validate, cross-fitted");
  table.column("Segment", Table::Kind::text).column("Candidate", Table::Kind::text);
  table.column("Gain on validate").column("95% interval");
  for (const Json& one : tried) {
    table.row(
        {text(words(one, "segment")),
         html("{}{}", words(one, "candidate"),
              truth(one, "chosen") ? html(" <span class=\"badge yes\">✓ chosen</span>") : Markup()),
         text(gain(number(one, "validate_gain"))),
         text(interval(number(one, "low"), number(one, "high")))});
  }
  return table.done();
}

Markup budget(const Report& report) {
  const Json& segments = at(report.details, "tuning", "segments");
  if (!segments.is_array()) return {};
  const auto total = number(report.details, "tuning", "trials");
  Table table(total ? "How the budget of " + counted(total, "trial") + " was spent"
                    : std::string("How the budget was spent"));
  table.column("Segment", Table::Kind::text).column("Trials").column("Share").column("Importance");
  for (const Json& one : segments) {
    table.row({text(words(one, "segment")), text(count(number(one, "trials"))),
               html("{}{}", percent(number(one, "share")), bar(number(one, "share"))),
               text(significant(number(one, "importance")))});
  }
  return table.done();
}

// The component, the re-ranker left aside, that is best by itself; "" if there is none.
std::string best_alone(const Json& components) {
  std::string best;
  for (const std::string& name : keys_of(components)) {
    if (name == "rerank" || !number(components, name, "test")) continue;
    if (best.empty() || *number(components, name, "test") > *number(components, best, "test"))
      best = name;
  }
  return best;
}

// Where general is strong and where it is not: by the segments of every segmentation.
Markup by_segment(const Report& report) {
  const Json& segments = at(report.summary, "general", "by_segment");
  if (!segments.is_array() || segments.empty()) return {};
  Table table("The general model by segment: " + report.metric + " on test");
  table.column("Segmentation", Table::Kind::text).column("Segment", Table::Kind::text);
  table.column("Users").column("General").column("Best component", Table::Kind::text);
  table.column("Lead over it, 95 %").column("Over popularity, 95 %");
  for (const Json& one : segments) {
    const Json& components = at(one, "components");
    const std::string best = best_alone(components);
    table.row({text(words(one, "segmentation")), text(words(one, "name")),
               text(count(number(one, "users"))), text(significant(number(one, "test"))),
               text(best.empty() ? "" : best + " " + significant(number(components, best, "test"))),
               text(best.empty() ? "" : lead_words(at(components, best, "lead"))),
               text(lead_words(at(components, "popularity", "lead")))});
  }
  return folded("The general model by segment", table.done());
}

// The blend, the re-ranker and mixtures of both, as judged on validate.
Markup general_candidates(const Report& report) {
  const Json& tried = at(report.details, "general", "tried");
  const std::string why = words(report.details, "general", "without_rerank");
  Markup out;
  if (!why.empty()) out += html("<p>There is no re-ranker: {}.</p>", why);
  if (!tried.is_array() || tried.size() < 2) return out;
  double best = 0;
  for (const Json& one : tried) best = std::max(best, number(one, "validate").value_or(0));
  Table table("What competed to be the general model: " + report.metric + " on validate, held out");
  table.column("Model", Table::Kind::text).column("Validate");
  for (const Json& one : tried) {
    const auto value = number(one, "validate");
    table.row({html("{}{}", words(one, "name"),
                    value == best ? html(" <span class=\"badge yes\">✓ chosen</span>") : Markup()),
               text(significant(value))});
  }
  return out + table.done();
}

// What the blend loses without each of its parts.
Markup left_out(const Report& report) {
  const Json& parts = at(report.details, "general", "left_out");
  const Json& tried = at(report.details, "general", "tried");
  if (!parts.is_array() || parts.empty() || !tried.is_array() || tried.empty()) return {};
  const auto whole = number(tried.front(), "validate");  // the blend comes first
  if (!whole || *whole <= 0) return {};
  Table table("The blend without one of its parts: " + report.metric + " on validate, held out");
  table.column("Without", Table::Kind::text).column("Validate").column("Change");
  for (const Json& one : parts) {
    const auto value = number(one, "validate");
    table.row({text(words(one, "name")), text(significant(value)),
               text(value ? gain(*value / *whole - 1) : std::string())});
  }
  return folded("What each part adds", table.done());
}

Markup importance(const Report& report) {
  const Json& features = at(report.details, "general", "importance");
  if (!features.is_array() || features.empty()) return {};
  Table table("What the re-ranker's trees look at: share of the gain of all splits");
  table.column("Feature", Table::Kind::text).column("Share");
  for (const Json& one : features) {
    const auto share = number(one, "share");
    table.row({text(words(one, "feature")), html("{}{}", percent(share), bar(share))});
  }
  return folded("What the trees look at", table.done());
}

}  // namespace

Markup general_section(const Report& report) {
  return section("general", "The general model",
                 components_table(report) + general_candidates(report) + by_segment(report) +
                     left_out(report) + importance(report) +
                     folded("All metrics in all windows", metrics_table(report)) +
                     beyond_accuracy(report));
}

Markup tried_section(const Report& report) {
  return section("tried", "What was tried",
                 segmentations(report) + budget(report) + tuning_curves(report) +
                     folded("All candidates", candidates(report)));
}

}  // namespace sartor::report
