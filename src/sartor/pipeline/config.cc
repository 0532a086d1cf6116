#include "sartor/pipeline/config.h"

#include <algorithm>
#include <set>

#include "sartor/base/fields_json.h"
#include "sartor/evaluation/metrics.h"
#include "sartor/pipeline/segment_step.h"

namespace sartor {
namespace {

const std::vector<std::string> kFamilies = {
    "popularity", "own_history",        "item_knn",     "ease", "due_again", "rerank",  "trend",
    "new_items",  "context_popularity", "covisitation", "als",  "content",   "item2vec"};

Error config_error(std::string message) { return {ErrorCode::config, std::move(message)}; }

Status check_word(const std::string& key, const std::string& value,
                  const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return config_error(fmt::format("{}: '{}' is not known{}; expected one of {}", key, value,
                                  did_you_mean(value, known), join(known, ", ")));
}

Status within_metric(const std::string& key, const std::string& metric) {
  const auto parsed = parse_metric(metric);
  return parsed ? Status{} : Status(within(key, parsed.error()));
}

template <class Source>
Status check_layouts(const std::vector<Source>& sources, const char* block) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", block, i);
    SARTOR_TRY(check_word(path + ".encoding", sources[i].encoding, {"utf-8", "latin-1"}));
    const std::string& delimiter = sources[i].delimiter;
    if (delimiter != "none" && delimiter.size() > 4) {
      return config_error(fmt::format("{}.delimiter: '{}'; expected one to four bytes, or none",
                                      path, printable(delimiter)));
    }
    if (delimiter == "none" && sources[i].columns.size() != 1) {
      return config_error(path + ".columns: expected one name, as delimiter is none");
    }
  }
  return {};
}

Status check_sources(const Config& config) {
  SARTOR_TRY(check_layouts(config.events, "events"));
  SARTOR_TRY(check_layouts(config.users, "users"));
  SARTOR_TRY(check_layouts(config.items, "items"));
  if (config.events.empty()) {
    return config_error(
        "events: expected at least one [[events]] block; `sartor init --events FILES` writes one");
  }
  for (std::size_t i = 0; i < config.events.size(); ++i) {
    const EventSource& source = config.events[i];
    const std::string path = fmt::format("events[{}]", i);
    if (source.files.empty()) return config_error(path + ".files: expected at least one file");
    if (source.user.empty())
      return config_error(path + ".user: expected a SQL expression that says who");
    if (source.item.empty())
      return config_error(path + ".item: expected a SQL expression that says what");
    if (source.time.empty() && !source.untimed) {
      return config_error(path +
                          ".time: expected a SQL expression that says when, or untimed = true");
    }
  }
  for (std::size_t i = 0; i < config.users.size(); ++i) {
    if (config.users[i].files.empty() || config.users[i].user.empty()) {
      return config_error(fmt::format("users[{}]: expected files and user", i));
    }
  }
  for (std::size_t i = 0; i < config.items.size(); ++i) {
    if (config.items[i].files.empty() || config.items[i].item.empty()) {
      return config_error(fmt::format("items[{}]: expected files and item", i));
    }
  }
  return {};
}

Status check_segments(const Config& config) {
  std::set<std::string> names;
  std::set<std::string> segments;
  for (std::size_t i = 0; i < config.segments.size(); ++i) {
    const std::string& name = config.segments[i].name;
    if (name.empty()) return config_error(fmt::format("segments[{}].name: expected a name", i));
    if (!names.insert(name).second)
      return config_error(fmt::format("segments[{}].name: '{}' is taken", i, name));
    for (const auto& rule : config.segments[i].rules) segments.insert(rule.name);
  }
  const SegmentationConfig seasons = season_segmentation();
  if (config.tuning.seasons) {
    for (const RuleConfig& rule : seasons.rules) segments.insert(rule.name);
  }
  const auto check_name = [&](const std::string& key, const std::string& segment) -> Status {
    const std::size_t dash = segment.rfind('-');
    const bool cluster = dash != std::string::npos && names.contains(segment.substr(0, dash));
    if (segments.contains(segment) || cluster || segment == kEveryoneElse) return {};
    const std::vector<std::string> known(segments.begin(), segments.end());
    return config_error(fmt::format("tuning.{}.{}: there is no such segment{}", key, segment,
                                    did_you_mean(segment, known)));
  };
  for (const auto& [segment, limits] : config.tuning.limits) {
    SARTOR_TRY(check_name("limits", segment));
    const std::string path = "tuning.limits." + segment;
    for (const std::string& family : limits.families)
      SARTOR_TRY(check_word(path + ".families", family, kFamilies));
    for (const std::string& adaptation : limits.adaptations)
      SARTOR_TRY(
          check_word(path + ".adaptations", adaptation, {"blended", "fine_tuned", "separate"}));
  }
  for (const auto& [segment, importance] : config.tuning.importance) {
    SARTOR_TRY(check_name("importance", segment));
    if (importance < 0)
      return config_error(fmt::format("tuning.importance.{}: {} is negative", segment, importance));
  }
  return {};
}

// What a value of type T is called in the docs and in JSON schema.
template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_integral_v<T>)
    return "integer";
  else if constexpr (std::is_floating_point_v<T>)
    return "number";
  else
    return "string";
}

