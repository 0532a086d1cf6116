// Facts of items as sparse rows: words of a text, categories, and numbers in overlapping buckets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/data/dataset.h"

namespace sartor {

// What a feature was made from; each kind has a weight of its own in a content model.
enum class FactKind : std::uint8_t { text, category, price, number };

// Items x features. An item's features are ascending and distinct; an item without facts has none.
struct ItemFeatures {
  std::vector<std::size_t> begin{0};  // items + 1
  std::vector<std::uint32_t> feature;
  std::vector<float> value;              // see item_features(); not 0
  std::vector<std::uint32_t> column_of;  // per feature: the table's column
  std::vector<FactKind> kind_of;         // per column of the table

  std::size_t items() const { return begin.size() - 1; }
  std::size_t features() const { return column_of.size(); }
  FactKind kind(std::size_t f) const { return kind_of[column_of[f]]; }
};

// The terms of a text: its words in lower case, and each pair of neighbours, joined by a blank. A
// word is a run of ASCII letters, digits, '_' and characters beyond ASCII; ideographs, kana and
// hangul stand alone, so that their pairs are the terms. Latin-1, Greek and Cyrillic capitals are
// lowered too; other alphabets keep their case. `text` should be UTF-8; other bytes are kept.
std::vector<std::string> terms_of(std::string_view text);

// Column `text`: 1 + ln(count) of each term, hashed with a sign into 2^18 buckets (Weinberger et
// al., ICML 2009), divided by the root of how many buckets the item has. Other text columns: 1 for
// the item's word. `price`: two buckets of half an octave that share 1 by nearness; prices that are
// not above 0 are missing. Other numbers: likewise, of a sixteenth of the items each. Missing
// values make no feature.
ItemFeatures item_features(const Table& items);

}  // namespace sartor
