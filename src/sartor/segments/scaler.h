// Feature columns as points in space: numbers to z-scores, words to 0/1 columns, vectors to a
// length of about 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/matrix.h"
#include "sartor/base/result.h"
#include "sartor/data/dataset.h"

namespace sartor {

class Scaler {
 public:
  // `features` are column names, or groups of number columns: "embedding" stands for all of
  // embedding.0, embedding.1, …, "interest" for all of interest.toys, interest.books, …
  // Numbers: (x - mean) / sd over `rows`, of ln(1 + x) where no x is negative and the skewness is
  // above 2 (money and counts: else one big customer is a cluster). Missing numbers stand at the
  // mean, with a flag column of their own. Texts: one column per word, the ten most frequent; two
  // different words are at distance 1. Vectors: divided by their root mean square length, so that
  // an embedding weighs as much as one number. What does not vary is left out, with a note. Fails
  // with `config`, naming the nearest, if there is no such column or none is left.
  static Result<Scaler> fit(const Table& table, const std::vector<std::string>& features,
                            std::span<const std::uint32_t> rows);

  std::size_t columns() const { return columns_; }
  const std::vector<std::string>& notes() const { return notes_; }

  // Of `rows` of any table that has the columns. Fails with `config` if one is missing or of
  // another kind.
  Result<Matrix<float>> transform(const Table& table, std::span<const std::uint32_t> rows) const;
  // Whether the row has anything in any of the columns: a value that is not missing, a vector that
  // is not zero.
  Result<std::vector<std::uint8_t>> known(const Table& table) const;

  Json to_json() const;
  static Result<Scaler> from_json(const Json& json);

 private:
  enum class Kind { number, vector, word };
  struct Part {
    std::string column;
    Kind kind = Kind::number;
    double mean = 0;
    double scale = 1;
    bool log = false;   // of a number: ln(1 + x) is scaled
    bool flag = false;  // a second column: 1 where the number is missing
    std::string word;

    double value(double x) const;
  };
  std::vector<Part> parts_;
  std::size_t columns_ = 0;
  std::vector<std::string> notes_;

  Result<std::vector<const Column*>> find_columns(const Table& table) const;
  void add_number(const Column& column, std::span<const std::uint32_t> rows);
  void add_vectors(const std::string& name, const std::vector<const Column*>& columns,
                   std::span<const std::uint32_t> rows);
  void add_words(const Column& column, std::span<const std::uint32_t> rows);
};

}  // namespace sartor
