// The part of JSON Schema that our own payloads need. The same schema stands in openapi.json and is
// held to what clients send.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"

namespace sartor {

struct SchemaError {
  std::string pointer;  // where in the document, as a JSON pointer: "/events/3/time"; "" is all
  std::string detail;
};

// What is wrong with `value`; at most 20 errors. Knows `$ref` to "#/components/schemas/NAME"
// (looked up in the object `schemas`), `type` (a name or a list), `enum`, `properties`, `required`,
// `additionalProperties` (a schema or false), `items`, `minimum`, `maximum`, `minLength`,
// `maxLength` (in bytes), `minItems`, `maxItems`, `minProperties`, `maxProperties`; other keywords
// are notes. Elements of an array whose schema says `"x-partial": true` are not looked at: whoever
// takes them checks each by itself.
std::vector<SchemaError> check_schema(const Json& value, const Json& schema, const Json& schemas);

}  // namespace sartor
