#include "sartor/http/pages.h"

#include <fmt/core.h>

#include "sartor/http/problem.h"

namespace sartor {
namespace {

constexpr const char* kStyle =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1rem}"
    "code{font:0.95em ui-monospace,monospace;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0}"
    "th{font-weight:600}";

std::string parameters_of(const Route& route) {
  std::string rows;
  for (const RouteParameter& parameter : route.parameters) {
    rows += fmt::format("<tr><td><code>{}{}</code></td><td>{}{}</td></tr>",
                        html_escaped(parameter.name), parameter.is_map ? ".…" : "",
                        parameter.required ? "required; " : "", html_escaped(parameter.help));
  }
  return rows.empty() ? ""
                      : "<table><tr><th>Parameter</th><th>Meaning</th></tr>" + rows + "</table>";
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

HttpResponse html_page(const std::string& title, const std::string& body) {
  const std::string html = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{0}</title><link rel=\"icon\" href=\"data:,\"><style>{1}</style></head>"
      "<body><main><h1>{0}</h1>{2}</main></body></html>\n",
      html_escaped(title), kStyle, body);
  return {200,
          "text/html; charset=utf-8",
          html,
          {{"Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}}};
}

HttpResponse docs_page(const std::vector<Route>& routes) {
  std::string body =
      "<p>The same as a document for programs: <a href=\"/openapi.json\">/openapi.json</a>.</p>";
  for (const Route& route : routes) {
    body +=
        fmt::format("<h2><code>{} {}</code></h2><p>{}.</p>{}", route.method,
                    html_escaped(route.pattern), html_escaped(route.summary), parameters_of(route));
  }
  return html_page("Sartor's HTTP interface", body);
}

HttpResponse problem_page(const std::string& name) {
  for (const ProblemKind& kind : problem_kinds()) {
    if (name == kind.name) {
      return html_page(kind.title, fmt::format("<p>Status {}. {}</p>", kind.status, kind.meaning));
    }
  }
  return problem("not-found", "no such problem");
}

}  // namespace sartor
