#include "sartor/models/click_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

TreeRows tree_rows(const ClickRows& rows, std::span<const std::size_t> wanted, Time from) {
  TreeRows out{.features = rows.names.size()};
  out.x.reserve(wanted.size() * out.features);
  for (const std::size_t r : wanted) {
    const auto row = rows.row(r);
    out.x.insert(out.x.end(), row.begin(), row.end());
    out.label.push_back(rows.clicked_before(r, from) ? 1.0f : 0.0f);
  }
  return out;
}

std::vector<std::size_t> known_rows(const ClickRows& rows, Time from, double click_hours) {
  const auto open = static_cast<Time>(click_hours * static_cast<double>(kHour));
  std::vector<std::size_t> known;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    if (rows.time[r] < from && rows.time[r] + open <= from) known.push_back(r);
  }
  return known;
}

Status check_labels(const TreeRows& rows, Time from, const char* what) {
  const auto clicked = std::count(rows.label.begin(), rows.label.end(), 1.0f);
  if (clicked > 0 && static_cast<std::size_t>(clicked) < rows.rows()) return {};
  return Error{ErrorCode::invalid_argument,
               fmt::format("clicks: {} of {} impressions {}{} were clicked: nothing to tell apart",
                           clicked == 0 ? "none" : "all", rows.rows(), what, format_time(from))};
}

// The first row of the held-out part; a moment is not cut in two.
std::size_t held_out_from(const ClickRows& rows, std::span<const std::size_t> known, double share) {
  const auto n = static_cast<double>(known.size());
  auto first = static_cast<std::size_t>(std::floor(n * (1 - share)));
  first = std::clamp<std::size_t>(first, 1, known.size() - 1);
  while (first > 1 && rows.time[known[first - 1]] == rows.time[known[first]]) --first;
  return first;
}

}  // namespace

std::pair<double, double> platt_scale(std::span<const double> scores,
                                      std::span<const float> labels) {
  const auto clicked = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 1.0f));
  if (clicked == 0 || clicked == labels.size()) return {1, 0};
  double slope = 1, shift = 0;
  for (int step = 0; step < 50; ++step) {
    double g0 = 0, g1 = 0, h00 = 1e-9, h01 = 0, h11 = 1e-9;
    for (std::size_t r = 0; r < scores.size(); ++r) {
      const double p = logistic(slope * scores[r] + shift);
      const double error = p - labels[r], weight = p * (1 - p);
      g0 += error;
      g1 += error * scores[r];
      h00 += weight;
      h01 += weight * scores[r];
      h11 += weight * scores[r] * scores[r];
    }
    const double determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 1e-12)) break;  // scores that are all equal have no slope
    const double by_shift = (h11 * g0 - h01 * g1) / determinant;
    const double by_slope = (h00 * g1 - h01 * g0) / determinant;
    shift -= by_shift;
    slope -= by_slope;
    if (std::abs(by_shift) + std::abs(by_slope) < 1e-10) break;
  }
  return std::isfinite(slope + shift) ? std::pair{slope, shift} : std::pair{1.0, 0.0};
}

double ClickModel::probability(std::span<const float> row) const {
  return logistic(slope_ * trees_.score(row) + shift_);
}

double ClickModel::probability_unplaced(std::span<const float> row) const {
  std::vector<float> placed(row.begin(), row.end());
  const std::string column = "context." + config_.position;
  const auto at = std::find(names_.begin(), names_.end(), column);
  if (!config_.position.empty() && at != names_.end())
    placed[static_cast<std::size_t>(at - names_.begin())] =
        static_cast<float>(config_.position_reference);
  return probability(placed);
}

Result<std::vector<float>> ClickModel::probabilities(std::span<const float> rows,
                                                     const Resources& resources) const {
  constexpr std::size_t kRowsPerBlock = 1024;
  const std::size_t width = names_.size();
  std::vector<float> out(rows.size() / width);
  SARTOR_TRY(parallel_for(
      resources, out.size(), kRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::vector<double> scores(end - begin);
        trees_.score(rows.subspan(begin * width, scores.size() * width), scores);
        for (std::size_t r = begin; r < end; ++r)
          out[r] = static_cast<float>(logistic(slope_ * scores[r - begin] + shift_));
        return {};
      }));
  return out;
}

std::vector<std::pair<std::string, double>> ClickModel::importance() const {
  const auto gain = trees_.importance();
  std::vector<std::pair<std::string, double>> out;
  for (std::size_t f = 0; f < names_.size(); ++f) out.emplace_back(names_[f], gain[f]);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

Status ClickModel::save(TensorFile& out) const {
  save_config(out, config_);
  out.add_texts("clicks.names", names_);
  const double scale[] = {slope_, shift_};
  out.add<double>("clicks.scale", scale);
  return trees_.save(out);
}

Result<ClickModel> ClickModel::load(const TensorFile& file) {
  ClickModel model;
  SARTOR_ASSIGN(model.config_, load_config<ClickConfig>(file));
  SARTOR_ASSIGN(model.names_, file.get_texts("clicks.names"));
  SARTOR_ASSIGN(const auto scale, Array<double>::of(file, "clicks.scale", 2));
  model.slope_ = scale[0];
  model.shift_ = scale[1];
  SARTOR_ASSIGN(model.trees_, Trees::load(file));
  if (model.trees_.features() != model.names_.size()) {
    return Error{ErrorCode::bad_data, fmt::format("clicks: trees of {} features where {} are named",
                                                  model.trees_.features(), model.names_.size())};
  }
  return model;
}

Result<ClickModel> fit_click_model(const ClickRows& rows, Time from, const ClickConfig& config,
                                   const Resources& resources) {
  SARTOR_TRY(check_config(config));
  SARTOR_TRY(check_config(config.trees, "clicks.trees"));
  if (config.trees.objective != "binary") {
    return Error{ErrorCode::config, fmt::format("clicks.trees.objective: '{}'; expected binary",
                                                config.trees.objective)};
  }
  const auto known = known_rows(rows, from, config.click_hours);
  if (known.size() < kLeastImpressions) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("clicks: {} impressions before {}: at least {} are needed",
                             known.size(), format_time(from), kLeastImpressions)};
  }
  const TreeRows all = tree_rows(rows, known, from);
  SARTOR_TRY(check_labels(all, from, "before "));
  const std::size_t cut = held_out_from(rows, known, config.held_out);
  const auto parts = std::span(known);
  const TreeRows early = tree_rows(rows, parts.first(cut), from);
  SARTOR_TRY(check_labels(early, rows.time[known[cut]], "before the held-out part from "));
  const TreeRows late = tree_rows(rows, parts.subspan(cut), from);
  SARTOR_ASSIGN(const Trees first,
                fit_trees(early, late, config.patience, config.trees, resources));
  ClickModel model;
  model.names_ = rows.names;
  model.config_ = config;
  if (config.calibrate) {
    std::vector<double> scores;
    scores.resize(late.rows());
    first.score(late.x, scores);
    std::tie(model.slope_, model.shift_) = platt_scale(scores, late.label);
  }
  TreesConfig whole = config.trees;
  whole.rounds = static_cast<int>(first.size());
  SARTOR_ASSIGN(model.trees_, fit_trees(all, whole, resources));
  return model;
}

}  // namespace sartor
