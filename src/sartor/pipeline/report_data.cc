// Where the numbers come from: sources, quarantine, cleaning, the split in time, timings, replay.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/base/time.h"
#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kQuarantineShown = 20;

// A number from the details, else from the summary.
std::optional<double> data_number(const Report& report, const char* key) {
  const auto n = number(report.details, "data", key);
  return n ? n : number(report.summary, "data", key);
}

Markup size_sentence(const Report& report) {
  const auto events = data_number(report, "events");
  if (!events) return {};
  Markup out = html("<p>{}", counted(events, "event"));
  if (const auto n = number(report.details, "data", "positives")) {
    out += html(", of them {} that {} as success,", count(n), *n == 1 ? "counts" : "count");
  }
  out += html(" of {} with {}", counted(data_number(report, "users"), "user"),
              counted(data_number(report, "items"), "item"));
  const std::string from = words(report.details, "data", "span", "from");
  const std::string until = words(report.details, "data", "span", "until");
  if (!from.empty()) out += html(", from {} to {}", moment(from), moment(until));
  return out + html(". Nothing was removed silently: the tables count every row.</p>\n");
}

Markup sources(const Report& report) {
  const Json& given = at(report.details, "data", "sources");
  if (!given.is_array()) return {};
  Table table("Sources: what was read, and what became of it");
  table.column("File", Table::Kind::text).column("Rows").column("Kept");
  table.column("Not an event (keep)").column("Bad");
  for (const Json& one : given) {
    table.row({breakable(words(one, "file")), text(count(number(one, "rows"))),
               text(count(number(one, "kept"))), text(count(number(one, "not_kept"))),
               text(count(number(one, "bad")))});
  }
  return table.done();
}

Markup counts(const char* caption, const char* what, const Json& given) {
  Table table(caption);
  table.column(what, Table::Kind::text).column("Rows");
  for (const std::string& key : keys_of(given)) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', ' ');
    table.row({text(name), text(count(number(given, key)))});
  }
  return table.done();
}

Markup quarantine(const Report& report) {
  const auto total = data_number(report, "quarantined");
  const Json& given = at(report.details, "data", "quarantine");
  if (total && *total == 0) return html("<p>No row had to be put into quarantine.</p>\n");
  Markup out;
  if (total) {
    out = html(
        "<p><strong>{}</strong> could not be read as they should and lie in the quarantine "
        "file.</p>\n",
        counted(total, "row"));
  }
  if (!given.is_array()) return out;
  Table table("The first rows in quarantine");
  table.column("Where", Table::Kind::text).column("Column", Table::Kind::text);
  table.column("Value", Table::Kind::text).column("Why", Table::Kind::text);
  std::size_t shown = 0;
  for (const Json& row : given) {
    if (++shown > kQuarantineShown) break;
    const auto line = number(row, "line");
    table.row({breakable(words(row, "source") + (line ? ":" + fmt::format("{:.0f}", *line) : "")),
               text(words(row, "column")),
               html("<code>{}</code>", printable(words(row, "value"), 120)),
               text(words(row, "reason"))});
  }
  return out + table.done();
}

constexpr const char* kWindows[] = {"validate", "confirm", "test"};

// A strip of time: train, then the three windows, as long as they are.
Markup time_strip(const Report& report) {
  const auto when = [&](auto... keys) -> std::optional<double> {
    const auto time = parse_time(words(report.details, keys...));
    return time ? std::optional(static_cast<double>(*time)) : std::nullopt;
  };
  const auto start = when("data", "span", "from");
  const auto validate = when("split", "validate", "from");
  Markup out;
  const auto part = [&](const char* name, std::optional<double> from, std::optional<double> until) {
    if (!from || !until || *until <= *from) return;
    out += html("<li class=\"{}\" style=\"flex-grow:{:.2f}\">{}</li>", name,
                (*until - *from) / static_cast<double>(kDay), name);
  };
  part("train", start, validate);
  for (const char* window : kWindows) {
    part(window, when("split", window, "from"), when("split", window, "until"));
  }
  return out.empty() ? out : html("<ol class=\"strip\" aria-hidden=\"true\">{}</ol>\n", out);
}

