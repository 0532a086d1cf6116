// `sartor init`: a first sartor.toml from looking at the files.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

struct GuessRequest {
  std::string name;                 // of the project
  std::vector<std::string> events;  // files or globs; relative ones start at `folder`, as they will
  std::vector<std::string> users;   // in the sartor.toml that stands there
  std::vector<std::string> items;
  std::string folder;
};

struct Guess {
  std::string toml;                // commented; `sartor run` works on it
  std::vector<std::string> notes;  // what was guessed and why, a line each
};

// By the columns' names, including common other words for them, and by their values. Files of
// events with different columns become several [[events]]. Fails with `config` if no column can be
// who, what or when, naming the columns there are; or as ingest does on files that cannot be read.
Result<Guess> guess_config(const GuessRequest& request, const Resources& resources,
                           const std::string& scratch = "/tmp");

}  // namespace sartor
