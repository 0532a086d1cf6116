// What a run reads and leaves in the workspace, besides cache and bundles.
#pragma once

#include <string>

#include "sartor/base/checksum.h"
#include "sartor/pipeline/summary.h"

namespace sartor {

// Adds every input file's name and contents. Fails with `not_found`, naming the config's key.
Status add_input_files(const Config& config, const std::string& workspace,
                       Fingerprint& fingerprint);

// Makes runs/<id>; the id is the time, and a number where that is taken.
Result<std::string> new_run_folder(const std::string& workspace);

// The random segments of the negative control (PROOF section 6): the same at every origin.
PartitionInTime make_control(const Project& project, const Config& config);

// Of each segment, whether it has too few users in confirm for any gain that somebody could have
// (PROOF section 7): not worth tuning. Uses their number alone.
std::vector<bool> hopeless_segments(const Project& project, const Config& config,
                                    const PartitionInTime& partition);

// `name` as part of a step's name: letters, digits, '-' and '_'.
std::string step_word(const std::string& name);

// {validate,confirm,test} x {general,served}.run and .qrels, in TREC format. Validate has no lists:
// it was searched, not judged.
Status write_rankings(const RunFacts& facts, const std::string& folder);

}  // namespace sartor
