// keys create, list, rotate, revoke.
#include <fmt/core.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/store/api_keys.h"
#include "verbs.h"

namespace sartor {
namespace {

Time now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Json to_json(const ApiKey& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"scopes", key.scopes},
          {"created", format_time(key.created)},
          {"ends", key.ends ? Json(format_time(*key.ends)) : Json(nullptr)},
          {"active", key.active(now())}};
}

int list(const ApiKeys& keys, bool json) {
  const auto known = keys.list();
  if (!known) return fail(known.error());
  Json all = Json::array();
  for (const ApiKey& key : *known) {
    all.push_back(to_json(key));
    if (json) continue;
    fmt::print("{}  {:<24} created {}  {:<6} {}\n", key.id, join(key.scopes, ","),
               format_time(key.created).substr(0, 10), key.active(now()) ? "in use" : "ended",
               printable(key.name));
  }
  if (json) fmt::print("{}\n", Json{{"keys", all}}.dump());
  if (!json && known->empty()) fmt::print("no keys; `sartor keys create` makes one\n");
  return kDone;
}

int show(const Result<std::string>& key, bool json) {
  if (!key) return fail(key.error());
  if (json) {
    fmt::print("{}\n", Json{{"key", *key}}.dump());
    return kDone;
  }
  fmt::print("{}\n", *key);
  fmt::print(stderr,
             "Keep it: it is not shown again. A running server that had no key asks for one "
             "after a restart.\n");
  return kDone;
}

}  // namespace

int verb_keys(const CommonFlags& flags, const KeyFlags& wanted) {
  const auto settings = settings_of(flags);
  if (!settings) return fail(settings.error());
  const auto keys = ApiKeys::open(workspace_of(flags), settings->state);
  if (!keys) return fail(keys.error());
  if (wanted.what == "list") return list(*keys, flags.json);
  if (wanted.what == "create")
    return show(keys->create(wanted.scopes, wanted.name, now()), flags.json);
  if (wanted.what == "rotate") {
    const auto grace = static_cast<Time>(wanted.grace_hours * static_cast<double>(kHour));
    return show(keys->rotate(wanted.id, grace, now()), flags.json);
  }
  const Status revoked = keys->revoke(wanted.id, now());
  if (!revoked) return fail(revoked.error());
  fmt::print("{} is refused from now on, by a running server within a second\n", wanted.id);
  return kDone;
}

}  // namespace sartor
