// Answers of the API, for this module's tests.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "sartor/http/api.h"
#include "sartor/http/schema.h"

namespace sartor {

// The body of an answer that has to be a 200 and what the OpenAPI document says of `schema`.
inline Json body_of(const std::string& schema, const HttpResponse& response) {
  EXPECT_EQ(response.status, 200) << response.body;
  const Json json = Json::parse(response.body, nullptr, false);
  const Json schemas = api_schemas();
  for (const SchemaError& error : check_schema(json, schemas.at(schema), schemas)) {
    ADD_FAILURE() << error.pointer << ": " << error.detail << " in " << response.body;
  }
  return json;
}

// What the API answers to a JSON body, or to none.
inline HttpResponse ask_api(const Router& api, const std::string& method, const std::string& target,
                            const std::string& body = "") {
  HttpRequest request{.method = method};
  EXPECT_TRUE(parse_target(target, request)) << target;
  request.headers["content-type"] = "application/json";
  request.body = body;
  return api.handle(request);
}

}  // namespace sartor
