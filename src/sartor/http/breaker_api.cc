#include "sartor/http/breaker_api.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/problem.h"

namespace sartor {
namespace {

constexpr BreakerState kStates[] = {BreakerState::closed, BreakerState::open, BreakerState::probing,
                                    BreakerState::latched};

HttpResponse ok(const Json& json) { return {200, "application/json", json_text(json), {}}; }

Exposure exposure_of(const RecommendAnswer& answer, const std::string& id) {
  Exposure exposure{.id = id,
                    .user = answer.user,
                    .segment = answer.segment,
                    .route = answer.route,
                    .version = answer.model_version,
                    .arm = answer.arm,
                    .fallback = answer.fallback.value_or(""),
                    .items = {}};
  for (const RecommendedItem& item : answer.items) {
    exposure.items.push_back({item.item, item.score});
  }
  return exposure;
}

Json time_json(Time time) { return time == 0 ? Json(nullptr) : Json(format_time(time)); }

Json peers_json(const PeerView& peers) {
  const bool known = peers.usual.ratio > 0;
  return {{"watching", peers.watching},
          {"days", peers.days},
          {"ratio", known ? Json(peers.usual.ratio) : Json(nullptr)},
          {"low", known ? Json(peers.usual.low) : Json(nullptr)},
          {"cv", known ? Json(peers.usual.cv) : Json(nullptr)},
          {"m", peers.m}};
}

Json view_json(const LaneView& view) {
  return {{"state", name_of(view.state)},
          {"since", time_json(view.since)},
          {"until", time_json(view.until.value_or(0))},
          {"trips", view.trips},
          {"holdback", view.holdback},
          {"impressions_per_day",
           view.impressions_per_day > 0 ? Json(view.impressions_per_day) : Json(nullptr)},
          {"sees_only_collapses", view.only_collapses},
          {"m", view.m},
          {"l", view.l},
          {"phi", view.phi},
          {"peers", peers_json(view.peers)}};
}

// Whether there is something to switch off.
bool has_own_model(const SegmentInfo& segment, const BundleInfo& info) {
  return segment.unavailable.empty() && segment.model != info.general;
}

std::string family_head(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

}  // namespace

Result<std::shared_ptr<LiveGuard>> open_guard(const std::string& workspace,
                                              const GuardOptions& options,
                                              const std::shared_ptr<LiveBundle>& live,
                                              Intake& intake) {
  const auto weigh = [live](std::span<const StoredEvent> events) {
    return live->current()->weigh(events);
  };
  SARTOR_ASSIGN(auto opened, LiveGuard::open(workspace, options));
  const std::shared_ptr<LiveGuard> guard = std::move(opened);
  SARTOR_TRY(guard->catch_up(workspace + "/" + kEventFolder, weigh));
  intake.tell([guard, weigh](std::span<const StoredEvent> events) { guard->take(events, weigh); });
  return guard;
}

Result<Json> answer_list(const Recommender& recommender, LiveGuard* guard,
                         const RecommendRequest& request, HttpMetrics& metrics) {
  const std::string id = random_id();
  ChooseArm choose;
  if (guard != nullptr) {
    choose = [&](const std::string& segment) {
      return guard->choose(recommender.info().model_version, segment, request.user.value_or(id));
    };
  }
  RecommendRequest patient = request;
  if (guard != nullptr) patient.patience = guard->timeout();
  SARTOR_ASSIGN(const RecommendAnswer answer, recommender.recommend(patient, choose));
  if (answer.fallback) metrics.fell_back(*answer.fallback);
  if (guard != nullptr) {
    if (answer.model) guard->answered(answer.segment, *answer.model);
    guard->show(exposure_of(answer, id));
  }
  return answer_json(answer, &id);
}

Json segments_with_breakers(const BundleInfo& info, const LiveGuard* guard) {
  Json json = segments_json(info);
  for (std::size_t s = 0; s < info.segments.size(); ++s) {
    const bool guarded = guard != nullptr && has_own_model(info.segments[s], info);
    json["segments"][s]["breaker"] =
        guarded ? view_json(guard->view(info.segments[s].name)) : Json(nullptr);
  }
  return json;
}

std::string breaker_metrics(const BundleInfo& info, const LiveGuard& guard) {
  std::string states, evidence, peers, lists, clicks;
  for (const SegmentInfo& segment : info.segments) {
    const LaneView view = guard.view(segment.name);
    const std::string name = label_value(segment.name);
    for (const auto& [arm, count] : view.shown) {
      lists +=
          fmt::format("sartor_exposures_total{{segment={},arm=\"{}\"}} {}\n", name, arm, count);
    }
    for (const auto& [arm, count] : view.clicked) {
      clicks += fmt::format("sartor_clicks_total{{segment={},arm=\"{}\"}} {}\n", name, arm, count);
    }
    if (!has_own_model(segment, info)) continue;
    for (const BreakerState state : kStates) {
      states += fmt::format("sartor_breaker_state{{segment={},state=\"{}\"}} {}\n", name,
                            name_of(state), view.state == state ? 1 : 0);
    }
    evidence += fmt::format("sartor_breaker_evidence{{segment={}}} {}\n", name, shortest(view.m));
    peers += fmt::format("sartor_breaker_peer_evidence{{segment={}}} {}\n", name,
                         shortest(view.peers.m));
  }
  return family_head("sartor_breaker_evidence", "gauge",
                     "Mean of the collapse detectors of a segment; it trips at 72000.") +
         evidence +
         family_head("sartor_breaker_peer_evidence", "gauge",
                     "That a segment is behind its peers; it trips at 72000.") +
         peers +
         family_head("sartor_breaker_state", "gauge",
                     "1 for the state a segment's breaker is in.") +
         states +
         family_head("sartor_clicks_total", "counter", "Successes tied to lists, by arm.") +
         clicks +
         family_head("sartor_exposures_lost_total", "counter",
                     "Lists whose exposure could not be logged.") +
         fmt::format("sartor_exposures_lost_total {}\n", guard.lost_exposures()) +
         family_head("sartor_exposures_total", "counter", "Lists shown, by arm.") + lists;
}

void add_breakers(std::vector<Route>& routes, const std::shared_ptr<LiveGuard>& guard) {
  routes.push_back({.method = "GET",
                    .pattern = "/v1/alerts",
                    .summary = "What breakers did, the latest first, with the evidence",
                    .response = "Alerts",
                    .scope = "admin",
                    .handler = [guard](const Call&) {
                      Json alerts = Json::array();
                      if (guard != nullptr) {
                        for (const BreakerChange& change : guard->changes()) {
                          alerts.push_back(change_json(change));
                        }
                      }
                      return ok({{"alerts", alerts}});
                    }});
  routes.push_back({.method = "POST",
                    .pattern = "/v1/segments/{name}/breaker",
                    .summary = "An operator closes a segment's breaker, or latches it",
                    .parameters = {{.name = "name", .help = "of the segment"}},
                    .body = "BreakerOrder",
                    .response = "Breaker",
                    .scope = "admin",
                    .handler = [guard](const Call& call) {
                      if (guard == nullptr) return problem("unavailable", "there are no breakers");
                      const std::string name = *call.text("name");
                      const bool closes = call.body->at("state") == "closed";
                      const Status done = closes ? guard->close(name) : guard->latch(name);
                      return done ? ok(view_json(guard->view(name))) : problem_of(done.error());
                    }});
}

}  // namespace sartor
