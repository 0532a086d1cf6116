// POST /v1/events: each event of a batch is checked by itself, those that are right are taken.
#pragma once

#include "sartor/base/json.h"
#include "sartor/base/time.h"
#include "sartor/http/intake.h"
#include "sartor/http/message.h"
#include "sartor/http/metrics.h"

namespace sartor {

// How far an event's time may lie after the server's: clocks differ.
inline constexpr Time kMostAhead = 300 * kSecond;

// `body` fits the schema "Events"; `schemas` are api_schemas(). Answers {"accepted", "duplicates",
// "rejected": [{"index", "field", "detail"}]}, or 503 with the reason if they cannot be stored;
// then none of them was acknowledged, and the client may send the same batch again.
HttpResponse take_events(Intake& intake, const Json& body, const Json& schemas, Time now,
                         HttpMetrics& metrics);

// The event that `json` says; or what is wrong with it, as "field" and "detail". Fails with
// `invalid_argument`, the message being "field: detail".
Result<LiveEvent> event_of(const Json& json, const Json& schemas, Time now);

}  // namespace sartor
