#include "sartor/pipeline/verdict.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "sartor/base/checksum.h"
#include "sartor/base/files.h"
#include "sartor/data/duckdb.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

std::string hashed(const std::string& user, const Dataset& data) {
  return sha256(data.fingerprint + "\n" + user).substr(0, 24);
}

// 0 or 1: in which half of the window the user took the first target.
std::uint8_t half_of(const InteractionLog& log, UserId user, const Window& window) {
  const Time middle = window.from + (window.until - window.from) / 2;
  for (std::size_t r = log.begin[user.index()]; r < log.begin[user.index() + 1]; ++r) {
    if (log.rows[r].time >= window.from) return log.rows[r].time < middle ? 0 : 1;
  }
  return 1;
}

// The cases of `judged` by segment, in the partition's order.
std::vector<GateSegment> gate_segments(const Project& project,
                                       const std::vector<std::string>& names,
                                       const JudgedWindow& judged, const PartitionRecipe& recipe,
                                       const Window& window) {
  std::vector<GateSegment> segments;
  for (std::size_t s = 0; s < names.size(); ++s) {
    const SegmentRecipe& tuned = recipe.segments[s];
    GateSegment segment{.name = names[s], .candidate = !tuned.tried.empty()};
    if (segment.candidate) segment.validate = tuned.gain;
    for (std::size_t c = 0; c < judged.users.size(); ++c) {
      if (judged.segment[c] != s) continue;
      segment.users.push_back(
          hashed(project.data().users.name(judged.users[c].index()), project.data()));
      segment.half.push_back(half_of(project.log(), judged.users[c], window));
      for (const auto& [metric, values] : judged.general) {
        segment.metrics[metric].general.push_back(values[c]);
        segment.metrics[metric].chosen.push_back(judged.chosen.at(metric)[c]);
      }
    }
    for (const auto& [metric, values] : judged.general)
      segment.metrics[metric];  // also where there is no user
    segments.push_back(std::move(segment));
  }
  return segments;
}

// All users of all segments, each on the winner of validate, proved or not.
ArmComparison every_winner(const std::vector<GateSegment>& segments, const std::string& metric) {
  std::vector<double> general, chosen;
  for (const GateSegment& segment : segments) {
    const GateArms& arms = segment.metrics.at(metric);
    general.insert(general.end(), arms.general.begin(), arms.general.end());
    chosen.insert(chosen.end(), arms.chosen.begin(), arms.chosen.end());
  }
  return compare_arms(general, chosen);
}

Tailoring tailoring(const char* over, const std::vector<GateSegment>& confirm,
                    const std::vector<GateSegment>& test, GateResult gate,
                    const GateResult& control, const std::string& metric) {
  Tailoring out{.over = over, .gate = std::move(gate), .control = summarize_control(control)};
  out.confirm = {every_winner(confirm, metric), compare_served(confirm, out.gate, metric)};
  out.test = {every_winner(test, metric), compare_served(test, out.gate, metric)};
  return out;
}

struct PerUserTable {
  std::vector<std::string> words;  // of all text columns
  std::vector<std::uint32_t> window, segment, user;
  std::vector<double> half;  // of the window, in which the user took the first target
  std::vector<double> position;
  std::map<std::string, std::vector<double>> values;

  std::uint32_t code(const std::string& word) {
    const auto [at, is_new] = codes.emplace(word, static_cast<std::uint32_t>(words.size()));
    if (is_new) words.push_back(word);
    return at->second;
  }
  std::unordered_map<std::string, std::uint32_t> codes;
};

void append(PerUserTable& table, const std::string& window,
            const std::vector<GateSegment>& segments) {
  for (const GateSegment& segment : segments) {
    for (std::size_t i = 0; i < segment.users.size(); ++i) {
      table.window.push_back(table.code(window));
      table.segment.push_back(table.code(segment.name));
      table.user.push_back(table.code(segment.users[i]));
      table.half.push_back(segment.half[i]);
      table.position.push_back(static_cast<double>(table.position.size()));
      for (const auto& [metric, arms] : segment.metrics) {
        table.values["general." + metric].push_back(arms.general[i]);
        table.values["chosen." + metric].push_back(arms.chosen[i]);
      }
    }
  }
}

Result<DuckDb> scratch_database(const Resources& resources) {
  // One thread: the file's bytes must not depend on how the work was shared.
  Resources alone = resources;
  alone.threads = 1;
  return DuckDb::open(alone, std::filesystem::temp_directory_path().string());
}

}  // namespace

