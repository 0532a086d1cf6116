// What goes in and out of /v1, as JSON Schema: it stands in /openapi.json, checks the bodies that
// clients send, and the tests hold every answer to it.
#include <nlohmann/json.hpp>

#include "sartor/http/api.h"

namespace sartor {
namespace {

// kMostItems and the other limits of service.h and wishes.h stand here as numbers; a test compares
// them.
constexpr const char* kSchemas = R"json({
"RecommendRequest": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "user": {"type": ["string", "null"], "minLength": 1, "maxLength": 1024},
    "history": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/components/schemas/Id"},
                "description": "items taken, the oldest first; if not empty, nothing else counts"},
    "k": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
    "context": {"type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 1024},
                "description": "facts of the moment: device, country, …"},
    "exclude": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/components/schemas/Id"}},
    "filter": {"$ref": "#/components/schemas/Filter"},
    "pins": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/Pin"},
             "description": "items that stand where they are told, whatever the filter says"},
    "boosts": {"type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/Boost"}},
    "seen": {"type": "string", "enum": ["default", "exclude", "include"], "default": "default",
             "description": "whether what the user has taken may be listed; default: as the project's signal.repeat"},
    "reasons": {"type": "boolean", "default": false, "description": "whether each item says what adds most to its score"},
    "diversity": {"type": "object", "additionalProperties": false, "required": ["by", "most"],
                  "description": "at most so many items of one value of an attribute",
                  "properties": {"by": {"$ref": "#/components/schemas/Id"},
                                 "most": {"type": "integer", "minimum": 1, "maximum": 1000}}}
  }},
"Filter": {
  "type": "object", "maxProperties": 21, "additionalProperties": {"$ref": "#/components/schemas/Condition"},
  "description": "attributes of items, of which each condition must hold; \"item\" is the id",
  "properties": {"not": {"type": "object", "maxProperties": 20, "description": "of which none may",
                         "additionalProperties": {"$ref": "#/components/schemas/Condition"}}}},
"Condition": {
  "type": ["string", "number", "boolean", "array", "object"], "maxLength": 1024,
  "description": "a value, a list of values of which the item has one, bounds, or {} for any value",
  "minItems": 1, "maxItems": 10000, "items": {"type": ["string", "number", "boolean"], "maxLength": 1024},
  "additionalProperties": false,
  "properties": {
    "min": {"type": "number"}, "max": {"type": "number", "description": "both ends belong to it"},
    "has": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"$ref": "#/components/schemas/Id"},
            "description": "parts of a text like \"Action|Comedy\", of which the item has one"}
  }},
"Pin": {
  "type": ["string", "object"], "minLength": 1, "maxLength": 1024, "additionalProperties": false, "required": ["item"],
  "properties": {
    "item": {"$ref": "#/components/schemas/Id"},
    "position": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "the first free one if left out"}
  }},
"Boost": {
  "type": "object", "additionalProperties": false, "required": ["where", "add"],
  "properties": {
    "where": {"$ref": "#/components/schemas/Filter"},
    "add": {"type": "number", "minimum": -100, "maximum": 100,
            "description": "in standard deviations of the list's scores over all items"}
  }},
"Id": {"type": "string", "minLength": 1, "maxLength": 1024},
"Item": {
  "type": "object", "additionalProperties": false, "required": ["item", "score", "reason"],
  "properties": {
    "item": {"type": "string"},
    "score": {"type": ["number", "null"], "description": "comparable within one list only; null where a pinned item has none"},
    "reason": {"type": "string"},
    "reasons": {"type": "array", "description": "only where asked for: what adds most to its score", "items": {
      "type": "object", "additionalProperties": false, "required": ["kind", "text", "item", "component", "share"],
      "properties": {
        "kind": {"type": "string", "enum": ["taken_again", "follows", "similar_taste", "content", "popular", "trending", "new",
                                            "boosted", "pinned", "other"]},
        "text": {"type": "string"},
        "item": {"type": ["string", "null"], "description": "what was taken that it follows"},
        "component": {"type": ["string", "null"], "description": "family of the model that says so"},
        "share": {"type": "number", "description": "of all that is added to its score"}
      }}}
  }},
