#include "sartor/pipeline/report.h"

#include <array>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor {
namespace {

using report::html;
using report::Markup;
using report::Report;

struct Part {
  const char* id;
  const char* name;  // in the list of contents
  Markup (*make)(const Report&);
};

constexpr auto kParts = std::to_array<Part>({
    {"verdict", "Verdict", report::verdict_section},
    {"segments", "Segments", report::segments_section},
    {"people", "Who they are", report::people_section},
    {"general", "General model", report::general_section},
    {"tried", "What was tried", report::tried_section},
    {"data", "Data", report::data_section},
    {"split", "Split in time", report::split_section},
    {"timings", "Time and memory", report::timings_section},
    {"definitions", "Definitions", report::definitions_section},
    {"replay", "Replay", report::replay_section},
});

// An empty icon, so that no browser asks a server for one; a policy under which nothing could be
// fetched or run even if it were there.
constexpr const char* kHead =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n";

Markup byline(const Report& r) {
  std::vector<std::string> facts;
  const std::string generated = report::words(r.details, "generated");
  const std::string version = report::words(r.details, "sartor_version");
  const std::string run = report::words(r.summary, "run");
  const std::string config = report::words(r.details, "config_path");
  if (!generated.empty()) facts.push_back(report::moment(generated));
  if (!run.empty()) facts.push_back("run " + run);
  if (!config.empty()) facts.push_back(config);
  if (!version.empty()) facts.push_back("Sartor " + version);
  Markup out;
  for (const std::string& fact : facts) out += html("<li>{}</li>", fact);
  return out.empty() ? out : html("<ul class=\"byline\">{}</ul>\n", out);
}

}  // namespace

std::string render_report(const Json& summary, const Json& details) {
  const Report r = report::read_report(summary, details);
  Markup contents;
  Markup body;
  for (const Part& part : kParts) {
    const Markup made = part.make(r);
    if (made.empty()) continue;
    contents += html("<li><a href=\"#{}\">{}</a></li>\n", part.id, part.name);
    body += made;
  }
  Markup page = Markup::trusted(kHead);
  page += html("<title>{}: Sartor report</title>\n<style>{}</style>\n</head>\n", r.name,
               Markup::trusted(std::string(report::style())));
  page += html(
      "<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n"
      "<header>\n<p class=\"brand\">Sartor report</p>\n<p class=\"title\">{}</p>\n{}</header>\n"
      "<nav aria-label=\"Contents\"><ul>\n{}</ul></nav>\n"
      "<main id=\"main\" tabindex=\"-1\">\n{}</main>\n"
      "<footer><p>All gains are relative to the general model and measured on users that were held "
      "out. This page is complete in itself.</p></footer>\n</body>\n</html>\n",
      r.name, byline(r), contents, body);
  return page.str();
}

}  // namespace sartor
