#include "sartor/http/problem.h"

#include <cassert>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

constexpr ProblemKind kKinds[] = {
    {"bad-request", 400, "Bad request",
     "The request is not well-formed HTTP, or its body is not JSON."},
    {"unauthorized", 401, "Unauthorized",
     "The server has API keys: send one as Authorization: Bearer KEY. `sartor keys` makes them."},
    {"forbidden", 403, "Forbidden", "The key is good, but has not the scope that this needs."},
    {"not-found", 404, "Not found", "There is no such path, or nothing of that name."},
    {"method-not-allowed", 405, "Method not allowed",
     "The path exists, but not with this method; the Allow header names those that do."},
    {"conflict", 409, "Conflict", "There is nothing to do, as things stand."},
    {"body-too-large", 413, "Body too large", "Send less at once."},
    {"unsupported-media-type", 415, "Unsupported media type",
     "A request with a body needs Content-Type: application/json."},
    {"misdirected-request", 421, "Misdirected request",
     "This server listens on loopback only and answers to no other name."},
    {"invalid-parameters", 422, "Invalid parameters",
     "The request was understood, but a value is missing, unknown or out of range; `errors` names "
     "each."},
    {"bundle-refused", 422, "Bundle refused",
     "The bundle is damaged or gives wrong answers; the one that served before serves on."},
    {"too-many-requests", 429, "Too many requests",
     "This key, or this address, asks more often than the server's limits allow; the Retry-After "
     "header says when to ask again."},
    {"header-too-large", 431, "Header too large",
     "The request line and header fields are too long."},
    {"internal", 500, "Internal error", "A promise of the server's own was broken; see its log."},
    {"unavailable", 503, "Unavailable",
     "The server is full, stopping, has nothing to serve yet, or cannot write; try again later."},
};

const ProblemKind& kind_of(const std::string& name) {
  for (const ProblemKind& kind : kKinds) {
    if (name == kind.name) return kind;
  }
  assert(false && "unknown problem");
  return *(std::end(kKinds) - 2);
}

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid-parameters";
    case ErrorCode::not_found:
      return "not-found";
    case ErrorCode::cancelled:
      return "unavailable";
    case ErrorCode::io:
      return "unavailable";
    default:
      return "internal";
  }
}

}  // namespace

std::span<const ProblemKind> problem_kinds() { return kKinds; }

HttpResponse problem(const std::string& name, const std::string& detail) {
  return problem(name, detail, nullptr);
}

HttpResponse problem(const std::string& name, const std::string& detail, const Json& extra) {
  const ProblemKind& kind = kind_of(name);
  Json json{{"type", std::string("/problems/") + kind.name},
            {"title", kind.title},
            {"status", kind.status},
            {"detail", detail}};
  if (extra.is_object()) json.update(extra);
  return {kind.status, "application/problem+json", json_text(json), {}};
}

HttpResponse problem_of(const Error& error) {
  HttpResponse response = problem(name_of(error.code), error.message);
  // A disk that is full or a database that is away may be back.
  if (error.code == ErrorCode::io) response.headers.emplace_back("Retry-After", "5");
  return response;
}

}  // namespace sartor
