#include "sartor/segments/scaler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kMostWords = 10;

Result<const Column*> find_column(const Table& table, const std::string& name) {
  if (const Column* column = table.find(name)) return column;
  std::vector<std::string> known;
  for (const Column& column : table.columns) known.push_back(column.name);
  return Error{ErrorCode::config,
               fmt::format("there is no feature '{}'{}", name, did_you_mean(name, known))};
}

std::uint32_t code_of(const Column& column, const std::string& word) {
  const auto found = std::lower_bound(column.words.begin(), column.words.end(), word);
  return found != column.words.end() && *found == word
             ? static_cast<std::uint32_t>(found - column.words.begin())
             : Column::kMissing - 1;
}

}  // namespace

void Scaler::add_number(const Column& column, std::span<const std::uint32_t> rows) {
  double sum = 0, squares = 0;
  std::size_t n = 0;
  for (const std::uint32_t row : rows) {
    const double x = column.numbers[row];
    if (std::isnan(x)) continue;
    sum += x;
    ++n;
  }
  const double mean = n > 0 ? sum / static_cast<double>(n) : 0;
  for (const std::uint32_t row : rows) {
    const double x = column.numbers[row];
    if (!std::isnan(x)) squares += (x - mean) * (x - mean);
  }
  const double sd = n > 0 ? std::sqrt(squares / static_cast<double>(n)) : 0;
  if (sd <= 0) {
    notes_.push_back(fmt::format("'{}' was left out: {}", column.name,
                                 n == 0 ? "every value is missing" : "it has one value only"));
    return;
  }
  const bool flag = n < rows.size();
  parts_.push_back(
      {.column = column.name, .kind = Kind::number, .mean = mean, .scale = sd, .flag = flag});
  columns_ += flag ? 2 : 1;
}

void Scaler::add_vectors(const std::vector<const Column*>& columns,
                         std::span<const std::uint32_t> rows) {
  double squares = 0;
  for (const Column* column : columns) {
    for (const std::uint32_t row : rows) squares += column->numbers[row] * column->numbers[row];
  }
  const double scale = std::sqrt(
      squares / static_cast<double>(std::max<std::size_t>(1, rows.size() * columns.size())));
  if (scale <= 0) {
    notes_.push_back("'embedding' was left out: every vector is zero");
    return;
  }
  for (const Column* column : columns)
    parts_.push_back({.column = column->name, .kind = Kind::vector, .scale = scale});
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
    if (count == 0 || count == rows.size() || kept == kMostWords) break;
    parts_.push_back({.column = column.name, .kind = Kind::word, .word = word});
    ++kept;
  }
  columns_ += kept;
  if (kept == 0)
    notes_.push_back(fmt::format("'{}' was left out: it has one value only", column.name));
}

Result<Scaler> Scaler::fit(const Table& table, const std::vector<std::string>& features,
                           std::span<const std::uint32_t> rows) {
  Scaler scaler;
  for (const std::string& name : features) {
    if (name == "embedding") {
      std::vector<const Column*> vectors;
      for (const Column& column : table.columns) {
        if (column.name.starts_with("embedding.")) vectors.push_back(&column);
      }
      if (vectors.empty()) return Error{ErrorCode::config, "there are no 'embedding' columns"};
      scaler.add_vectors(vectors, rows);
      continue;
    }
    SARTOR_ASSIGN(const Column* column, find_column(table, name));
    column->is_text ? scaler.add_words(*column, rows) : scaler.add_number(*column, rows);
  }
  if (scaler.columns_ == 0) {
    return Error{ErrorCode::config,
                 fmt::format("no feature is left to cluster by ({})", join(scaler.notes_, "; "))};
  }
  return scaler;
}

Result<Matrix<float>> Scaler::transform(const Table& table,
                                        std::span<const std::uint32_t> rows) const {
  Matrix<float> points(rows.size(), columns_);
  std::size_t at = 0;
  for (const Part& part : parts_) {
    SARTOR_ASSIGN(const Column* column, find_column(table, part.column));
    const std::uint32_t code = part.kind == Kind::word ? code_of(*column, part.word) : 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (part.kind == Kind::word) {
        points(r, at) = column->codes[rows[r]] == code ? 1.0f : 0.0f;
        continue;
      }
      const double x = column->numbers[rows[r]];
      points(r, at) = std::isnan(x) ? 0.0f : static_cast<float>((x - part.mean) / part.scale);
      if (part.flag) points(r, at + 1) = std::isnan(x) ? 1.0f : 0.0f;
    }
    at += part.flag ? 2 : 1;
  }
  return points;
}

Result<std::vector<std::uint8_t>> Scaler::known(const Table& table) const {
  std::vector<std::uint8_t> known(table.rows);
  for (const Part& part : parts_) {
    SARTOR_ASSIGN(const Column* column, find_column(table, part.column));
    for (std::size_t row = 0; row < table.rows; ++row) {
      const bool has = part.kind == Kind::word     ? column->codes[row] != Column::kMissing
                       : part.kind == Kind::vector ? column->numbers[row] != 0
                                                   : !std::isnan(column->numbers[row]);
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
      if (kind != "number" && kind != "vector" && kind != "word")
        return Error{ErrorCode::bad_data, "unknown kind of column: " + kind};
      scaler.parts_.push_back({.column = part.at("column"),
                               .kind = kind == "number"   ? Kind::number
                                       : kind == "vector" ? Kind::vector
                                                          : Kind::word,
                               .mean = part.at("mean"),
                               .scale = part.at("scale"),
                               .flag = part.at("missing_flag"),
                               .word = part.at("word")});
      scaler.columns_ += scaler.parts_.back().flag ? 2 : 1;
    }
  } catch (const Json::exception& e) {
    return Error{ErrorCode::bad_data, std::string("columns of a clustering: ") + e.what()};
  }
  return scaler;
}

}  // namespace sartor
