// [state]: where a workspace's state is.
#pragma once

#include <string>
#include <tuple>

#include "sartor/base/fields.h"

namespace sartor {

struct StateConfig {
  std::string url;
  std::string schema = "sartor";
  int event_days = 7;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"url", &StateConfig::url,
              "postgresql://USER@HOST:PORT/DATABASE, which several servers share; else "
              "state.sqlite in the workspace. A password is better in PGPASSWORD or ~/.pgpass"},
        Field{"schema", &StateConfig::schema, "in that database; one for each project"},
        Field{"event_days", &StateConfig::event_days, 1, 3650, Scale::fixed,
              "how long the database keeps events for servers that were away or are new"});
  }

  bool shared() const { return !url.empty(); }
};

// Fails with `config`; the message has nothing of the URL.
Status check_state(const StateConfig& config);

// Every "://USER:PASSWORD@" in a text as "://USER:***@".
std::string without_passwords(std::string text);

}  // namespace sartor
