#include "sartor/segments/scaler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kMostCodes = 10;
constexpr double kSkewed = 2;

Result<const Column*> find_column(const Table& table, const std::string& name) {
  if (const Column* column = table.find(name)) return column;
  std::vector<std::string> known;
  for (const Column& column : table.columns) known.push_back(column.name);
  return Error{ErrorCode::config,
               fmt::format("there is no feature '{}'{}", name, did_you_mean(name, known))};
}

// All number columns "name.something", unless there is a column of that name.
std::vector<const Column*> columns_of_group(const Table& table, const std::string& name) {
  std::vector<const Column*> columns;
  if (table.find(name) != nullptr) return columns;
  for (const Column& column : table.columns) {
    if (column.name.starts_with(name + ".") && !column.is_text) columns.push_back(&column);
  }
  return columns;
}

// kMissing - 1 where the column does not know the word: no row has that code.
std::uint32_t code_of(const Column& column, const std::string& word) {
  const auto found = std::lower_bound(column.words.begin(), column.words.end(), word);
  return found != column.words.end() && *found == word
             ? static_cast<std::uint32_t>(found - column.words.begin())
             : Column::kMissing - 1;
}

struct Moments {
  std::size_t n = 0;
  double mean = 0;
  double sd = 0;
  double skewness = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments result{.n = values.size()};
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  for (const double x : values) result.mean += x / n;
  double squares = 0, cubes = 0;
  for (const double x : values) {
    const double d = x - result.mean;
    squares += d * d / n;
    cubes += d * d * d / n;
  }
  result.sd = std::sqrt(squares);
  if (result.sd > 0) result.skewness = cubes / (squares * result.sd);
  return result;
}

}  // namespace

double Scaler::Part::value(double x) const {
  if (std::isnan(x)) return 0;
  // A log was chosen where no number is negative; a later one that is counts as none.
  return ((log ? std::log1p(std::max(x, 0.0)) : x) - mean) / scale;
}

void Scaler::add_number(const Column& column, std::span<const std::uint32_t> rows) {
  std::vector<double> values;
  for (const std::uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) values.push_back(column.numbers[row]);
  }
  const bool flag = values.size() < rows.size();
  Moments of = moments(values);
  if (!(of.sd > 1e-12 * std::abs(of.mean)) || !std::isfinite(of.sd)) {
    notes_.push_back(
        fmt::format("'{}' was left out: {}", column.name,
                    values.empty() ? "every value is missing" : "it has one value only"));
    return;
  }
  const bool log = of.skewness > kSkewed && *std::min_element(values.begin(), values.end()) >= 0;
  if (log) {
    for (double& x : values) x = std::log1p(x);
    of = moments(values);
  }
  parts_.push_back({.column = column.name,
                    .kind = Kind::number,
                    .mean = of.mean,
                    .scale = of.sd,
                    .log = log,
                    .flag = flag});
  columns_ += flag ? 2 : 1;
}

void Scaler::add_vectors(const std::string& name, const std::vector<const Column*>& columns,
                         std::span<const std::uint32_t> rows) {
  double squares = 0;
  for (const Column* column : columns) {
    for (const std::uint32_t row : rows) {
      const double x = column->numbers[row];
      if (!std::isnan(x)) squares += x * x;
    }
  }
  const double scale =
      std::sqrt(squares / static_cast<double>(std::max<std::size_t>(1, rows.size())));
  if (!(scale > 0)) {
    notes_.push_back(fmt::format("'{}' was left out: every vector is zero", name));
    return;
  }
  for (const Column* column : columns) {
    parts_.push_back({.column = column->name, .kind = Kind::vector, .scale = scale});
  }
  columns_ += columns.size();
}

