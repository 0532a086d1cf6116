#include "sartor/http/events.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/api.h"
#include "sartor/http/problem.h"
#include "sartor/http/schema.h"

namespace sartor {
namespace {

constexpr std::size_t kMostContextKeys = 64;

Error wrong(const std::string& field, const std::string& detail) {
  return {ErrorCode::invalid_argument, field + ": " + detail};
}

// "/context/device" is the field context.device.
std::string field_of(const std::string& pointer) {
  std::string field = pointer.empty() ? "event" : pointer.substr(1);
  std::replace(field.begin(), field.end(), '/', '.');
  return field;
}

std::string text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

double number_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN();
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Letters, digits, "_", "-" and ".": they become names of columns.
bool is_key(const std::string& key) {
  return !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

Status read_time(const Json& json, Time now, LiveEvent& event) {
  const std::string text = text_in(json, "time");
  event.time = now;
  if (text.empty()) return {};
  const auto time = parse_time(text);
  if (!time) return wrong("time", printable(time.error().message, 200));
  if (*time < 0) return wrong("time", text + " is before 1970");
  if (*time > now + kMostAhead) return wrong("time", text + " has not come yet");
  event.time = *time;
  return {};
}

Status read_context(const Json& json, LiveEvent& event) {
  const auto context = json.find("context");
  if (context == json.end() || !context->is_object()) return {};
  if (context->size() > kMostContextKeys) {
    return wrong("context", fmt::format("{} keys where at most {} were expected", context->size(),
                                        kMostContextKeys));
  }
  for (const auto& [key, value] : context->items()) {
    if (!is_key(key)) {
      return wrong(
          "context",
          fmt::format("'{}': a key is 1 to 64 letters, digits, '_', '-' and '.'", printable(key)));
    }
    std::string text = value_text(value);
    if (has_control(text)) return wrong("context." + key, "holds a control character");
    event.context.emplace_back(key, std::move(text));
  }
  return {};
}

Json rejection(std::size_t index, const std::string& message) {
  const std::size_t colon = message.find(": ");
  return {
      {"index", index}, {"field", message.substr(0, colon)}, {"detail", message.substr(colon + 2)}};
}

}  // namespace

Result<LiveEvent> event_of(const Json& json, const Json& schemas, Time now) {
  const auto errors = check_schema(json, schemas.at("Event"), schemas);
  if (!errors.empty()) return wrong(field_of(errors.front().pointer), errors.front().detail);
  LiveEvent event{.event_id = text_in(json, "event_id"),
                  .user = text_in(json, "user"),
                  .item = text_in(json, "item"),
                  .type = text_in(json, "type"),
                  .value = number_in(json, "value"),
                  .dwell_seconds = number_in(json, "dwell_seconds"),
                  .group = text_in(json, "group"),
                  .exposure = text_in(json, "exposure"),
                  .context = {},
                  .received = now};
  const std::pair<const char*, const std::string*> texts[] = {
      {"event_id", &event.event_id}, {"user", &event.user},   {"item", &event.item},
      {"type", &event.type},         {"group", &event.group}, {"exposure", &event.exposure}};
  for (const auto& [name, text] : texts) {
    if (has_control(*text)) return wrong(name, "holds a control character");
  }
  SARTOR_TRY(read_time(json, now, event));
  SARTOR_TRY(read_context(json, event));
  return event;
}

HttpResponse take_events(Intake& intake, const Json& body, const Json& schemas, Time now,
                         HttpMetrics& metrics) {
  std::vector<LiveEvent> events;
  Json rejected = Json::array();
  const Json& list = body.at("events");
  for (std::size_t e = 0; e < list.size(); ++e) {
    auto event = event_of(list[e], schemas, now);
    if (event) {
      events.push_back(std::move(*event));
    } else {
      rejected.push_back(rejection(e, event.error().message));
    }
  }
  std::size_t duplicates = 0;
  const std::size_t right = events.size();
  if (right > 0) {
    const auto numbers = intake.take(std::move(events));
    if (!numbers) return problem_of(numbers.error());
    duplicates = static_cast<std::size_t>(std::count(numbers->begin(), numbers->end(), kDuplicate));
  }
  metrics.events(right - duplicates, duplicates, rejected.size());
  const Json answer{
      {"accepted", right - duplicates}, {"duplicates", duplicates}, {"rejected", rejected}};
  return {200, "application/json", answer.dump(-1, ' ', false, Json::error_handler_t::replace), {}};
}

}  // namespace sartor
