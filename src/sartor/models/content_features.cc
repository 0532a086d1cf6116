#include "sartor/models/content_features.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace sartor {
namespace {

constexpr std::uint64_t kTextBuckets = std::uint64_t{1} << 18;
constexpr double kBucketsPerOctave = 2;
constexpr double kPriceOffset = 128;  // so that buckets of prices far below 1 are not negative
constexpr double kRankBuckets = 16;

// One feature of one item, before features are numbered.
struct Entry {
  std::uint32_t item;
  std::uint64_t key;  // column << 32 | place within the column
  float value;
};

std::uint64_t key_of(std::size_t column, std::uint64_t place) {
  return (std::uint64_t{column} << 32) | place;
}

// FNV-1a, finished by the mixer of SplitMix64 so that low bits are as good as high ones.
std::uint64_t hash_of(std::string_view term) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : term) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

// One character of UTF-8: its number and its bytes. A bad byte is a character by itself.
struct Character {
  std::uint32_t code;
  std::size_t bytes;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (bytes == 1 || at + bytes > text.size()) return {0xfffd, 1};
  std::uint32_t code = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {0xfffd, 1};
    code = (code << 6) | (byte(at + i) & 0x3fu);
  }
  return {code, bytes};
}

bool stands_alone(std::uint32_t code) {
  return (code >= 0x2e80 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af) ||
         (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

bool is_word(std::uint32_t code) {
  return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') ||
         (code >= 'A' && code <= 'Z') || code == '_' ||
         // Not the signs of Latin-1, nor general punctuation.
         (code >= 0xc0 && code != 0xd7 && code != 0xf7 && !(code >= 0x2000 && code <= 0x206f) &&
          !(code >= 0x3000 && code <= 0x303f));
}

// Of capitals whose small letters have as many bytes.
std::uint32_t lowered(std::uint32_t code) {
  const bool latin = (code >= 'A' && code <= 'Z') || (code >= 0xc0 && code <= 0xde);
  const bool by_32 = latin || (code >= 0x391 && code <= 0x3a9) || (code >= 0x410 && code <= 0x42f);
  if (by_32) return code + 0x20;
  return code >= 0x400 && code <= 0x40f ? code + 0x50 : code;
}

void append(std::string_view bytes, std::uint32_t code, std::string& word) {
  const std::uint32_t small = lowered(code);
  if (small == code) {
    word += bytes;
  } else if (small < 0x80) {
    word += static_cast<char>(small);
  } else {
    word += static_cast<char>(0xc0 | (small >> 6));
    word += static_cast<char>(0x80 | (small & 0x3f));
  }
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = character_at(text, at);
    if (!is_word(code) || stands_alone(code)) finish();
    if (is_word(code)) append(text.substr(at, bytes), code, word);
    if (stands_alone(code)) finish();
    at += bytes;
  }
  finish();
  return words;
}

// Bucket -> value of one text.
std::map<std::uint64_t, float> hashed(std::string_view text) {
  std::map<std::string, int> counts;
  for (std::string& term : terms_of(text)) ++counts[std::move(term)];
  std::map<std::uint64_t, float> buckets;
  for (const auto& [term, count] : counts) {
    const std::uint64_t h = hash_of(term);
    const float tf = 1.0f + std::log(static_cast<float>(count));
    buckets[h % kTextBuckets] += (h >> 63) == 0 ? tf : -tf;
  }
  std::erase_if(buckets, [](const auto& bucket) { return bucket.second == 0; });
  const float scale =
      1.0f / std::sqrt(static_cast<float>(std::max<std::size_t>(buckets.size(), 1)));
  for (auto& [bucket, value] : buckets) value *= scale;
  return buckets;
}

void add_text(const Column& column, std::size_t number, std::vector<Entry>& out) {
  std::vector<std::map<std::uint64_t, float>> of_word;
  for (const std::string& word : column.words) of_word.push_back(hashed(word));
  for (std::uint32_t i = 0; i < column.codes.size(); ++i) {
    if (column.codes[i] == Column::kMissing) continue;
    for (const auto& [bucket, value] : of_word[column.codes[i]])
      out.push_back({i, key_of(number, bucket), value});
  }
}

void add_categories(const Column& column, std::size_t number, std::vector<Entry>& out) {
  for (std::uint32_t i = 0; i < column.codes.size(); ++i) {
    const std::uint32_t code = column.codes[i];
    if (code == Column::kMissing || column.words[code].empty()) continue;
    out.push_back({i, key_of(number, code), 1.0f});
  }
}

// Two buckets share 1 by how near they are to `place`.
void add_place(std::uint32_t item, std::size_t number, double place, std::vector<Entry>& out) {
  const double lower = std::floor(place);
  const auto share = static_cast<float>(place - lower);
  const auto bucket = static_cast<std::uint64_t>(lower);
  if (share < 1) out.push_back({item, key_of(number, bucket), 1 - share});
  if (share > 0) out.push_back({item, key_of(number, bucket + 1), share});
}

void add_prices(const Column& column, std::size_t number, std::vector<Entry>& out) {
  for (std::uint32_t i = 0; i < column.numbers.size(); ++i) {
    const double price = column.numbers[i];
    if (!(price > 0) || !std::isfinite(price)) continue;
    const double place = kPriceOffset + kBucketsPerOctave * std::log2(price);
    add_place(i, number, std::clamp(place, 0.0, 2 * kPriceOffset), out);
  }
}

// By the share of items with a smaller number; equal numbers share the middle of their places.
void add_numbers(const Column& column, std::size_t number, std::vector<Entry>& out) {
  std::vector<double> sorted;
  for (const double value : column.numbers) {
    if (std::isfinite(value)) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  for (std::uint32_t i = 0; i < column.numbers.size(); ++i) {
    if (!std::isfinite(column.numbers[i])) continue;
    const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), column.numbers[i]);
    const double rank = static_cast<double>((low - sorted.begin()) + (high - sorted.begin())) / 2;
    add_place(i, number, kRankBuckets * rank / static_cast<double>(sorted.size()), out);
  }
}