"Recommendations": {
  "type": "object", "additionalProperties": false,
  "required": ["exposure", "user", "items", "segment", "route", "model_version", "arm", "fallback"],
  "properties": {
    "exposure": {"type": "string", "description": "id of this list; events name it"},
    "user": {"type": ["string", "null"]},
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    "segment": {"type": "string"},
    "route": {"type": "string", "description": "what made the list: general, or the segment's own"},
    "model_version": {"type": "string"},
    "arm": {"type": ["string", "null"], "enum": [null, "model", "holdback"],
            "description": "who is compared: the segment's own model, or those on general today"},
    "fallback": {"type": ["string", "null"], "enum": [null, "model_unavailable", "model_failed", "model_late", "model_empty", "breaker_open",
                 "general_failed", "general_late"],
                 "description": "why another than the segment's own model answered"}
  }},
"Events": {
  "type": "object", "additionalProperties": false, "required": ["events"],
  "properties": {
    "events": {"type": "array", "minItems": 1, "maxItems": 10000, "x-partial": true,
               "description": "each is checked by itself: wrong ones are rejected, others taken",
               "items": {"$ref": "#/components/schemas/Event"}}
  }},
"Event": {
  "type": "object", "additionalProperties": false, "required": ["user", "item", "type"],
  "properties": {
    "event_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 1024,
                 "description": "the client's own; an event with the same id is not stored again"},
    "user": {"$ref": "#/components/schemas/Id"},
    "item": {"$ref": "#/components/schemas/Id"},
    "time": {"type": ["string", "null"], "maxLength": 64,
             "description": "2011-12-09T10:00:00Z; the server's clock if left out"},
    "type": {"type": "string", "minLength": 1, "maxLength": 64,
             "description": "impression, click, purchase, …: what [signal] speaks about"},
    "value": {"type": ["number", "null"]},
    "dwell_seconds": {"type": ["number", "null"], "minimum": 0},
    "group": {"type": ["string", "null"], "maxLength": 1024, "description": "basket or session"},
    "exposure": {"type": ["string", "null"], "maxLength": 1024,
                 "description": "of the list that it came from"},
    "context": {"type": ["object", "null"],
                "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 1024},
                "description": "facts of the moment: device, country, …"}
  }},
"EventsTaken": {
  "type": "object", "additionalProperties": false, "required": ["accepted", "duplicates", "rejected"],
  "properties": {
    "accepted": {"type": "integer", "description": "stored, and counted from now on"},
    "duplicates": {"type": "integer", "description": "their event_id was there before"},
    "rejected": {"type": "array", "items": {
      "type": "object", "additionalProperties": false, "required": ["index", "field", "detail"],
      "properties": {
        "index": {"type": "integer", "description": "in the batch, from 0"},
        "field": {"type": "string"},
        "detail": {"type": "string"}
      }}}
  }},
"SimilarItems": {
  "type": "object", "additionalProperties": false,
  "required": ["item", "items", "model", "model_version"],
  "properties": {
    "item": {"type": "string"},
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    "model": {"type": "string"},
    "model_version": {"type": "string"}
  }},
"Segments": {
  "type": "object", "additionalProperties": false, "required": ["model_version", "segments"],
  "properties": {
    "model_version": {"type": "string"},
    "segments": {"type": "array", "items": {
      "type": "object", "additionalProperties": false,
      "required": ["name", "route", "model", "users", "unavailable", "breaker"],
      "properties": {
        "name": {"type": "string"},
        "route": {"type": "string"},
        "model": {"type": "string"},
        "users": {"type": "integer", "description": "of the bundle's own users"},
        "unavailable": {"type": ["string", "null"], "description": "why its model cannot be used"},
        "breaker": {"type": ["object", "null"], "description": "a Breaker; null where it is on general anyway"}
      }}}
  }},