void Scaler::add_words(const Column& column, std::span<const std::uint32_t> rows) {
  std::vector<std::pair<std::size_t, std::string>> counts(column.words.size());
  for (std::size_t w = 0; w < counts.size(); ++w) counts[w].second = column.words[w];
  for (const std::uint32_t row : rows) {
    if (column.codes[row] < counts.size()) ++counts[column.codes[row]].first;
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::size_t kept = 0;
  for (const auto& [count, word] : counts) {
    if (count == 0 || count == rows.size() || kept == kMostCodes) break;
    parts_.push_back(
        {.column = column.name, .kind = Kind::word, .scale = std::numbers::sqrt2, .word = word});
    ++kept;
  }
  columns_ += kept;
  if (kept == 0) {
    notes_.push_back(fmt::format("'{}' was left out: {}", column.name,
                                 counts.empty() || counts[0].first == 0 ? "every value is missing"
                                                                        : "it has one value only"));
  }
}

Result<Scaler> Scaler::fit(const Table& table, const std::vector<std::string>& features,
                           std::span<const std::uint32_t> rows) {
  Scaler scaler;
  for (const std::string& name : features) {
    const auto vectors = columns_of_group(table, name);
    if (!vectors.empty()) {
      scaler.add_vectors(name, vectors, rows);
      continue;
    }
    if (name == "embedding") return Error{ErrorCode::config, "there are no 'embedding' columns"};
    SARTOR_ASSIGN(const Column* column, find_column(table, name));
    column->is_text ? scaler.add_words(*column, rows) : scaler.add_number(*column, rows);
  }
  if (scaler.columns_ == 0) {
    return Error{ErrorCode::config,
                 fmt::format("no feature is left to cluster by ({})", join(scaler.notes_, "; "))};
  }
  return scaler;
}

// One per part.
Result<std::vector<const Column*>> Scaler::find_columns(const Table& table) const {
  std::vector<const Column*> columns;
  for (const Part& part : parts_) {
    SARTOR_ASSIGN(const Column* column, find_column(table, part.column));
    if (column->is_text != (part.kind == Kind::word)) {
      return Error{ErrorCode::config,
                   fmt::format("feature '{}' is a {} here and was a {} when the segments were made",
                               part.column, column->is_text ? "text" : "number",
                               column->is_text ? "number" : "text")};
    }
    columns.push_back(column);
  }
  return columns;
}

Result<Matrix<float>> Scaler::transform(const Table& table,
                                        std::span<const std::uint32_t> rows) const {
  SARTOR_ASSIGN(const auto columns, find_columns(table));
  Matrix<float> points(rows.size(), columns_);
  std::size_t at = 0;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const Part& part = parts_[p];
    const Column& column = *columns[p];
    const std::uint32_t code = part.kind == Kind::word ? code_of(column, part.word) : 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (part.kind == Kind::word) {
        if (column.codes[rows[r]] == code) points(r, at) = static_cast<float>(1 / part.scale);
        continue;
      }
      const double x = column.numbers[rows[r]];
      points(r, at) = static_cast<float>(part.value(x));
      if (part.flag) points(r, at + 1) = std::isnan(x) ? 1.0f : 0.0f;
    }
    at += part.flag ? 2 : 1;
  }
  return points;
}

Result<std::vector<std::uint8_t>> Scaler::known(const Table& table) const {
  SARTOR_ASSIGN(const auto columns, find_columns(table));
  std::vector<std::uint8_t> known(table.rows);
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    for (std::size_t row = 0; row < table.rows; ++row) {
      bool has = false;
      if (parts_[p].kind == Kind::word) {
        has = columns[p]->codes[row] != Column::kMissing;
      } else {
        const double x = columns[p]->numbers[row];
        has = !std::isnan(x) && (parts_[p].kind == Kind::number || x != 0);
      }
      known[row] |= static_cast<std::uint8_t>(has);
    }
  }
  return known;
}

Json Scaler::to_json() const {
  Json json = Json::array();
  static constexpr const char* kKinds[] = {"number", "vector", "word"};
  for (const Part& part : parts_) {
    json.push_back({{"column", part.column},
                    {"kind", kKinds[static_cast<int>(part.kind)]},
                    {"mean", part.mean},
                    {"scale", part.scale},
                    {"log", part.log},
                    {"missing_flag", part.flag},
                    {"word", part.word}});
  }
  return json;
}

Result<Scaler> Scaler::from_json(const Json& json) {
  Scaler scaler;
  try {
    for (const Json& part : json) {
      const std::string kind = part.at("kind");
      if (kind != "number" && kind != "vector" && kind != "word") {
        return Error{ErrorCode::bad_data, "unknown kind of column: " + printable(kind)};
      }
      Part made{.column = part.at("column"),
                .kind = kind == "number"   ? Kind::number
                        : kind == "vector" ? Kind::vector
                                           : Kind::word,
                .mean = part.at("mean"),
                .scale = part.at("scale"),
                .log = part.at("log"),
                .flag = part.at("missing_flag"),
                .word = part.at("word")};
      if (!(made.scale > 0)) {
        return Error{ErrorCode::bad_data,
                     fmt::format("columns of a clustering: scale {} of '{}'; expected more than 0",
                                 made.scale, printable(made.column))};
      }
      scaler.columns_ += made.flag ? 2 : 1;
      scaler.parts_.push_back(std::move(made));
    }
  } catch (const Json::exception& e) {
    return Error{ErrorCode::bad_data, std::string("columns of a clustering: ") + e.what()};
  }
  return scaler;
}

}  // namespace sartor
