#include "sartor/tuning/trial_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "sartor/base/fields_json.h"
#include "sartor/base/files.h"

namespace sartor {
namespace {

Json trial_log_line(const StudyKey& key, const BlendTrial& trial, double seconds) {
  return {{"study", config_json(key)}, {"trial", config_json(trial)}, {"seconds", seconds}};
}

// Whether `line` is one of ours.
bool read_trial_line(std::string_view line, StudyKey& key, BlendTrial& trial, double& seconds) {
  const Json json = parse_json(line);
  if (!json.is_object() || !json.contains("study") || !json.contains("trial")) return false;
  if (!json.contains("seconds") || !json["seconds"].is_number()) return false;
  seconds = json["seconds"].get<double>();
  return read_config(node_from_json(json["study"]), key, "study") &&
         read_config(node_from_json(json["trial"]), trial, "trial");
}

void add_to(std::vector<Study>& studies, const StudyKey& key, BlendTrial trial) {
  auto study = std::find_if(studies.begin(), studies.end(),
                            [&](const Study& one) { return one.key == key; });
  if (study == studies.end()) study = studies.insert(studies.end(), Study{key, {}});
  study->trials.push_back(std::move(trial));
}

}  // namespace

struct TrialLog::State {
  std::string path;
  int fd = -1;
  mutable std::mutex mutex;  // folds are searched side by side
  std::vector<Study> studies;
  double before = 0;  // seconds until the last trial of an earlier run
  std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
};

Result<std::unique_ptr<TrialLog>> TrialLog::open(const std::string& path) {
  std::unique_ptr<TrialLog> log(new TrialLog);
  log->state_ = std::make_unique<State>();
  State& state = *log->state_;
  state.path = path;
  const auto text = read_file(path);
  if (!text && text.error().code != ErrorCode::not_found) return text.error();
  std::size_t good = 0;  // bytes
  for (std::size_t end; text && (end = text->find('\n', good)) != std::string::npos;) {
    StudyKey key;
    BlendTrial trial;
    if (!read_trial_line(std::string_view(*text).substr(good, end - good), key, trial,
                         state.before))
      break;
    add_to(state.studies, key, std::move(trial));
    good = end + 1;
  }
  state.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (state.fd < 0) return io_error(path, "open");
  if (::ftruncate(state.fd, static_cast<off_t>(good)) != 0) return io_error(path, "shorten");
  return log;
}

TrialLog::~TrialLog() {
  if (state_ && state_->fd >= 0) ::close(state_->fd);
}

std::vector<BlendTrial> TrialLog::of(const StudyKey& key) const {
  const std::lock_guard lock(state_->mutex);
  for (const Study& study : state_->studies) {
    if (study.key == key) return study.trials;
  }
  return {};
}

Status TrialLog::add(const StudyKey& key, const BlendTrial& trial) {
  const std::string line = json_text(trial_log_line(key, trial, seconds())) + "\n";
  const std::lock_guard lock(state_->mutex);
  SARTOR_TRY(write_all(state_->fd, line, state_->path));
  add_to(state_->studies, key, trial);
  return {};
}

double TrialLog::seconds() const {
  const auto since = std::chrono::steady_clock::now() - state_->opened;
  return state_->before + std::chrono::duration<double>(since).count();
}

std::vector<Study> TrialLog::studies() const {
  const std::lock_guard lock(state_->mutex);
  return state_->studies;
}

}  // namespace sartor
