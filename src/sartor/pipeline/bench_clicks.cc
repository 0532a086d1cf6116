#include "sartor/pipeline/bench_clicks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "sartor/base/random.h"
#include "sartor/base/text.h"
#include "sartor/base/usage.h"
#include "sartor/data/ingest.h"
#include "sartor/evaluation/impression_metrics.h"
#include "sartor/features/user_features.h"
#include "sartor/segments/segmentation.h"

namespace sartor {
namespace {

constexpr std::size_t kBins = 10;
constexpr std::size_t kImportant = 15;

// What is judged, in the log's order.
struct Judged {
  std::vector<float> probability;
  std::vector<std::uint8_t> label;
  std::vector<std::uint32_t> user;

  std::size_t size() const { return label.size(); }
  Judged of(std::span<const std::size_t> rows) const {
    Judged part;
    for (const std::size_t r : rows) {
      part.probability.push_back(probability[r]);
      part.label.push_back(label[r]);
      part.user.push_back(user[r]);
    }
    return part;
  }
};

// auc and logloss of one judged set in which each user counts several times.
class Resampler {
 public:
  explicit Resampler(const Judged& judged) : judged_(judged), order_(judged.size()) {
    users_ = judged.user;
    std::sort(users_.begin(), users_.end());
    users_.erase(std::unique(users_.begin(), users_.end()), users_.end());
    for (const std::uint32_t user : judged.user) {
      const auto place = std::lower_bound(users_.begin(), users_.end(), user);
      place_.push_back(static_cast<std::uint32_t>(place - users_.begin()));
    }
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return judged.probability[a] < judged.probability[b];
    });
    for (std::size_t r = 0; r < judged.size(); ++r)
      loss_.push_back(logloss({&judged.probability[r], 1}, {&judged.label[r], 1}));
  }

  std::size_t users() const { return users_.size(); }

  // {auc, logloss} of resample `number`.
  std::pair<double, double> resample(std::uint64_t seed, std::size_t number) const {
    Random random = Random::stream(seed, number);
    std::vector<double> times(users_.size());
    for (std::size_t u = 0; u < users_.size(); ++u) ++times[random.below(users_.size())];
    double clicked = 0, passed = 0, pairs = 0, loss = 0;
    for (std::size_t begin = 0; begin < order_.size();) {
      const float level = judged_.probability[order_[begin]];
      double here_clicked = 0, here_passed = 0;
      for (; begin < order_.size() && judged_.probability[order_[begin]] == level; ++begin) {
        const std::size_t r = order_[begin];
        const double weight = times[place_[r]];
        (judged_.label[r] != 0 ? here_clicked : here_passed) += weight;
        loss += weight * loss_[r];
      }
      pairs += here_clicked * (passed + here_passed / 2);
      clicked += here_clicked;
      passed += here_passed;
    }
    return {pairs / (clicked * passed), loss / (clicked + passed)};
  }

 private:
  const Judged& judged_;
  std::vector<std::uint32_t> users_, place_;
  std::vector<std::size_t> order_;  // by probability
  std::vector<double> loss_;
};

// The middle 95 %.
Json interval(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return Json::array({nullptr, nullptr});
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return {values[static_cast<std::size_t>(std::floor(0.025 * last))],
          values[static_cast<std::size_t>(std::ceil(0.975 * last))]};
}

Result<Json> figures(const Judged& judged, const ClickBench& bench, const Resources& resources) {
  const Resampler resampler(judged);
  const auto n = static_cast<std::size_t>(bench.resamples);
  std::vector<double> aucs(n), losses(n);
  SARTOR_TRY(parallel_for(resources, n, 4, [&](std::size_t begin, std::size_t end) -> Status {
    for (std::size_t s = begin; s < end; ++s)
      std::tie(aucs[s], losses[s]) = resampler.resample(bench.seed, s);
    return {};
  }));
  return Json{{"n", judged.size()},
              {"positives", std::count(judged.label.begin(), judged.label.end(), 1)},
              {"users", resampler.users()},
              {"auc", auc(judged.probability, judged.label)},
              {"auc_interval", interval(std::move(aucs))},
              {"gauc", gauc(judged.probability, judged.label, judged.user)},
              {"logloss", logloss(judged.probability, judged.label)},
              {"logloss_interval", interval(std::move(losses))}};
}