template <class T>
struct Describe {
  static constexpr bool is_block = HasFields<T>;
  static constexpr bool is_list = false;
  using Inner = T;
  static Json schema();
};
template <class T>
struct Describe<std::vector<T>> {
  static constexpr bool is_block = HasFields<T>;
  static constexpr bool is_list = true;
  using Inner = T;
  static Json schema() { return {{"type", "array"}, {"items", Describe<T>::schema()}}; }
};
template <class T>
struct Describe<std::map<std::string, T>> {
  static constexpr bool is_block = false;
  static constexpr bool is_list = false;
  using Inner = T;
  static Json schema() {
    return {{"type", "object"}, {"additionalProperties", Describe<T>::schema()}};
  }
};
template <class T>
struct Describe<std::optional<T>> : Describe<T> {};

template <class Owner>
Json object_schema() {
  Json properties = Json::object();
  for_each_field<Owner>([&]<class T>(const Field<Owner, T>& field) {
    Json schema = Describe<T>::schema();
    schema["description"] = field.help;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      if (std::isfinite(field.low)) schema["minimum"] = field.low;
      if (std::isfinite(field.high)) schema["maximum"] = field.high;
    }
    properties[field.name] = std::move(schema);
  });
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
}

template <class T>
Json Describe<T>::schema() {
  if constexpr (HasFields<T>) {
    return object_schema<T>();
  } else {
    return {{"type", type_name<T>()}};
  }
}

std::string range_text(double low, double high) {
  return std::isfinite(low) && std::isfinite(high) ? fmt::format(" ({} to {})", low, high) : "";
}

// One table per block; blocks inside blocks follow it.
template <class Owner>
void block_markdown(const std::string& title, const std::string& path, std::string& out) {
  const Owner defaults{};
  out += fmt::format("\n## {}\n\n| key | default | meaning |\n|---|---|---|\n", title);
  for_each_field<Owner>([&]<class T>(const Field<Owner, T>& field) {
    if constexpr (Describe<T>::is_block) return;
    out += fmt::format("| `{}` | `{}` | {}{} |\n", field.name,
                       json_text(config_node(defaults.*field.member)), field.help,
                       range_text(field.low, field.high));
  });
  for_each_field<Owner>([&]<class T>(const Field<Owner, T>& field) {
    if constexpr (Describe<T>::is_block) {
      const std::string inner = path.empty() ? field.name : path + "." + field.name;
      const std::string brackets = Describe<T>::is_list ? "[[" + inner + "]]" : "[" + inner + "]";
      block_markdown<typename Describe<T>::Inner>(fmt::format("`{}`: {}", brackets, field.help),
                                                  inner, out);
    }
  });
}

}  // namespace

Result<Config> read_config_file(const std::string& path,
                                const std::vector<std::string>& assignments) {
  auto root = read_toml(path);
  if (!root) {
    Error error = root.error();
    if (error.code == ErrorCode::not_found) {
      error = config_error(path + ": no such file; `sartor init --events FILES` writes one");
    }
    return error;
  }
  for (const std::string& assignment : assignments) SARTOR_TRY(set_path(*root, assignment));
  Config config;
  SARTOR_TRY(read_config(*root, config, ""));
  if (auto status = check_config(config); !status) return within(path, status.error());
  return config;
}

Status check_config(const Config& config) {
  SARTOR_TRY(check_sources(config));
  SARTOR_TRY(check_state(config.state));
  SARTOR_TRY(check_word("split.cases", config.split.cases, {"window", "next"}));
  SARTOR_TRY(check_word("clean.dwell_outside", config.clean.dwell_outside, {"clip", "remove"}));
  SARTOR_TRY(check_word("tuning.sampler", config.tuning.sampler,
                        {"coordinate", "auto", "gp", "tpe", "quasi_random", "random", "grid"}));
  SARTOR_TRY(check_word("gate.guard_rule", config.gate.guard_rule, {"joint", "each"}));
  SARTOR_TRY(check_word("models.trees.objective", config.models.trees.objective,
                        {"rank_xendcg", "lambdarank"}));
  if (config.models.families.empty())
    return config_error("models.families: expected at least one family");
  for (const std::string& family : config.models.families)
    SARTOR_TRY(check_word("models.families", family, kFamilies));
  for (const auto& [name, text] : config.features.sql) {
    if (const auto parsed = SqlAggregate::parse(text); !parsed)
      return within("features.sql." + name, parsed.error());
  }
  for (const double share : config.tuning.shrink) {
    if (share < 0 || share > 1)
      return config_error(fmt::format("tuning.shrink: {} is out of range; expected 0 to 1", share));
  }
  for (const double strength : config.tuning.strengths) {
    if (strength <= 0)
      return config_error(
          fmt::format("tuning.strengths: {} is out of range; expected above 0", strength));
  }
  SARTOR_TRY(within_metric("gate.metric", config.gate.metric));
  for (const auto& [metric, margin] : config.gate.guards) {
    SARTOR_TRY(within_metric("gate.guards." + metric, metric));
    if (margin < 0 || margin >= 1)
      return config_error(
          fmt::format("gate.guards.{}: {} is out of range; expected 0 to 1", metric, margin));
  }
  return check_segments(config);
}

std::string config_markdown() {
  std::string out =
      "# Configuration\n\nMade from the fields of the code by `sartor config --markdown`; do not "
      "edit. Unknown keys are errors "
      "that name the nearest known one. Any key may be set on the command line: `--set "
      "gate.min_users=500`, `--set events.0.user=ID`.\n";
  block_markdown<Config>("Top level", "", out);
  return out;
}

std::string config_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "sartor.toml"}};
  schema.update(object_schema<Config>());
  return json_text(schema, 2) + "\n";
}

}  // namespace sartor
