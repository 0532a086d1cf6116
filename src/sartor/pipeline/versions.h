// Versions of a segmentation from run to run: clusters keep the names that people know, and who
// moved from where to where is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/pipeline/segment_step.h"
#include "sartor/segments/align.h"

namespace sartor {

// Who was in which segment by the published bundle, as of its moment.
struct OldVersion {
  std::string bundle;        // its folder's name
  std::string name;          // of the segmentation
  int number = 1;            // of this version of it
  std::string segmentation;  // JSON, without the number
  std::vector<std::string> segments;
  Vocabulary users;
  std::vector<std::uint32_t> of_user;  // positions in `segments`
};

// That of `bundles`/current; none if there is no bundle. Fails as the files do.
Result<std::optional<OldVersion>> read_old_version(const std::string& bundles);

// The users that both versions know, the new one as of everything: rows are the old segments,
// columns the new ones.
Result<Migration> migration_from(const OldVersion& old, const Vocabulary& users,
                                 const PartitionInTime& now);

// Clusters of a segmentation of the old one's name get the old clusters' names, such that most
// users keep theirs (names_that_persist). Everything in `fitted` that names them follows, and its
// JSON gets the number of the version: the old one, or one more if anything is different. A
// segmentation of another name stays as it is.
Status continue_version(const OldVersion& old, const Vocabulary& users, FittedSegmentation& fitted);

// {"bundle", "segmentation", "version", "users_left", "users_new"} of the old version, and what
// migration_json says.
Result<Json> migration_summary(const OldVersion& old, const Vocabulary& users,
                               const PartitionInTime& now);

}  // namespace sartor
