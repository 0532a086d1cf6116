// Who the segments are: a card each in words and contrasts, a map of the users, how stable it is.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostCards = 30;
constexpr std::size_t kMostContrasts = 8;
constexpr double kWidestContrast = 2;  // standard deviations at a bar's full length

Markup contrasts(const Json& profile, const std::string& name) {
  const Json& given = at(profile, "contrasts");
  if (!given.is_array()) return {};
  Table table("Where " + shorten(name, 60) + " differs from all users");
  table.column("Feature", Table::Kind::text).column("Here").column("All").column("Contrast");
  std::size_t shown = 0;
  for (const Json& contrast : given) {
    if (++shown > kMostContrasts) break;
    const auto z = number(contrast, "z");
    // "country = Germany" is a share of users
    const bool of_a_word = words(contrast, "feature").find(" = ") != std::string::npos;
    const auto value = [&](const char* key) {
      const auto n = number(contrast, key);
      const std::string word = shorten(words(contrast, key), 24);
      if (!n) return text(word.empty() ? "–" : word);
      return text(of_a_word ? percent(n) : significant(n));
    };
    table.row(
        {breakable(words(contrast, "feature")), value("segment"), value("all"),
         html("{}{}", deviations(z), two_sided_bar(z ? std::optional(*z / kWidestContrast) : z))});
  }
  return table.done();
}

// What is known of everybody in it, feature by feature.
Markup all_features(const Json& profile, const std::string& name) {
  const Json& given = at(profile, "features");
  if (!given.is_array()) return {};
  Table table("Features of " + shorten(name, 60));
  table.column("Feature", Table::Kind::text).column("Mean, or commonest").column("Known of");
  for (const Json& one : given) {
    const std::string word = shorten(words(one, "word"), 24);
    const auto value = number(one, "value");
    table.row({breakable(words(one, "feature")),
               text(word.empty() ? significant(value) : word + " " + percent(value)),
               text(percent(number(one, "known")))});
  }
  return folded("All features", table.done());
}

// The profile's sentence without "loyal: 412 users (9.6%); ", which the card says by itself.
std::string rest_of(std::string sentence, const std::string& name, std::optional<double> users) {
  const std::string head = name + ": " + counted(users, "user") + " (";
  if (sentence.rfind(head, 0) != 0) return sentence;
  const std::size_t end = sentence.find("); ", head.size());
  if (end == std::string::npos) return "";
  sentence.erase(0, end + 3);
  sentence[0] =
      sentence[0] >= 'a' && sentence[0] <= 'z' ? static_cast<char>(sentence[0] - 32) : sentence[0];
  return sentence + ".";
}

// Newcomers, for one, are described before there are any.
Markup words_of(const std::string& sentence, const Json& profile) {
  if (!sentence.empty()) return html("<p>{}</p>", prose(sentence));
  if (number(profile, "users") != 0.0) return {};
  return html("<p>Nobody was in it when users were described, at the end of train.</p>");
}

Markup card(const Report& report, const Json& profile) {
  const std::string name = words(profile, "segment");
  const auto share = number(profile, "share");
  Markup facts;
  if (number(profile, "users")) facts += html("{}", counted(number(profile, "users"), "user"));
  if (share) facts += html("{}{} of all", facts.empty() ? "" : " · ", percent(share));
  const auto served = std::find_if(report.segments.begin(), report.segments.end(),
                                   [&](const Segment& s) { return s.name == name; });
  Markup decision;
  if (served != report.segments.end()) decision = badge(*served);
  const std::string sentence = rest_of(words(profile, "sentence"), name, number(profile, "users"));
  return html("<article class=\"card\"><h3>{}{}</h3><p class=\"facts\">{} {}</p>{}{}{}</article>\n",
              swatch(look_of(report, name)), name, facts, decision, bar(share),
              words_of(sentence, profile), contrasts(profile, name) + all_features(profile, name));
}

Markup cards(const Report& report) {
  const Json& profiles = at(report.details, "profiles");
  if (!profiles.is_array() || profiles.empty()) return {};
  const std::string chosen = words(report.summary, "segmentation", "name");
  std::vector<const Json*> shown;
  for (const Json& profile : profiles) {
    const std::string of = words(profile, "segmentation");
    if (of.empty() || chosen.empty() || of == chosen) shown.push_back(&profile);
  }
  Markup out;
  for (std::size_t i = 0; i < std::min(shown.size(), kMostCards); ++i) {
    out += card(report, *shown[i]);
  }
  if (out.empty()) return {};
  Markup more;
  if (shown.size() > kMostCards) {
    more = html("<p>… and {} more segments, not shown here.</p>\n", shown.size() - kMostCards);
  }
  return html("<div class=\"cards\">\n{}</div>\n{}", out, more);
}

Markup stability(const Report& report) {
  const Json& given = at(report.details, "stability");
  if (!given.is_array()) return {};
  Table table("How stable the segmentations are when users are drawn anew (1 is the same again)");
  table.column("Segmentation and segment", Table::Kind::text).column("Measure", Table::Kind::text);
  table.column("Value");
  for (const Json& one : given) {
    const std::string name = words(one, "segmentation");
    table.row({text(name), text("adjusted Rand index"), text(significant(number(one, "ari")))});
    for (const std::string& segment : keys_of(at(one, "jaccard"))) {
      table.row({text(name + " · " + segment), text("Jaccard overlap"),
                 text(significant(number(one, "jaccard", segment)))});
    }
  }
  return table.done();
}

// Rows are the old segments, columns the new ones; a bar is a share of its row.
Markup migration_table(const Report& report) {
  const Json& moved = at(report.summary, "segmentation", "migration");
  if (!moved.is_object()) return {};
  Table table("Who moved: users in each segment before (rows) and now (columns)");
  table.column("Before", Table::Kind::text);
  for (const Json& name : at(moved, "after")) table.column(words(name));
  const Json& before = at(moved, "before");
  for (std::size_t b = 0; b < before.size(); ++b) {
    std::vector<Markup> cells = {text(words(before[b]))};
    for (std::size_t a = 0; a < at(moved, "after").size(); ++a) {
      const auto share = number(at(moved, "shares")[b][a]);
      cells.push_back(html("{}<br><span class=\"soft\">{}</span>{}",
                           count(number(at(moved, "users")[b][a])), percent(share), bar(share)));
    }
    table.row(std::move(cells));
  }
  return html(
             "<p>Before this run, segmentation <strong>{}</strong> (version {}, bundle {}) was "
             "served. Of the users that both know, {} are in a segment of another name now; {} are "
             "new, and {} are not in the data any more.</p>\n",
             words(moved, "segmentation"), words(moved, "version"), words(moved, "bundle"),
             percent(number(moved, "moved")), count(number(moved, "users_new")),
             count(number(moved, "users_left"))) +
         table.done();
}

}  // namespace

Markup people_section(const Report& report) {
  return section("people", "Who the segments are",
                 cards(report) + user_map(report) + segment_tree(report) + stability(report) +
                     migration_table(report));
}

}  // namespace sartor::report
