#include "sartor/serving/item_filter.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "sartor/base/json_pointer.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

// Looking for the nearest of more words, or to a longer one, would take longer than the answer.
constexpr std::size_t kMostCandidates = 10'000;
constexpr std::size_t kMostLetters = 64;

Error unfit(const std::string& place, const std::string& detail) {
  return {ErrorCode::invalid_argument, place + ": " + detail};
}

Error unknown_word(const std::string& place, const std::string& word,
                   const std::vector<std::string>& known) {
  const bool quick = known.size() <= kMostCandidates && word.size() <= kMostLetters;
  const std::string hint = quick ? did_you_mean(word, known) : "";
  return unfit(place, fmt::format("no item has '{}'{}", printable(word), hint));
}

// "Action|Sci-Fi" -> "Action", "Sci-Fi"; blanks around a part do not belong to it.
std::vector<std::string_view> parts_in(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find_first_of("|,;"), text.size());
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// Whether each of the column's words is one of `wanted`.
Result<std::vector<bool>> whole_words(const Column& column, const std::vector<std::string>& wanted,
                                      const std::string& place) {
  std::vector<bool> fits(column.words.size(), wanted.empty());
  for (const std::string& word : wanted) {
    const auto at = std::lower_bound(column.words.begin(), column.words.end(), word);
    if (at == column.words.end() || *at != word) return unknown_word(place, word, column.words);
    fits[static_cast<std::size_t>(at - column.words.begin())] = true;
  }
  return fits;
}

// Whether each of the column's words has a part that is one of `wanted`.
Result<std::vector<bool>> words_with_parts(const Column& column,
                                           const std::vector<std::string>& wanted,
                                           const std::string& place) {
  const std::set<std::string_view> asked(wanted.begin(), wanted.end());
  std::set<std::string_view> met;
  std::set<std::string_view> known;
  std::vector<bool> fits(column.words.size());
  for (std::size_t w = 0; w < fits.size(); ++w) {
    for (const std::string_view part : parts_in(column.words[w])) {
      if (known.size() <= kMostCandidates) known.insert(part);
      if (!asked.contains(part)) continue;
      met.insert(part);
      fits[w] = true;
    }
  }
  for (const std::string& word : wanted) {
    if (met.contains(word)) continue;
    return unknown_word(place, word, std::vector<std::string>(known.begin(), known.end()));
  }
  return fits;
}

std::vector<bool> items_named(const Bundle& bundle, const std::vector<std::string>& names) {
  std::vector<bool> fits(bundle.catalogue.items().size());
  for (const std::string& name : names) {
    const std::uint32_t item = bundle.catalogue.items().find(name);
    if (item != Vocabulary::kNone) fits[item] = true;
  }
  return fits;
}

Result<std::vector<bool>> fit_text(const Column& column, const Condition& condition,
                                   const std::string& place) {
  if (!condition.numbers.empty() || condition.min || condition.max) {
    return unfit(place, "expected texts: it is no number");
  }
  SARTOR_ASSIGN(const std::vector<bool> words,
                condition.has.empty() ? whole_words(column, condition.words, place)
                                      : words_with_parts(column, condition.has, place));
  std::vector<bool> fits(column.codes.size());
  for (std::size_t i = 0; i < fits.size(); ++i) {
    fits[i] = column.codes[i] != Column::kMissing && words[column.codes[i]];
  }
  return fits;
}

Result<std::vector<bool>> fit_numbers(const Column& column, const Condition& condition,
                                      const std::string& place) {
  if (!condition.words.empty() || !condition.has.empty()) {
    return unfit(place, "expected numbers, or \"min\" and \"max\": it is no text");
  }
  if (condition.min && condition.max && *condition.min > *condition.max) {
    return unfit(place, fmt::format("min {} is above max {}", shortest(*condition.min),
                                    shortest(*condition.max)));
  }
  std::vector<double> any = condition.numbers;
  std::sort(any.begin(), any.end());
  std::vector<bool> fits(column.numbers.size());
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const double number = column.numbers[i];  // NaN, where it is missing, fits nothing
    fits[i] = any.empty() ? (condition.min ? number >= *condition.min : number == number) &&
                                (condition.max ? number <= *condition.max : number == number)
                          : number == number && std::binary_search(any.begin(), any.end(), number);
  }
  return fits;
}

Result<std::vector<bool>> fit_condition(const Bundle& bundle, const Condition& condition,
                                        const std::string& place) {
  const std::string own = place + "/" + pointer_part(condition.attribute);
  if (condition.attribute == "item") {
    if (condition.words.empty()) return unfit(own, "expected item ids");
    return items_named(bundle, condition.words);
  }
  SARTOR_ASSIGN(const Column* column, item_column(bundle, condition.attribute, own));
  return column->is_text ? fit_text(*column, condition, own) : fit_numbers(*column, condition, own);
}

}  // namespace

Result<const Column*> item_column(const Bundle& bundle, const std::string& name,
                                  const std::string& place) {
  const Table& table = bundle.catalogue.item_attributes();
  if (const Column* column = table.find(name)) return column;
  std::vector<std::string> known{"item"};
  for (const Column& column : table.columns) known.push_back(column.name);
  std::string hint = did_you_mean(name, known);
  if (hint.empty()) hint = "; they have " + join(known, ", ");
  return unfit(place, "items have no such attribute" + hint);
}

Result<std::vector<bool>> items_that_fit(const Bundle& bundle, const ItemFilter& filter,
                                         const std::string& place) {
  std::vector<bool> fits(bundle.catalogue.items().size(), true);
  for (const Condition& condition : filter.all) {
    SARTOR_ASSIGN(const auto one, fit_condition(bundle, condition, place));
    for (std::size_t i = 0; i < fits.size(); ++i) fits[i] = fits[i] && one[i];
  }
  for (const Condition& condition : filter.none) {
    SARTOR_ASSIGN(const auto one, fit_condition(bundle, condition, place + "/not"));
    for (std::size_t i = 0; i < fits.size(); ++i) fits[i] = fits[i] && !one[i];
  }
  return fits;
}

}  // namespace sartor