Json calibration_json(const Judged& judged) {
  const Calibration found = calibration(judged.probability, judged.label, kBins);
  Json bins = Json::array();
  for (const CalibrationBin& bin : found.bins) {
    bins.push_back({{"impressions", bin.impressions},
                    {"predicted", bin.predicted},
                    {"observed", bin.observed}});
  }
  return {{"expected_error", found.expected_error}, {"ratio", found.ratio}, {"bins", bins}};
}

// What counting alone would say: the rate before `from`, the item's rate as of the moment, and the
// log-odds of user and item added up.
Json baselines(const ClickRows& rows, std::span<const std::size_t> tested, double all,
               const Judged& judged) {
  const std::size_t user = rows.column("user_rate"), item = rows.column("item_rate");
  const auto odds = [](double rate) { return std::log(rate / (1 - rate)); };
  std::vector<float> by_all(tested.size(), static_cast<float>(all)), by_item, by_both;
  for (const std::size_t r : tested) {
    const double u = rows.row(r)[user], i = rows.row(r)[item];
    by_item.push_back(static_cast<float>(i));
    by_both.push_back(static_cast<float>(1 / (1 + std::exp(odds(all) - odds(u) - odds(i)))));
  }
  const auto both = [&](const std::vector<float>& probability) {
    return Json{{"auc", auc(probability, judged.label)},
                {"logloss", logloss(probability, judged.label)}};
  };
  return {{"rate", both(by_all)}, {"item_rate", both(by_item)}, {"user_and_item", both(by_both)}};
}

// Of each user, as a position in `names`; nothing where the config has no rules.
struct Segments {
  std::string segmentation;
  std::vector<std::string> names;
  std::vector<std::uint32_t> of_user;
};

Result<Segments> segments_of(const Dataset& data, Time from, const Config& config,
                             const Resources& resources) {
  const auto ruled = std::find_if(config.segments.begin(), config.segments.end(),
                                  [](const auto& one) { return !one.rules.empty(); });
  if (ruled == config.segments.end()) return Segments{};
  SegmentationConfig rules = *ruled;
  rules.cluster.clear();
  SARTOR_ASSIGN(const FeatureSpace space,
                feature_space(data, config.features, feature_request(config, {}), from));
  SARTOR_ASSIGN(const Table table,
                user_features(data, events_by_user(data), space, from, resources));
  std::vector<std::uint32_t> users(data.users.size());
  std::iota(users.begin(), users.end(), 0u);
  SARTOR_ASSIGN(const Segmentation made,
                fit_segmentation(rules, table, users, config.tuning.seed, resources));
  SARTOR_ASSIGN(auto of_user, made.assign(table));
  return Segments{rules.name, made.names(), std::move(of_user)};
}

Result<Json> segment_figures(const Judged& judged, const Segments& segments,
                             const ClickBench& bench, const Resources& resources) {
  Json list = Json::array();
  for (std::size_t s = 0; s < segments.names.size(); ++s) {
    std::vector<std::size_t> rows;
    for (std::size_t r = 0; r < judged.size(); ++r) {
      if (segments.of_user[judged.user[r]] == s) rows.push_back(r);
    }
    if (rows.empty()) continue;
    const Judged part = judged.of(rows);
    SARTOR_ASSIGN(Json one, figures(part, bench, resources));
    one["name"] = segments.names[s];
    one["calibration_ratio"] = calibration(part.probability, part.label, kBins).ratio;
    list.push_back(std::move(one));
  }
  return list;
}

Result<Time> moment(const std::string& text, const char* key) {
  auto time = parse_time(text);
  if (!time) return within(std::string("bench clicks: ") + key, time.error());
  return *time;
}

}  // namespace

