// The few plain pages of the server; the dashboard will take their place.
#pragma once

#include <string>
#include <vector>

#include "sartor/http/message.h"
#include "sartor/http/routes.h"

namespace sartor {

// A whole page that loads nothing from anywhere; `body` is HTML.
HttpResponse html_page(const std::string& title, const std::string& body);

std::string html_escaped(const std::string& text);

HttpResponse docs_page(const std::vector<Route>& routes);
// 404 if there is no such problem.
HttpResponse problem_page(const std::string& name);

}  // namespace sartor