// Numbers the keys in their order and lays the entries out by item.
void pack(std::vector<Entry> entries, std::size_t items, ItemFeatures& out) {
  std::vector<std::uint64_t> keys;
  keys.reserve(entries.size());
  for (const Entry& entry : entries) keys.push_back(entry.key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const std::uint64_t key : keys)
    out.column_of.push_back(static_cast<std::uint32_t>(key >> 32));
  // Columns came in their order, and within one the items: by item, keys are ascending.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.item < b.item; });
  out.begin.assign(items + 1, 0);
  for (const Entry& entry : entries) {
    ++out.begin[entry.item + 1];
    const auto at = std::lower_bound(keys.begin(), keys.end(), entry.key);
    out.feature.push_back(static_cast<std::uint32_t>(at - keys.begin()));
    out.value.push_back(entry.value);
  }
  std::partial_sum(out.begin.begin(), out.begin.end(), out.begin.begin());
}

}  // namespace

std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms = words_of(text);
  const std::size_t words = terms.size();
  for (std::size_t w = 0; w + 1 < words; ++w) terms.push_back(terms[w] + " " + terms[w + 1]);
  return terms;
}

ItemFeatures item_features(const Table& items) {
  ItemFeatures out;
  std::vector<Entry> entries;
  for (std::size_t c = 0; c < items.columns.size(); ++c) {
    const Column& column = items.columns[c];
    if (column.is_text && column.name == "text") {
      out.kind_of.push_back(FactKind::text);
      add_text(column, c, entries);
    } else if (column.is_text) {
      out.kind_of.push_back(FactKind::category);
      add_categories(column, c, entries);
    } else if (column.name == "price") {
      out.kind_of.push_back(FactKind::price);
      add_prices(column, c, entries);
    } else {
      out.kind_of.push_back(FactKind::number);
      add_numbers(column, c, entries);
    }
  }
  pack(std::move(entries), items.rows, out);
  return out;
}

}  // namespace sartor