"Breaker": {
  "type": "object", "additionalProperties": false,
  "required": ["state", "since", "until", "trips", "holdback", "impressions_per_day",
               "sees_only_collapses", "m", "l", "phi", "peers"],
  "properties": {
    "state": {"type": "string", "enum": ["closed", "open", "probing", "latched"]},
    "since": {"type": ["string", "null"]},
    "until": {"type": ["string", "null"], "description": "when an open one begins to probe"},
    "trips": {"type": "integer", "description": "of this version, since an operator closed it"},
    "holdback": {"type": "number", "description": "share of today's users on general"},
    "impressions_per_day": {"type": ["number", "null"], "description": "of the last week's whole days"},
    "sees_only_collapses": {"type": "boolean", "description": "too few lists a day for more"},
    "m": {"type": "number", "description": "evidence of a collapse; trips at 72000"},
    "l": {"type": "number", "description": "evidence of recovery while probing; closes at ln 20"},
    "phi": {"type": "number", "description": "how much clicks cluster on users"},
    "peers": {
      "type": "object", "additionalProperties": false,
      "required": ["watching", "days", "ratio", "low", "cv", "m"],
      "description": "the comparison with the lists of general in other segments",
      "properties": {
        "watching": {"type": "boolean", "description": "what is usual is known and steady enough"},
        "days": {"type": "integer", "description": "known, of 28"},
        "ratio": {"type": ["number", "null"], "description": "usual click rate over that of the peers"},
        "low": {"type": ["number", "null"], "description": "its lower 95 % bound"},
        "cv": {"type": ["number", "null"], "description": "its swings from day to day; over .06 nothing is told"},
        "m": {"type": "number", "description": "evidence of being behind; trips at 72000"}
      }}
  }},
"BreakerOrder": {
  "type": "object", "additionalProperties": false, "required": ["state"],
  "properties": {
    "state": {"type": "string", "enum": ["closed", "latched"],
              "description": "back to the model; or on general until told otherwise"}
  }},
"Alerts": {
  "type": "object", "additionalProperties": false, "required": ["alerts"],
  "properties": {
    "alerts": {"type": "array", "items": {
      "type": "object", "additionalProperties": false,
      "required": ["number", "time", "segment", "model_version", "from", "to", "rule", "trips",
                   "until", "evidence"],
      "properties": {
        "number": {"type": "integer"},
        "time": {"type": "string"},
        "segment": {"type": "string"},
        "model_version": {"type": "string"},
        "from": {"type": "string"},
        "to": {"type": "string"},
        "rule": {"type": "string", "enum": ["collapse", "behind_peers", "not_to_blame", "failures", "latency",
                                            "wait_over", "recovered", "new_version", "operator"]},
        "trips": {"type": "integer"},
        "until": {"type": ["string", "null"]},
        "evidence": {"type": "object"}
      }}}
  }},
"User": {
  "type": "object", "additionalProperties": false,
  "required": ["user", "segment", "route", "history", "latest", "features"],
  "properties": {
    "user": {"type": "string"},
    "segment": {"type": "string"},
    "route": {"type": "string"},
    "history": {"type": "integer", "description": "how many items were taken"},
    "latest": {"type": "array", "items": {
      "type": "object", "additionalProperties": false, "required": ["item", "time"],
      "properties": {"item": {"type": "string"}, "time": {"type": ["string", "null"]}}}},
    "features": {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
  }},
"UserErased": {
  "type": "object", "additionalProperties": false, "required": ["user", "erased"],
  "properties": {"user": {"type": "string"},
                 "erased": {"type": "string", "description": "when: what comes later is of a new user"}}},
"UserExport": {
  "type": "object", "additionalProperties": false,
  "required": ["user", "exported", "model_version", "profile", "events", "exposures"],
  "properties": {
    "user": {"type": "string"},
    "exported": {"type": "string"},
    "model_version": {"type": "string"},
    "profile": {"type": ["object", "null"], "description": "a User with every item taken; null if the bundle does not know them"},
    "events": {"type": "array", "description": "of the log, the oldest first", "items": {
      "type": "object", "additionalProperties": false,
      "required": ["event_id", "item", "time", "type", "value", "dwell_seconds", "group", "exposure", "context", "received"],
      "properties": {
        "event_id": {"type": ["string", "null"]}, "item": {"type": "string"}, "time": {"type": "string"},
        "type": {"type": "string"}, "value": {"type": ["number", "null"]},
        "dwell_seconds": {"type": ["number", "null"]}, "group": {"type": ["string", "null"]},
        "exposure": {"type": ["string", "null"]}, "received": {"type": "string"},
        "context": {"type": "object", "additionalProperties": {"type": "string"}}
      }}},
    "exposures": {"type": "array", "description": "lists that were shown, the oldest first", "items": {
      "type": "object", "additionalProperties": false,
      "required": ["exposure", "time", "segment", "route", "model_version", "arm", "fallback", "items"],
      "properties": {
        "exposure": {"type": "string"}, "time": {"type": "string"}, "segment": {"type": "string"},
        "route": {"type": "string"}, "model_version": {"type": "string"},
        "arm": {"type": ["string", "null"]}, "fallback": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {
          "type": "object", "additionalProperties": false, "required": ["item", "score"],
          "properties": {"item": {"type": "string"}, "score": {"type": ["number", "null"]}}}}
      }}}
  }},