Markup features_left_out(const Report& report) {
  const Json& given = at(report.summary, "features", "left_out");
  if (!given.is_array()) return {};
  Table table("Features that nothing uses");
  table.column("Feature", Table::Kind::text).column("Why", Table::Kind::text);
  for (const Json& one : given)
    table.row({breakable(words(one, "feature")), prose(words(one, "reason"))});
  return folded("Features left out", table.done());
}

Markup windows_table(const Report& report) {
  Table table("The windows");
  table.column("Window", Table::Kind::text).column("From").column("Until");
  table.column("Users").column("Cases").column("New items left out");
  for (const char* window : kWindows) {
    const Json& one = at(report.details, "split", window);
    if (!one.is_object()) continue;
    table.row({text(window), text(moment(words(one, "from"))), text(moment(words(one, "until"))),
               text(count(number(one, "users"))), text(count(number(one, "cases"))),
               text(count(number(one, "left_out_targets")))});
  }
  return table.done();
}

Markup command(std::string_view line) {
  return html("<pre tabindex=\"0\"><code>{}</code></pre>\n", prose(line));
}

}  // namespace

Markup data_section(const Report& report) {
  const Json& removed = at(report.details, "data", "removed");
  return section("data", "The data",
                 size_sentence(report) + sources(report) +
                     counts("Removed by cleaning", "Rule",
                            removed.is_object() ? removed : at(report.summary, "data", "removed")) +
                     counts("Missing values, encoded as such", "Column",
                            at(report.details, "data", "missing")) +
                     counts("Changed by cleaning, not removed", "Rule",
                            at(report.details, "data", "changed")) +
                     quarantine(report) + features_left_out(report));
}

Markup split_section(const Report& report) {
  const Markup table = windows_table(report);
  if (table.empty()) return {};
  return section(
      "split", "The split in time",
      html("<p>Everything is chosen on validate. Confirm is asked once and decides. Test is "
           "reported and decides nothing.</p>\n") +
          time_strip(report) + table);
}

Markup timings_section(const Report& report) {
  Markup out;
  const auto seconds = number(report.summary, "seconds");
  auto memory = number(report.summary, "peak_rss_mb");
  if (!memory) memory = number(report.details, "peak_rss_mb");
  if (seconds) {
    out += html("<p>The run took {}", duration(seconds));
    if (memory) out += html(" and {} MB of memory at most", significant(memory));
    out += html(".</p>\n");
  }
  const Json& given = at(report.details, "timings");
  Table table("Steps of the run");
  table.column("Step", Table::Kind::text).column("Time").column("From cache", Table::Kind::text);
  double most = 0;
  if (given.is_array()) {
    for (const Json& one : given) most = std::max(most, number(one, "seconds").value_or(0));
    for (const Json& one : given) {
      const auto took = number(one, "seconds");
      table.row({text(words(one, "step")),
                 html("{}{}", duration(took),
                      bar(took && most > 0 ? std::optional(*took / most) : std::nullopt)),
                 text(truth(one, "cached") ? "yes" : "no")});
    }
  }
  return section("timings", "Time and memory", out + table.done());
}

Markup replay_section(const Report& report) {
  Markup out;
  const std::string replay = words(report.details, "replay");
  if (!replay.empty()) {
    out += html(
               "<p>The bundle keeps every user’s metrics. This computes all decisions again from "
               "them:</p>\n") +
           command(replay);
  }
  const std::string ran = words(report.details, "command");
  if (!ran.empty()) out += html("<p>The run itself was made by</p>\n") + command(ran);
  const Json& next = at(report.details, "next");
  if (next.is_array() && !next.empty()) {
    out += html("<p>To go on:</p>\n");
    std::size_t shown = 0;
    for (const Json& line : next) {
      if (++shown > 20) break;
      out += command(words(line));
    }
  }
  return section("replay", "How to replay it", out);
}

}  // namespace sartor::report
