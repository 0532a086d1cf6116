// init and check.
#include <fmt/core.h>

#include <filesystem>

#include "sartor/base/files.h"
#include "sartor/data/guess.h"
#include "terminal.h"
#include "verbs.h"

namespace sartor {

namespace fs = std::filesystem;

int verb_init(const CommonFlags& flags, const std::vector<std::string>& events,
              const std::vector<std::string>& users, const std::vector<std::string>& items,
              bool force) {
  const std::string folder = workspace_of(flags);
  const std::string path = flags.config.empty() ? folder + "/sartor.toml" : flags.config;
  if (fs::exists(path) && !force)
    return fail({ErrorCode::config, path + ": is there already; --force overwrites it"});
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail({ErrorCode::io, folder + ": cannot make this folder: " + error.message()});
  // Files are named from here; the config names them from its own folder.
  const auto moved = [&](const std::vector<std::string>& files) {
    std::vector<std::string> out;
    for (const std::string& file : files) {
      out.push_back(
          fs::path(file).is_absolute()
              ? file
              : fs::relative(fs::absolute(file).lexically_normal(), fs::absolute(folder)).string());
    }
    return out;
  };
  TerminalProgress progress(flags.quiet);
  const std::string name = fs::absolute(folder).lexically_normal().filename().string();
  const auto guess = guess_config({.name = name.empty() ? "sartor" : name,
                                   .events = moved(events),
                                   .users = moved(users),
                                   .items = moved(items),
                                   .folder = folder},
                                  resources_of(flags, &progress));
  if (!guess) return fail(guess.error());
  if (const auto written = write_file(path, guess->toml); !written) return fail(written.error());
  for (const std::string& note : guess->notes) fmt::print("{}\n", note);
  fmt::print("\nwrote {}; look at it, then: sartor check {} && sartor run {}\n", path, folder,
             folder);
  return kDone;
}

int verb_check(const CommonFlags& flags) {
  const auto request = request_of(flags);
  if (!request) return fail(request.error());
  TerminalProgress progress(flags.quiet);
  const auto outcome = check_pipeline(*request, resources_of(flags, &progress));
  if (!outcome) return fail(outcome.error());
  fmt::print("{}\n", flags.json ? outcome->json : outcome->text);
  return kDone;
}

}  // namespace sartor
