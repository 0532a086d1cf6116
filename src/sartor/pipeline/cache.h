// Results of steps, kept under the fingerprint of everything they depend on. A step whose
// fingerprint is there is not done again; a run that was killed goes on behind its last finished
// step.
#pragma once

#include <optional>
#include <string>

#include "sartor/base/json.h"
#include "sartor/base/result.h"

namespace sartor {

class StepCache {
 public:
  // `folder` is made if it is missing.
  static Result<StepCache> open(const std::string& folder);

  // Null if the step has no result under `key`, or an unreadable one (which is then done again).
  std::optional<Json> find(const std::string& step, const std::string& key) const;
  // Written beside and renamed. Older results of the same step go, but for the last three.
  Status keep(const std::string& step, const std::string& key, const Json& result) const;

  // Where more of a step's result lies, next to its JSON: a file or folder of the caller's. It must
  // be complete before keep(). Step names and keys hold no dots.
  std::string beside(const std::string& step, const std::string& key,
                     const std::string& ending) const;

 private:
  std::string folder_;
};

}  // namespace sartor
