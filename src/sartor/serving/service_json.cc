#include <nlohmann/json.hpp>

#include "sartor/serving/service.h"

namespace sartor {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json reason_json(const ItemReason& reason) {
  return {{"kind", reason.kind},
          {"text", reason.text},
          {"item", text_or_null(reason.item)},
          {"component", text_or_null(reason.component)},
          {"share", reason.share}};
}

Json items_json(const std::vector<RecommendedItem>& items) {
  Json list = Json::array();
  for (const RecommendedItem& item : items) {
    Json row{{"item", item.item}, {"score", item.score}, {"reason", item.reason}};
    if (item.why) row["reasons"] = Json::array({reason_json(*item.why)});
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace

Json answer_json(const RecommendAnswer& answer, const std::string* exposure) {
  Json json = Json::object();
  if (exposure != nullptr) json["exposure"] = *exposure;
  json["user"] = text_or_null(answer.user);
  json["items"] = items_json(answer.items);
  json["segment"] = answer.segment;
  json["route"] = answer.route;
  json["model_version"] = answer.model_version;
  json["arm"] = text_or_null(arm_name(answer.arm));
  json["fallback"] = answer.fallback ? Json(*answer.fallback) : Json(nullptr);
  return json;
}

Json answer_json(const SimilarAnswer& answer) {
  return {{"item", answer.item},
          {"items", items_json(answer.items)},
          {"model", answer.model},
          {"model_version", answer.model_version}};
}

Json info_json(const BundleInfo& info) {
  Json models = Json::array();
  for (const auto& [name, family] : info.models) {
    models.push_back({{"name", name}, {"family", family}});
  }
  return {{"model_version", info.model_version},
          {"sartor_version", info.sartor_version},
          {"metric", info.metric},
          {"as_of", format_time(info.as_of)},
          {"users", info.users},
          {"items", info.items},
          {"eligible_items", info.eligible_items},
          {"models", models}};
}

Json segments_json(const BundleInfo& info) {
  Json segments = Json::array();
  for (const SegmentInfo& segment : info.segments) {
    segments.push_back({{"name", segment.name},
                        {"route", segment.route},
                        {"model", segment.model},
                        {"users", segment.users},
                        {"unavailable", text_or_null(segment.unavailable)}});
  }
  return {{"model_version", info.model_version}, {"segments", segments}};
}

Json user_json(const UserInfo& user) {
  Json latest = Json::array();
  for (const auto& [item, time] : user.latest) {
    latest.push_back(
        {{"item", item}, {"time", time == kUntimed ? Json() : Json(format_time(time))}});
  }
  Json features = Json::object();
  for (const auto& [name, value] : user.features) features[name] = text_or_null(value);
  return {{"user", user.user},       {"segment", user.segment}, {"route", user.route},
          {"history", user.history}, {"latest", latest},        {"features", features}};
}

}  // namespace sartor