Result<Verdict> decide(const BacktestInput& input, const Backtest& backtest, int looks) {
  const Project& project = *input.project;
  const std::map<std::string, std::string> fingerprints = {
      {"data", sha256(project.data().fingerprint)}};
  const auto segments = [&](const PartitionInTime& partition, const JudgedWindow& judged,
                            const PartitionRecipe& recipe, Origin origin) {
    return gate_segments(project, partition.segments, judged, recipe, project.at(origin).window);
  };
  const auto gate_input = [&](std::vector<GateSegment> of, bool control) {
    return GateInput{.config = input.config->gate,
                     .looks = control ? 1 : looks,
                     .control = control,
                     .fingerprints = fingerprints,
                     .segments = std::move(of)};
  };
  Verdict verdict;
  verdict.input = gate_input(
      segments(*input.partition, backtest.confirm, *input.recipe, Origin::confirm), false);
  SARTOR_ASSIGN(verdict.result, run_gate(verdict.input));
  verdict.test_segments = segments(*input.partition, backtest.test, *input.recipe, Origin::test);
  verdict.validate_segments =
      segments(*input.partition, backtest.validate, *input.recipe, Origin::validate);
  const bool has_control = !input.control->segments.empty();
  if (has_control) {
    verdict.control_input = gate_input(
        segments(*input.control, backtest.control, *input.control_recipe, Origin::confirm), true);
    SARTOR_ASSIGN(verdict.control_result, run_gate(verdict.control_input));
  }
  verdict.control = summarize_control(verdict.control_result);

  const std::string& metric = input.config->gate.metric;
  if (input.over_blend != nullptr) {
    const auto confirm =
        segments(*input.partition, backtest.blend_confirm, *input.over_blend, Origin::confirm);
    const auto test =
        segments(*input.partition, backtest.blend_test, *input.over_blend, Origin::test);
    SARTOR_ASSIGN(GateResult gate, run_gate(gate_input(confirm, false)));
    GateResult control;
    if (has_control) {
      SARTOR_ASSIGN(control,
                    run_gate(gate_input(segments(*input.control, backtest.blend_control,
                                                 *input.control_over_blend, Origin::confirm),
                                        true)));
    }
    verdict.tailoring.push_back(
        tailoring("linear_blend", confirm, test, std::move(gate), control, metric));
  }
  const bool is_blend = input.general->blend_terms.empty();
  verdict.tailoring.push_back(tailoring(is_blend ? "linear_blend" : "best_general",
                                        verdict.input.segments, verdict.test_segments,
                                        verdict.result, verdict.control_result, metric));
  return verdict;
}

Status write_per_user(const Verdict& verdict, const std::string& path, const Resources& resources) {
  PerUserTable table;
  append(table, "confirm", verdict.input.segments);
  append(table, "control", verdict.control_input.segments);
  append(table, "test", verdict.test_segments);
  append(table, "validate", verdict.validate_segments);
  std::vector<DuckInput> columns;
  const auto text = [&](const char* name, const std::vector<std::uint32_t>& codes) {
    columns.push_back(
        {.name = name, .codes = codes, .words = table.words, .kind = DuckInput::Kind::text});
  };
  text("window", table.window);
  text("segment", table.segment);
  text("user", table.user);
  columns.push_back({.name = "half", .numbers = table.half});
  columns.push_back({.name = "position", .numbers = table.position});
  for (const auto& [name, values] : table.values)
    columns.push_back({.name = name, .numbers = values});
  SARTOR_ASSIGN(DuckDb database, scratch_database(resources));
  SARTOR_TRY(database.create_table("per_user", table.window.size(), columns));
  return database.run(
      fmt::format("COPY (SELECT * EXCLUDE (position) FROM per_user ORDER BY position) TO {} "
                  "(FORMAT parquet, COMPRESSION zstd)",
                  sql_text(path)));
}

Result<std::vector<GateSegment>> read_per_user(const std::string& path, const std::string& window,
                                               const Resources& resources) {
  SARTOR_ASSIGN(DuckDb database, scratch_database(resources));
  const std::string query = fmt::format("SELECT * FROM read_parquet({}) WHERE \"window\" = {}",
                                        sql_text(path), sql_text(window));
  SARTOR_ASSIGN(const std::vector<DuckColumn> columns, database.describe(query));
  SARTOR_ASSIGN(DuckRows rows, database.query(query));
  std::vector<GateSegment> segments;
  while (true) {
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return segments;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::string_view name = rows.text(1, r);
      auto segment = std::find_if(segments.begin(), segments.end(),
                                  [&](const GateSegment& s) { return s.name == name; });
      if (segment == segments.end())
        segment = segments.insert(segments.end(), GateSegment{.name = std::string(name)});
      segment->users.emplace_back(rows.text(2, r));
      segment->half.push_back(static_cast<std::uint8_t>(rows.values<double>(3)[r]));
      for (std::size_t c = 4; c < columns.size(); ++c) {
        const std::string& column = columns[c].name;
        GateArms& arms = segment->metrics[column.substr(column.find('.') + 1)];
        (column.starts_with("general.") ? arms.general : arms.chosen)
            .push_back(rows.values<double>(c)[r]);
      }
    }
  }
}

Result<std::vector<std::string>> replay_bundle(const std::string& bundle,
                                               const Resources& resources) {
  SARTOR_TRY(verify_folder(bundle));
  const std::string evidence = bundle + "/evidence/";
  std::vector<std::string> differences;
  for (const auto& [file, window] :
       {std::pair{"decisions.jsonl", "confirm"}, std::pair{"control.jsonl", "control"}}) {
    const auto log = read_file(evidence + file);
    if (!log && log.error().code == ErrorCode::not_found && std::string_view(window) == "control")
      continue;
    SARTOR_TRY(log ? Status{} : Status(log.error()));
    SARTOR_ASSIGN(auto segments, read_per_user(evidence + "per_user.parquet", window, resources));
    SARTOR_ASSIGN(auto found, replay_decisions(*log, std::move(segments)));
    for (std::string& line : found) differences.push_back(fmt::format("{}: {}", window, line));
  }
  return differences;
}

}  // namespace sartor
