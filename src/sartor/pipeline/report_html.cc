#include "sartor/pipeline/report_html.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostRows = 80;
constexpr const char* kNothing = "–";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The bytes of the first `most` characters of `text`.
std::size_t bytes_of(std::string_view text, std::size_t most) {
  std::size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    if (continues(text[bytes])) continue;
    if (most-- == 0) break;
  }
  return bytes;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    case '\n':
    case '\t':
      out += ' ';
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) {
    out += "\xef\xbf\xbd";
  } else {
    out += c;
  }
}

// Puts U+2212 for a leading hyphen and '+' before a positive number where it is wanted.
std::string with_sign(std::string digits, bool plus) {
  const bool zero = digits.find_first_of("123456789") == std::string::npos;
  if (digits.front() == '-') return (zero ? "" : "−") + digits.substr(1);
  return plus && !zero ? "+" + digits : digits;
}

// One decimal; two where one would hide all of it, none where it is noise.
std::string percent_digits(double share) {
  const double value = share * 100;
  const double size = std::abs(value);
  const int decimals = size > 0 && size < 0.095 ? 2 : size < 99.95 ? 1 : 0;
  if (size >= 1000) return (value < 0 ? "-" : "") + with_thousands(std::llround(size));
  return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace

std::string shorten(std::string_view text, std::size_t most) {
  const std::size_t bytes = bytes_of(text, most);
  return bytes == text.size() ? std::string(text) : std::string(text.substr(0, bytes)) + "…";
}

std::string escape_html(std::string_view text, std::size_t most) {
  // Four bytes are the most that a character has; what lies behind the cut is not looked at.
  std::string cut = shorten(text.substr(0, std::min(text.size(), most * 4 + 4)), most);
  if (!is_utf8(cut)) cut = printable(cut, cut.size());
  std::string out;
  out.reserve(cut.size() + 16);
  for (const char c : cut) append_escaped(out, c);
  return out;
}

Markup text(std::string_view plain) { return Markup::trusted(escape_html(plain)); }
Markup breakable(std::string_view plain) {
  std::string out;
  for (const char c : escape_html(plain)) {
    out += c;
    if (c == '_' || c == '/' || c == '=') out += "<wbr>";
  }
  return Markup::trusted(out);
}

Markup prose(std::string_view plain) { return Markup::trusted(escape_html(plain, 600)); }

std::string significant(std::optional<double> value) {
  if (!value) return kNothing;
  const double size = std::abs(*value);
  if (size >= 1e15 || (size > 0 && size < 1e-4))
    return with_sign(fmt::format("{:.2e}", *value), false);
  if (size >= 1000) return (*value < 0 ? "−" : "") + with_thousands(std::llround(size));
  const int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  std::string digits = fmt::format("{:.{}f}", *value, size == std::round(size) ? 0 : decimals);
  return with_sign(std::move(digits), false);
}

std::string percent(std::optional<double> share) {
  return share ? with_sign(percent_digits(*share), false) + "%" : kNothing;
}

std::string gain(std::optional<double> share) {
  return share ? with_sign(percent_digits(*share), true) + "%" : kNothing;
}

std::string points(std::optional<double> share) {
  return share ? with_sign(percent_digits(*share), true) + " points" : kNothing;
}

std::string deviations(std::optional<double> z) {
  return z ? with_sign(fmt::format("{:.1f}", std::clamp(*z, -99.0, 99.0)), true) + " sd" : kNothing;
}

std::string probability(std::optional<double> p) {
  if (!p) return kNothing;
  if (*p < 1e-4) return "<0.0001";
  return fmt::format("{:.{}f}", *p, *p < 0.01 ? 4 : *p < 0.1 ? 3 : 2);
}

std::string count(std::optional<double> n) {
  if (!n || std::abs(*n) > 9e15) return kNothing;
  return (*n < 0 ? "−" : "") + with_thousands(std::llround(std::abs(*n)));
}

std::string counted(std::optional<double> n, const char* noun) {
  return fmt::format("{} {}{}", count(n), noun, n && *n == 1 ? "" : "s");
}

std::string duration(std::optional<double> seconds) {
  if (!seconds) return kNothing;
  if (*seconds < 59.95) {
    return fmt::format("{:.{}f} s", *seconds, *seconds < 1 ? 2 : 1);
  }
  const long long whole = std::llround(*seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", with_thousands(whole / 3600), whole % 3600 / 60);
}

std::string moment(std::string_view iso) {
  const std::size_t t = iso.find('T');
  if (t != 10) return std::string(iso);
  const std::string_view clock = iso.substr(11);
  if (clock == "00:00:00Z" || clock == "00:00:00" || clock == "00:00Z") {
    return std::string(iso.substr(0, 10));
  }
  return fmt::format("{} {} UTC", iso.substr(0, 10), clock.substr(0, 5));
}

std::string interval(std::optional<double> low, std::optional<double> high) {
  return low && high ? gain(low) + " to " + gain(high) : kNothing;
}

const Json& at(const Json& json, std::string_view key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(std::string(key));
  return found == json.end() ? nothing : *found;
}

std::optional<double> number(const Json& json) {
  if (!json.is_number()) return std::nullopt;
  const double value = json.get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string words(const Json& json) {
  if (json.is_string()) return json.get_ref<const std::string&>();
  if (json.is_boolean() || json.is_number()) return json_text(json);
  return "";
}

bool truth(const Json& json, std::string_view key) {
  const Json& value = at(json, key);
  return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  if (!object.is_object()) return keys;
  for (const auto& entry : object.items()) keys.push_back(entry.key());
  return keys;
}

Table& Table::column(std::string_view heading, Kind kind) {
  headings_.emplace_back(heading);
  kinds_.push_back(kind);
  return *this;
}

Table& Table::row(std::vector<Markup> cells, const char* css) {
  if (++n_rows_ > kMostRows) return *this;
  Markup line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool numeric = i < kinds_.size() && kinds_[i] == Kind::number;
    const char* kind = numeric ? "n" : "t";
    line += i == 0 ? html("<th scope=\"row\" class=\"{}\">{}</th>", kind, cells[i])
                   : html("<td class=\"{}\">{}</td>", kind, cells[i]);
  }
  rows_ += html("<tr class=\"{}\">{}</tr>\n", css, line);
  return *this;
}

Markup Table::done() const {
  if (empty()) return {};
  Markup head;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    const char* kind = kinds_[i] == Kind::number ? "n" : "t";
    head += html("<th scope=\"col\" class=\"{}\">{}</th>", kind, headings_[i]);
  }
  Markup more;
  if (n_rows_ > kMostRows) {
    more = html("<tr><td class=\"t\" colspan=\"{}\">… and {} more, not shown here</td></tr>",
                headings_.size(), count(static_cast<double>(n_rows_ - kMostRows)));
  }
  const Markup table = html(
      "<table><caption><span>{}</span></caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}{}</tbody>"
      "</table>",
      caption_, head, rows_, more);
  if (headings_.size() <= 3) return html("<div class=\"small\">{}</div>\n", table);
  // A wide table scrolls by itself on a phone, from the keyboard too.
  return html(
      "<div class=\"scroll {}\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{}</div>\n",
      headings_.size() > 5 ? "wide" : "medium", caption_, table);
}

Markup bar(std::optional<double> share) {
  if (!share) return {};
  const double width = std::clamp(*share, 0.0, 1.0) * 100;
  return html("<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{:.1f}%\"></i></span>",
              width);
}

Markup two_sided_bar(std::optional<double> share) {
  if (!share) return {};
  const double width = std::min(std::abs(*share), 1.0) * 50;
  return html(
      "<span class=\"bar both\" aria-hidden=\"true\"><i class=\"{}\" "
      "style=\"width:{:.1f}%;left:{:.1f}%\"></i></span>",
      *share < 0 ? "less" : "more", width, *share < 0 ? 50 - width : 50.0);
}

Markup section(const char* id, const char* heading, const Markup& body) {
  if (body.empty()) return {};
  return html(
      "<section id=\"{}\" aria-labelledby=\"{}-h\">\n<h2 id=\"{}-h\">{}</h2>\n{}</section>\n\n", id,
      id, id, heading, body);
}

Markup folded(std::string_view summary, const Markup& body) {
  if (body.empty()) return {};
  return html("<details><summary>{}</summary>\n{}</details>\n", summary, body);
}

}  // namespace sartor::report
