#include "sartor/http/users_api.h"

#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/problem.h"

namespace sartor {
namespace {

constexpr const char* kUsersPath = "/v1/users/";

Time present() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

HttpResponse ok_json(const Json& json) { return {200, "application/json", json_text(json), {}}; }

Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json known(double number) { return std::isfinite(number) ? Json(number) : Json(nullptr); }

Json event_json(const LiveEvent& event) {
  Json context = Json::object();
  for (const auto& [key, value] : event.context) context[key] = value;
  return {{"event_id", known(event.event_id)},
          {"item", event.item},
          {"time", format_time(event.time)},
          {"type", event.type},
          {"value", known(event.value)},
          {"dwell_seconds", known(event.dwell_seconds)},
          {"group", known(event.group)},
          {"exposure", known(event.exposure)},
          {"context", context},
          {"received", format_time(event.received)}};
}

Json exposure_json(const Exposure& exposure) {
  Json items = Json::array();
  for (const ExposedItem& item : exposure.items) {
    items.push_back({{"item", item.item}, {"score", known(item.score)}});
  }
  return {{"exposure", exposure.id},
          {"time", format_time(exposure.time)},
          {"segment", exposure.segment},
          {"route", exposure.route},
          {"model_version", exposure.version},
          {"arm", known(arm_name(exposure.arm))},
          {"fallback", known(exposure.fallback)},
          {"items", items}};
}

Result<Json> events_of_user(const std::string& workspace, const std::string& user) {
  Json list = Json::array();
  const std::string folder = workspace + "/" + kEventFolder;
  SARTOR_ASSIGN([[maybe_unused]] const std::uint64_t next,
                for_each_event(folder, first_event(folder),
                               [&](std::span<const StoredEvent> events) -> Status {
                                 for (const StoredEvent& stored : events) {
                                   if (stored.event.user == user) {
                                     list.push_back(event_json(stored.event));
                                   }
                                 }
                                 return {};
                               }));
  return list;
}

Result<Json> exposures_of_user(const UserPlaces& places, const std::string& user) {
  Json list = Json::array();
  if (places.guard != nullptr) places.guard->flush();
  SARTOR_TRY(for_each_exposure(places.workspace + "/" + kExposureFolder, [&](const Exposure& one) {
    if (one.user == user) list.push_back(exposure_json(one));
  }));
  return list;
}

Result<Json> export_of(const UserPlaces& places, const std::string& user) {
  const auto bundle = places.live->current();
  const auto profile = bundle->user(user, std::numeric_limits<std::size_t>::max());
  if (!profile && profile.error().code != ErrorCode::not_found) return profile.error();
  SARTOR_ASSIGN(Json events, events_of_user(places.workspace, user));
  SARTOR_ASSIGN(Json exposures, exposures_of_user(places, user));
  if (!profile && events.empty() && exposures.empty()) return profile.error();
  return Json{{"user", user},
              {"exported", format_time(present())},
              {"model_version", bundle->info().model_version},
              {"profile", profile ? user_json(*profile) : Json(nullptr)},
              {"events", std::move(events)},
              {"exposures", std::move(exposures)}};
}

// First the word that lasts, then everything that is in memory, then the files.
Result<Json> erase(const UserPlaces& places, const std::string& user) {
  SARTOR_ASSIGN(const std::uint64_t next, places.intake->next());
  const Time now = present();
  if (places.shared != nullptr) {
    SARTOR_TRY(places.shared->add(user, next, now));  // and this server forgets, as the others do
  } else {
    SARTOR_TRY(places.erasures->add(user, next, now));
    forget_user(places, user);
  }
  return Json{{"user", user}, {"erased", format_time(now)}};
}

HttpResponse answer_of(const Result<Json>& made) {
  return made ? ok_json(*made) : problem_of(made.error());
}

}  // namespace

void forget_user(const UserPlaces& places, const std::string& user) {
  places.live->forget(user, places.erasures->current());
  if (places.guard != nullptr) places.guard->forget(user);
  places.intake->scrub();
}

bool waits_for_users(const HttpRequest& request) {
  return request.path.starts_with(kUsersPath) &&
         (request.method == "DELETE" || request.path.ends_with("/export"));
}

void add_users(std::vector<Route>& routes, const std::shared_ptr<const LiveBundle>& live,
               const std::shared_ptr<const UserPlaces>& places) {
  const RouteParameter id{.name = "id", .help = "who"};
  routes.push_back({.method = "GET",
                    .pattern = "/v1/users/{id}",
                    .summary = "What is known about a user",
                    .parameters = {id},
                    .response = "User",
                    .scope = "recommend",
                    .handler = [live](const Call& call) {
                      const auto user = live->current()->user(*call.text("id"));
                      return user ? ok_json(user_json(*user)) : problem_of(user.error());
                    }});
  const auto with_places = [places](const Call& call, auto&& act) {
    if (places == nullptr || places->erasures == nullptr) {
      return problem("unavailable", "this server serves a bundle without its workspace");
    }
    return answer_of(act(*places, *call.text("id")));
  };
  routes.push_back(
      {.method = "GET",
       .pattern = "/v1/users/{id}/export",
       .summary = "Everything that is kept about a user: profile, events, lists shown",
       .parameters = {id},
       .response = "UserExport",
       .scope = "admin",
       .handler = [with_places](const Call& call) { return with_places(call, export_of); }});
  routes.push_back(
      {.method = "DELETE",
       .pattern = "/v1/users/{id}",
       .summary = "Erases a user: masked from this answer on, also in later runs",
       .parameters = {id},
       .response = "UserErased",
       .scope = "admin",
       .handler = [with_places](const Call& call) { return with_places(call, erase); }});
}

}  // namespace sartor