"Models": {
  "type": "object", "additionalProperties": false,
  "required": ["model_version", "sartor_version", "metric", "as_of", "users", "items",
               "eligible_items", "models", "versions"],
  "properties": {
    "model_version": {"type": "string"},
    "sartor_version": {"type": "string"},
    "metric": {"type": "string"},
    "as_of": {"type": "string"},
    "users": {"type": "integer"},
    "items": {"type": "integer"},
    "eligible_items": {"type": "integer"},
    "models": {"type": "array", "items": {
      "type": "object", "additionalProperties": false, "required": ["name", "family"],
      "properties": {"name": {"type": "string"}, "family": {"type": "string"}}}},
    "versions": {"type": "array", "description": "of the workspace, the latest first", "items": {
      "type": "object", "additionalProperties": false,
      "required": ["version", "state", "reason", "metric", "published"],
      "properties": {
        "version": {"type": "string"},
        "state": {"type": "string", "enum": ["serving", "previous", "available", "refused"],
                  "description": "a rollback leads to the previous one"},
        "reason": {"type": ["string", "null"], "description": "why it was refused"},
        "metric": {"type": ["string", "null"], "description": "what its run was judged by"},
        "published": {"type": ["string", "null"]}
      }}}
  }},
"Swap": {
  "type": "object", "additionalProperties": false,
  "required": ["version", "before", "seconds", "questions", "overlap"],
  "properties": {
    "version": {"type": "string", "description": "that serves now"},
    "before": {"type": "string", "description": "that served"},
    "seconds": {"type": "number", "description": "to load it beside; no request waited"},
    "questions": {"type": "integer", "description": "of the smoke test"},
    "overlap": {"type": "number", "description": "share of the items listed now that were before"}
  }},
"Runs": {
  "type": "object", "additionalProperties": false, "required": ["runs"],
  "properties": {"runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}}}},
"Run": {
  "type": "object", "additionalProperties": false,
  "required": ["run", "status", "started", "finished", "version", "seconds", "metric", "general",
               "served", "difference", "low", "high", "segments", "adapted"],
  "properties": {
    "run": {"type": "string"},
    "status": {"type": "string", "enum": ["running", "done", "failed", "cancelled"]},
    "started": {"type": "string"},
    "finished": {"type": ["string", "null"]},
    "version": {"type": ["string", "null"], "description": "of the bundle that it published"},
    "seconds": {"type": ["number", "null"]},
    "metric": {"type": ["string", "null"]},
    "general": {"type": ["number", "null"], "description": "the general model's value on test"},
    "served": {"type": ["number", "null"], "description": "what the bundle would have served, on test"},
    "difference": {"type": ["number", "null"]},
    "low": {"type": ["number", "null"], "description": "of the difference's interval"},
    "high": {"type": ["number", "null"]},
    "segments": {"type": ["integer", "null"]},
    "adapted": {"type": ["integer", "null"], "description": "segments that left the general model"}
  }},
"Health": {
  "type": "object", "additionalProperties": false, "required": ["status"],
  "properties": {
    "status": {"type": "string", "description": "live; ready; degraded: ready, but for what the reasons say"},
    "model_version": {"type": "string"},
    "reasons": {"type": "array", "items": {"type": "string"}, "description": "in what this server falls short of the others that share its state"},
    "refused": {
      "type": "object", "additionalProperties": false, "required": ["version", "reason"],
      "description": "what bundles/current leads to, where another bundle serves because this was refused",
      "properties": {"version": {"type": "string"}, "reason": {"type": "string"}}}
  }}
})json";

}  // namespace

Json api_schemas() { return parse_json(kSchemas); }

}  // namespace sartor
