// Errors of the HTTP interface (RFC 9457, application/problem+json). `type` is the stable name that
// programs may look at; `detail` is for people.
#pragma once

#include <span>
#include <string>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/http/message.h"

namespace sartor {

struct ProblemKind {
  const char* name;  // type is "/problems/<name>"
  int status;
  const char* title;
  const char* meaning;  // for the page that `type` leads to
};

std::span<const ProblemKind> problem_kinds();

// `name` must be one of problem_kinds(). `extra` is an object whose members are added, or null.
HttpResponse problem(const std::string& name, const std::string& detail);
HttpResponse problem(const std::string& name, const std::string& detail, const Json& extra);

// What a failure of the library is for a client: one table from ErrorCode.
HttpResponse problem_of(const Error& error);

}  // namespace sartor
