// What the report's sections are written with: HTML that cannot be injected into, numbers as text,
// tables, and JSON read without surprises.
#pragma once

#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sartor/base/json.h"

namespace sartor::report {

// A piece of HTML. It is made by html() and text() only, so a text from the user's data is escaped
// on its way in.
class Markup {
 public:
  Markup() = default;
  const std::string& str() const { return html_; }
  bool empty() const { return html_.empty(); }
  Markup& operator+=(const Markup& more) {
    html_ += more.html_;
    return *this;
  }
  friend Markup operator+(Markup a, const Markup& b) { return std::move(a += b); }

  static Markup trusted(std::string html) {
    Markup markup;
    markup.html_ = std::move(html);
    return markup;
  }

 private:
  std::string html_;
};

// & < > " ' as entities, control characters and bad bytes as U+FFFD, cut after `most` characters.
std::string escape_html(std::string_view text, std::size_t most = 120);

namespace detail {
inline std::string_view safe(const Markup& markup) { return markup.str(); }
inline std::string safe(std::string_view text) { return escape_html(text); }
template <class T>
requires std::is_arithmetic_v<T> T safe(T number) { return number; }
template <class T>
using Safe = decltype(safe(std::declval<const T&>()));
}  // namespace detail

// html("<td>{}</td>", name): the pattern is a literal, and arguments that are not Markup are
// escaped.
template <class... Args>
Markup html(fmt::format_string<detail::Safe<Args>...> pattern, const Args&... args) {
  const fmt::string_view checked = pattern;
  return Markup::trusted(fmt::vformat(checked, fmt::make_format_args(detail::safe(args)...)));
}

Markup text(std::string_view plain);
Markup breakable(
    std::string_view plain);           // may break behind _ / and =, as names of files and features
Markup prose(std::string_view plain);  // up to 600 characters

// The first `most` characters (code points), with "…" where there were more.
std::string shorten(std::string_view text, std::size_t most);

// Numbers for people. Nothing known is "–"; minus is U+2212.
std::string significant(std::optional<double> value);            // three digits: 0.313, 1,240
std::string percent(std::optional<double> share);                // 12.3%
std::string gain(std::optional<double> share);                   // +2.4%, −0.3%, 0.0%
std::string points(std::optional<double> share);                 // +2.4 points, of percent
std::string deviations(std::optional<double> z);                 // +1.3 sd
std::string probability(std::optional<double> p);                // 0.0032, <0.0001
std::string count(std::optional<double> n);                      // 1,782
std::string counted(std::optional<double> n, const char* noun);  // 1 user, 1,782 users
std::string duration(std::optional<double> seconds);             // 0.42 s, 1 min 12 s
std::string moment(std::string_view iso);                        // midnights lose their time of day
std::string interval(std::optional<double> low, std::optional<double> high);  // +1.5% to +3.3%

// JSON without surprises: a null where there is nothing of that name.
const Json& at(const Json& json, std::string_view key);
template <class... Keys>
const Json& at(const Json& json, std::string_view key, Keys... more) {
  return at(at(json, key), more...);
}
std::optional<double> number(const Json& json);  // finite numbers only
std::string words(const Json& json);             // a string as it is, a scalar as JSON, else ""
template <class... Keys>
std::optional<double> number(const Json& json, std::string_view key, Keys... more) {
  return number(at(json, key, more...));
}
template <class... Keys>
std::string words(const Json& json, std::string_view key, Keys... more) {
  return words(at(json, key, more...));
}
bool truth(const Json& json, std::string_view key);
std::vector<std::string> keys_of(const Json& object);

// A table with a caption, whose first column names the row. Rows beyond the first 80 are counted
// in a last line.
class Table {
 public:
  enum class Kind { text, number };
  explicit Table(std::string_view caption) : caption_(text(caption)) {}
  Table& column(std::string_view heading, Kind kind = Kind::number);
  Table& row(std::vector<Markup> cells, const char* css = "");
  bool empty() const { return n_rows_ == 0; }
  Markup done() const;  // nothing if there is no row

 private:
  Markup caption_;
  std::vector<std::string> headings_;
  std::vector<Kind> kinds_;
  Markup rows_;
  std::size_t n_rows_ = 0;
};

// A bar for a table's cell, 0 to 1 of the cell; the number stands beside it, so it is for eyes
// only.
Markup bar(std::optional<double> share);
// A bar to the left or right of a middle, -1 to 1.
Markup two_sided_bar(std::optional<double> share);

Markup section(const char* id, const char* heading, const Markup& body);  // nothing if body is
Markup folded(std::string_view summary, const Markup& body);              // nothing if body is

}  // namespace sartor::report