Result<Json> judge_clicks(const Dataset& data, const ClickBench& bench, const Config& config,
                          const Resources& resources) {
  if (bench.from.empty())
    return Error{ErrorCode::config, "bench clicks: expected --set from=MOMENT"};
  SARTOR_ASSIGN(const Time from, moment(bench.from, "from"));
  constexpr Time kEnd = std::numeric_limits<Time>::max();
  Time until = kEnd;
  if (!bench.until.empty()) {
    SARTOR_ASSIGN(until, moment(bench.until, "until"));
  }
  SARTOR_ASSIGN(const ClickRows rows, click_rows(data, bench.clicks, until));
  SARTOR_ASSIGN(const ClickModel model, fit_click_model(rows, from, bench.clicks, resources));
  SARTOR_ASSIGN(const auto probability, model.probabilities(rows.x, resources));
  // A click that is an event of its own may lie beyond what is read: such rows are not judged.
  const auto open = static_cast<Time>(bench.clicks.click_hours * static_cast<double>(kHour));
  const Time known = data.events.size() == 0 ? from : std::min(until, data.events.time.back() + 1);
  Judged judged;
  std::vector<std::size_t> tested;
  double before = 0, clicked = 0;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    if (rows.time[r] < from) {
      ++before;
      clicked += rows.clicked_before(r, from);
    } else if (open == 0 || rows.time[r] + open <= known) {
      tested.push_back(r);
      judged.probability.push_back(probability[r]);
      judged.label.push_back(rows.clicked_before(r, kEnd));
      judged.user.push_back(data.events.user[rows.event[r]].value);
    }
  }
  if (tested.empty()) {
    return Error{ErrorCode::bad_data,
                 "bench clicks: no impression from " + bench.from + " on: nothing to judge"};
  }
  SARTOR_ASSIGN(Json report, figures(judged, bench, resources));
  SARTOR_ASSIGN(const Segments segments, segments_of(data, from, config, resources));
  SARTOR_ASSIGN(report["segments"], segment_figures(judged, segments, bench, resources));
  report["name"] = "clicks";
  report["from"] = format_time(from);
  report["fitted_on"] = static_cast<std::size_t>(before);
  report["trees"] = model.trees();
  report["calibration"] = calibration_json(judged);
  report["baselines"] = baselines(rows, tested, clicked / before, judged);
  report["segmentation"] = segments.segmentation;
  Json& importance = report["importance"] = Json::array();
  for (const auto& [name, share] : model.importance()) {
    if (importance.size() < kImportant) importance.push_back({{"feature", name}, {"share", share}});
  }
  return report;
}

Result<Json> bench_clicks(const std::string& input, const std::vector<std::string>& assignments,
                          const Resources& resources) {
  ConfigNode node{.value = ConfigNode::Table{}};
  std::vector<std::string> for_project;
  const auto own = field_names<ClickBench>();
  for (const std::string& assignment : assignments) {
    const std::string key = assignment.substr(0, assignment.find_first_of(".="));
    if (std::find(own.begin(), own.end(), key) == own.end()) {
      for_project.push_back(assignment);
    } else {
      SARTOR_TRY(set_path(node, assignment));
    }
  }
  ClickBench bench;
  SARTOR_TRY(read_config(node, bench, ""));
  const bool is_folder = std::filesystem::is_directory(input);
  const std::string path = is_folder ? input + "/sartor.toml" : input;
  const std::string folder = is_folder ? input : std::filesystem::path(path).parent_path().string();
  SARTOR_ASSIGN(const Config config, read_config_file(path, for_project));
  IngestReport ingested;
  SARTOR_ASSIGN(const Dataset data, ingest({config.events, config.users, config.items,
                                            config.signal, config.data, config.clean},
                                           folder.empty() ? "." : folder, resources, ingested));
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  SARTOR_ASSIGN(Json report, judge_clicks(data, bench, config, resources));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  report["removed"] = ingested.removed;
  report["seconds"] = wall.count();
  report["cpu_seconds"] = cpu_seconds() - cpu;
  report["peak_rss_mb"] = peak_rss_mb();
  report["threads"] = resources.threads;
  return report;
}

}  // namespace sartor
