// Whom a bundle knows although they were erased since its run.
#pragma once

#include <cstddef>
#include <string>

#include "sartor/base/result.h"

namespace sartor {

struct ErasedUsers {
  std::size_t erased = 0;  // of the bundle's users, those that answer no more
  std::size_t users = 0;   // of the bundle
};

// `bundle` is a bundle's folder, WORKSPACE/bundles/VERSION. Fails as Catalogue::open and
// Erasures::read do.
Result<ErasedUsers> erased_users_of(const std::string& bundle);

}  // namespace sartor
