// What a user may ask of whoever keeps data about them: to see it, and to have it erased.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sartor/http/intake.h"
#include "sartor/http/routes.h"
#include "sartor/live/erasures.h"
#include "sartor/live/live_guard.h"
#include "sartor/live/shared_erasures.h"
#include "sartor/serving/live_bundle.h"

namespace sartor {

// Where something of users is kept.
struct UserPlaces {
  std::string workspace;
  std::shared_ptr<LiveBundle> live;
  std::shared_ptr<Intake> intake;
  std::shared_ptr<LiveGuard> guard;       // null: there are no exposures
  std::shared_ptr<ErasureList> erasures;  // null: nothing can be erased, or exported
  std::shared_ptr<SharedErasures> shared =
      nullptr;  // that list of all servers, if there are several
};

// GET /v1/users/{id}, GET /v1/users/{id}/export, DELETE /v1/users/{id}.
void add_users(std::vector<Route>& routes, const std::shared_ptr<const LiveBundle>& live,
               const std::shared_ptr<const UserPlaces>& places);

// Lets everything that is in memory go, after the list has the user, and then what is in files.
void forget_user(const UserPlaces& places, const std::string& user);

// Whether the request is one of those that wait for the disk.
bool waits_for_users(const HttpRequest& request);

}  // namespace sartor
