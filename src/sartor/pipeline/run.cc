#include "sartor/pipeline/run.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "sartor/base/checksum.h"
#include "sartor/base/fields_json.h"
#include "sartor/base/files.h"
#include "sartor/base/progress.h"
#include "sartor/base/usage.h"
#include "sartor/data/dataset_file.h"
#include "sartor/data/ingest.h"
#include "sartor/live/erasures.h"
#include "sartor/live/event_store.h"
#include "sartor/live/shared_erasures.h"
#include "sartor/live/shared_events.h"
#include "sartor/pipeline/backtest_file.h"
#include "sartor/pipeline/cache.h"
#include "sartor/pipeline/publish.h"
#include "sartor/pipeline/report.h"
#include "sartor/pipeline/run_files.h"
#include "sartor/pipeline/run_trials.h"
#include "sartor/pipeline/served_events.h"
#include "sartor/pipeline/summary.h"
#include "sartor/pipeline/tune.h"
#include "sartor/pipeline/versions.h"
#include "sartor/store/folder.h"
#include "sartor/store/state.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

// Of each minute of tuning.minutes, and beyond it: a search over the linear blend decides nothing.
constexpr double kOverBlendSeconds = 60.0 / 16;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One run: its steps in order, each from the cache where its key is there.
class Run {
 public:
  Run(const RunRequest& request, const Resources& resources)
      : request_(request), config_(request.config), resources_(resources) {}

  Result<RunOutcome> go() {
    SARTOR_TRY(open());
    if (request_.last_step.empty() && request_.rankings.empty()) {
      if (auto before = same_as_before()) return *before;
    }
    SARTOR_TRY(begin_record());
    auto outcome = steps();
    SARTOR_TRY(end_record(outcome));
    return outcome;
  }

 private:
  struct Step {
    const char* name;
    Status (Run::*body)();
  };

  Result<RunOutcome> steps() {
    static constexpr Step kOrder[] = {{"ingest", &Run::ingest}, {"segment", &Run::segment},
                                      {"tune", &Run::tune},     {"backtest", &Run::backtest},
                                      {"gate", &Run::gate},     {"publish", &Run::publish}};
    for (const Step& step : kOrder) {
      if (resources_.is_cancelled())
        return Error{ErrorCode::cancelled, "stopped on request; what was done is kept"};
      SARTOR_TRY((this->*step.body)());
      if (request_.last_step == step.name) break;
    }
    RunOutcome outcome{.nothing_changed = !worked_ && !request_.last_step.empty(),
                       .bundle = published_.path,
                       .report = report_path_};
    if (verdict_) outcome.summary = json_text(full_summary());
    if (!request_.rankings.empty() && verdict_)
      SARTOR_TRY(write_rankings(facts(), request_.rankings));
    return outcome;
  }

  // Runs `work` unless `step` has a result under `key`; either way the result.
  Result<Json> cached(const std::string& step, const std::string& key,
                      const std::function<Result<Json>()>& work) {
    const auto start = std::chrono::steady_clock::now();
    if (auto found = cache_->find(step, key)) {
      times_.push_back({step, seconds_since(start), true});
      return std::move(*found);
    }
    SARTOR_ASSIGN(Json result, work());
    SARTOR_TRY(cache_->keep(step, key, result));
    worked_ = true;
    times_.push_back({step, seconds_since(start), false});
    return result;
  }

  Status open() {
    const std::string& workspace = request_.workspace;
    std::error_code error;
    for (const char* folder : {"/runs", "/bundles"})
      fs::create_directories(workspace + folder, error);
    if (error) return Error{ErrorCode::io, workspace + ": cannot write here: " + error.message()};
    SARTOR_ASSIGN(cache_, StepCache::open(workspace + "/cache"));
    SARTOR_ASSIGN(state_, State::open(workspace, config_.state));
    SARTOR_TRY(follow_servers());
    SARTOR_TRY(read_erasures());
    files_ = config_.events.size();
    SARTOR_ASSIGN(events_next_, add_served_events(workspace, config_, resources_));
    Fingerprint data;
    data.add(request_.build);
    SARTOR_TRY(add_input_files(config_, workspace, data));
    for (const Json& part :
         {config_json(config_.events), config_json(config_.users), config_json(config_.items),
          config_json(config_.signal), config_json(config_.data), config_json(config_.clean)}) {
      data.add(json_text(part));
    }
    data.add(static_cast<std::int64_t>(events_next_));
    if (!erasures_.empty()) data.add(static_cast<std::int64_t>(erasures_.size()));
    data_key_ = data.text();
    whole_key_ = Fingerprint().add(data_key_).add(json_text(bundle_config(config_))).text();
    return {};
  }

  // Events and erasures of servers elsewhere, unless one here brings them.
  Status follow_servers() const {
    if (!config_.state.shared()) return {};
    const std::string& workspace = request_.workspace;
    const auto events =
        SharedEvents::open(workspace + "/" + kEventFolder, config_.state, [](auto) {});
    if (!events) {
      return events.error().code == ErrorCode::config ? Status() : Status(events.error());
    }
    SARTOR_ASSIGN(State state, State::open(workspace, config_.state));
    SARTOR_ASSIGN(auto list, ErasureList::open(workspace));
    SARTOR_ASSIGN(const auto erasures,
                  SharedErasures::open(std::make_shared<const State>(std::move(state)),
                                       std::move(list), config_.state.event_days));
    return {};
  }

  // What earlier runs kept of users who were erased since goes first.
  Status read_erasures() {
    SARTOR_ASSIGN(erasures_, Erasures::read(request_.workspace));
    const std::string known = request_.workspace + "/cache/erased";
    const auto text = read_file(known);
    const std::string count = std::to_string(erasures_.size());
    if (erasures_.empty() || (text && *text == count)) return {};
    std::error_code error;
    fs::remove_all(request_.workspace + "/cache", error);
    if (!error) fs::create_directories(request_.workspace + "/cache", error);
    if (error) return Error{ErrorCode::io, known + ": cannot clear the folder: " + error.message()};
    return write_file(known, count);
  }

  // Events that the server took are masked by their numbers in its log, those of files by time.
  IsErased is_erased() const {
    if (erasures_.empty()) return {};
    return [this](std::size_t block, std::string_view user, Time time) {
      return (block < files_ || block == kNoBlock) && erasures_.covers_time(user, time);
    };
  }

  // The outcome of an earlier run with the same inputs whose bundle is still the published one.
  std::optional<RunOutcome> same_as_before() {
    const auto start = std::chrono::steady_clock::now();
    const auto found = cache_->find("run", whole_key_);
    if (!found) return std::nullopt;
    const std::string bundle = found->value("bundle", "");
    const auto current = read_link(request_.workspace + "/bundles/current");
    if (!current || fs::path(*current).filename() != fs::path(bundle).filename() ||
        !fs::exists(bundle + "/" + kManifest) || !fs::exists(found->value("report", ""))) {
      return std::nullopt;
    }
    Json summary = *found;
    summary["seconds"] = seconds_since(start);
    return RunOutcome{.nothing_changed = true,
                      .summary = json_text(summary),
                      .bundle = bundle,
                      .report = found->value("report", "")};
  }

  Status begin_record() {
    started_ = std::chrono::steady_clock::now();
    SARTOR_ASSIGN(run_id_, new_run_folder(request_.workspace));
    record_ = {.id = run_id_, .started = now(), .status = "running"};
    return state_->put_run(record_);
  }

  Status end_record(const Result<RunOutcome>& outcome) {
    record_.finished = now();
    record_.status = outcome                                        ? "done"
                     : outcome.error().code == ErrorCode::cancelled ? "cancelled"
                                                                    : "failed";
    if (outcome) {
      record_.bundle = outcome->bundle;
      record_.summary = outcome->summary;
    }
    return state_->put_run(record_);
  }

  std::string run_folder() const { return request_.workspace + "/runs/" + run_id_; }

  Status ingest() {
    const std::string tensors = cache_->beside("ingest", data_key_, "safetensors");
    const std::string bad_rows = cache_->beside("ingest", data_key_, "quarantine.csv");
    std::optional<Dataset> data;
    const auto work = [&]() -> Result<Json> {
      auto ingested = sartor::ingest({config_.events, config_.users, config_.items, config_.signal,
                                      config_.data, config_.clean, is_erased()},
                                     request_.workspace, resources_, ingest_report_);
      SARTOR_TRY(write_quarantine(ingest_report_, run_folder() + "/quarantine.csv"));
      if (!ingested) {
        Error failed = ingested.error();
        if (ingest_report_.quarantined > 0)
          failed.message += "\nevery bad row is in " + run_folder() + "/quarantine.csv";
        return failed;
      }
      SARTOR_TRY(write_quarantine(ingest_report_, bad_rows));
      SARTOR_TRY(save_dataset(*ingested, ingest_report_, tensors));
      data = std::move(*ingested);
      return to_json(ingest_report_);
    };
    SARTOR_ASSIGN([[maybe_unused]] const Json report, cached("ingest", data_key_, work));
    if (!data) {
      SARTOR_ASSIGN(LoadedDataset loaded, load_dataset(tensors));
      ingest_report_ = std::move(loaded.report);
      data = std::move(loaded.data);
      std::error_code ignored;
      fs::copy_file(bad_rows, run_folder() + "/quarantine.csv",
                    fs::copy_options::overwrite_existing, ignored);
    }
    data_ = std::move(*data);
    return {};
  }

  Status segment() {
    SARTOR_ASSIGN(project_, Project::make(std::move(data_), config_));
    segment_key_ = Fingerprint()
                       .add(data_key_)
                       .add(json_text(config_node(config_.split)))
                       .add(json_text(config_node(config_.features)))
                       .add(json_text(config_node(config_.segments)))
                       .add(std::int64_t(config_.gate.users == "disjoint"))
                       .add(std::int64_t(config_.tuning.seasons))
                       .add(std::int64_t(config_.tuning.seed))
                       .text();
    const std::string tensors = cache_->beside("segment", segment_key_, "safetensors");
    const auto work = [&]() -> Result<Json> {
      SARTOR_ASSIGN(segments_, segment_users(*project_, config_, resources_));
      return save_segment_step(*segments_, tensors);
    };
    SARTOR_ASSIGN(const Json json, cached("segment", segment_key_, work));
    if (!segments_) {
      SARTOR_ASSIGN(segments_, load_segment_step(json, tensors));
    }
    return keep_names();
  }

  // As of the published bundle, if there is one; a damaged one is no reason to stop.
  Status keep_names() {
    auto old = read_old_version(request_.workspace + "/bundles");
    if (!old) {
      if (resources_.progress != nullptr)
        resources_.progress->warn("segments keep no names: " + old.error().message);
      return {};
    }
    old_ = std::move(*old);
    if (!old_) return {};
    for (FittedSegmentation& fitted : segments_->segmentations)
      SARTOR_TRY(continue_version(*old_, project_->data().users, fitted));
    return {};
  }

  Status tune() {
    Fingerprint key;
    key.add(data_key_)
        .add(json_text(config_node(config_.split)))
        .add(json_text(config_node(config_.models)))
        .add(json_text(config_node(config_.features)))
        .add(json_text(config_node(config_.tuning)));
    key.add(config_.gate.metric)
        .add(config_.gate.users)
        .add(json_text(config_node(config_.evaluation)));
    for (const auto& [metric, margin] : config_.gate.guards) key.add(metric);
    general_key_ = key.text();
    const Status done = search();
    const Status told = write_file(run_folder() + "/trials.journal", journal());
    return done ? told : done;
  }

  // Every trial so far, those of a search that was stopped among them.
  std::string journal() const {
    std::vector<const PartitionRecipe*> recipes;
    for (const PartitionRecipe& recipe : tried_) recipes.push_back(&recipe);
    if (control_) recipes.push_back(&*control_);
    for (const PartitionRecipe* recipe : recipes_over_blend()) recipes.push_back(recipe);
    return trial_journal(general_ ? *general_ : GeneralTuning{}, recipes, under_way_,
                         general_ ? general_->plan : unfinished_plan_);
  }

  std::vector<const PartitionRecipe*> recipes_over_blend() const {
    std::vector<const PartitionRecipe*> recipes;
    if (over_blend_) recipes.push_back(&*over_blend_);
    if (control_over_blend_) recipes.push_back(&*control_over_blend_);
    return recipes;
  }

  // A step that searches: its trials lie beside its result until that is there, and a run that was
  // stopped goes on behind them.
  Result<Json> searched(Tuner& tuner, const std::string& step, const std::string& key,
                        const std::function<Result<Json>()>& work) {
    const std::string path = cache_->beside(step, key, "trials");
    const auto logged = [&]() -> Result<Json> {
      SARTOR_ASSIGN(const auto log, TrialLog::open(path));
      tuner.log_to(log.get());
      auto result = work();
      tuner.log_to(nullptr);
      if (result) return result;
      unfinished_plan_ = tuner.plan();
      under_way_ = log->studies();
      std::erase_if(under_way_,
                    [&](const Study& one) { return one.key.plan != tuner.plan_name(); });
      return result;
    };
    SARTOR_ASSIGN(Json result, cached(step, key, logged));
    std::error_code ignored;
    fs::remove(path, ignored);
    return result;
  }

  Status search() {
    const std::string tensors = cache_->beside("tune-general", general_key_, "safetensors");
    Tuner tuner(*project_, config_, resources_);
    const auto general = [&]() -> Result<Json> {
      SARTOR_ASSIGN(const GeneralTuning tuning, tuner.general());
      return save_general(tuning, tensors);
    };
    SARTOR_ASSIGN(const Json general_json, searched(tuner, "tune-general", general_key_, general));
    SARTOR_ASSIGN(general_, load_general(general_json, tensors));
    tell_of_components();
    for (const FittedSegmentation& fitted : segments_->segmentations) {
      SARTOR_ASSIGN(PartitionRecipe recipe, tune_partition(tuner, fitted.partition, segment_key_));
      tried_.push_back(std::move(recipe));
    }
    judge_segmentations();
    control_partition_ = make_control(*project_, config_);
    SARTOR_ASSIGN(control_, tune_partition(tuner, control_partition_, ""));
    if (general_->blend_terms.empty()) return {};
    SARTOR_ASSIGN(over_blend_, tune_over_blend(tuner, segments_->segmentations[chosen_].partition));
    SARTOR_ASSIGN(control_over_blend_, tune_over_blend(tuner, control_partition_));
    return {};
  }

  // From the cache or not: whoever runs it should know.
  void tell_of_components() const {
    if (resources_.progress == nullptr) return;
    for (const LeftOut& one : general_->components_left_out)
      resources_.progress->warn("left out: " + one.component + ": " + one.reason);
    for (const std::string& line : general_->notes) resources_.progress->note(line);
  }

  // The most useful segmentation is confirmed. Gains of segments that are too small to prove
  // anything do not count: many small segments would always win otherwise.
  void judge_segmentations() {
    const OriginView& confirm = project_->at(Origin::confirm);
    for (std::size_t i = 0; i < tried_.size(); ++i) {
      std::vector<bool> provable;
      for (const auto& cases : segments_->segmentations[i]
                                   .partition.at(Origin::confirm)
                                   .cases_by_segment(confirm.cases)) {
        provable.push_back(cases.size() >= static_cast<std::size_t>(config_.gate.min_users));
      }
      if (segments_->segmentations[i].unasked) provable.back() = false;  // of `everyone else`
      tried_[i].usefulness = tried_[i].validate_gain(provable);
      if (tried_[i].usefulness > tried_[chosen_].usefulness) chosen_ = i;
    }
  }

  // The other half of tuning.minutes, equally over the segmentations and the control; what those
  // of this run did not spend is shared again.
  double seconds_of_partition() const {
    const std::size_t all = segments_->segmentations.size() + 1;
    double half = config_.tuning.minutes * 30;
    for (const StepTime& time : times_) {
      if (time.step.starts_with("tune-") && time.step != "tune-general")
        half -= time.cached ? config_.tuning.minutes * 30 / static_cast<double>(all) : time.seconds;
    }
    return std::max(half, 0.0) / static_cast<double>(all - tried_.size());
  }

  Result<PartitionRecipe> tune_partition(Tuner& tuner, const PartitionInTime& partition,
                                         const std::string& of) {
    const std::vector<bool> hopeless = hopeless_segments(*project_, config_, partition);
    const std::string key = Fingerprint()
                                .add(general_key_)
                                .add(of)
                                .add(partition.name)
                                .add(json_text(Json(partition.segments)))
                                .add(json_text(Json(hopeless)))
                                .text();
    recipe_keys_[partition.name] = key;
    const auto work = [&]() -> Result<Json> {
      SARTOR_ASSIGN(const PartitionRecipe recipe,
                    tuner.partition(partition.at(Origin::validate), *general_, hopeless,
                                    seconds_of_partition()));
      return config_json(recipe);
    };
    // One step per partition: a killed run goes on behind the last finished one.
    SARTOR_ASSIGN(const Json json, searched(tuner, "tune-" + step_word(partition.name), key, work));
    PartitionRecipe recipe;
    SARTOR_TRY(read_config(node_from_json(json), recipe, "recipe"));
    return recipe;
  }

  Result<PartitionRecipe> tune_over_blend(Tuner& tuner, const PartitionInTime& partition) {
    const std::string key =
        Fingerprint().add(recipe_keys_[partition.name]).add("over blend").text();
    const auto work = [&]() -> Result<Json> {
      SARTOR_ASSIGN(const PartitionRecipe recipe,
                    tuner.over_blend(partition.at(Origin::validate), *general_,
                                     hopeless_segments(*project_, config_, partition),
                                     config_.tuning.minutes * kOverBlendSeconds));
      return config_json(recipe);
    };
    const std::string step = "tune-" + step_word(partition.name) + "-over-blend";
    SARTOR_ASSIGN(const Json json, searched(tuner, step, key, work));
    PartitionRecipe recipe;
    SARTOR_TRY(read_config(node_from_json(json), recipe, "recipe"));
    return recipe;
  }

  Status backtest() {
    const PartitionInTime& partition = segments_->segmentations[chosen_].partition;
    backtest_key_ = Fingerprint()
                        .add(general_key_)
                        .add(recipe_keys_[partition.name])
                        .add(recipe_keys_["control"])
                        .text();
    const std::string tensors = cache_->beside("backtest", backtest_key_, "safetensors");
    models_ = cache_->beside("backtest", backtest_key_, "models");
    const auto work = [&]() -> Result<Json> {
      SARTOR_ASSIGN(const Backtest made, sartor::backtest(frozen(), resources_));
      return save_backtest(made, eligible_items(project_->at(Origin::everything).history), tensors,
                           models_);
    };
    SARTOR_ASSIGN(const Json json, cached("backtest", backtest_key_, work));
    SARTOR_ASSIGN(backtest_, load_backtest(json, tensors));
    return {};
  }

  // What was chosen on validate.
  BacktestInput frozen() const {
    const auto known = [](const std::optional<PartitionRecipe>& recipe) {
      return recipe ? &*recipe : nullptr;
    };
    return {.project = project_.get(),
            .config = &config_,
            .general = &*general_,
            .partition = &segments_->segmentations[chosen_].partition,
            .recipe = &tried_[chosen_],
            .control = &control_partition_,
            .control_recipe = known(control_),
            .over_blend = known(over_blend_),
            .control_over_blend = known(control_over_blend_)};
  }

  Status gate() {
    const auto start = std::chrono::steady_clock::now();
    const std::string confirm =
        Fingerprint().add(data_key_).add(json_text(config_node(config_.split))).text();
    const std::string inputs =
        Fingerprint().add(backtest_key_).add(json_text(config_node(config_.gate))).text();
    SARTOR_ASSIGN(const Look look, state_->look(confirm, inputs));
    SARTOR_ASSIGN(verdict_, decide(frozen(), *backtest_, look.k));
    if (old_) {
      SARTOR_ASSIGN(migration_, migration_summary(*old_, project_->data().users,
                                                  segments_->segmentations[chosen_].partition));
    }
    times_.push_back({"gate", seconds_since(start), !look.is_new});
    return {};
  }

  Status publish() {
    const auto start = std::chrono::steady_clock::now();
    resources_.begin_step("publishing");
    const RunFacts all = facts();
    const Json summary = summary_json(all);
    const Json details = details_json(all);
    const PublishInput input{.facts = all,
                             .bundles = request_.workspace + "/bundles",
                             .models = models_,
                             .report = render_report(summary, details)};
    SARTOR_ASSIGN(published_,
                  publish_bundle(input, bundle_version(all, request_.build), resources_));
    SARTOR_TRY(tell_servers());
    times_.push_back({"publish", seconds_since(start), false});
    report_path_ = run_folder() + "/report.html";
    const Json full = full_summary();
    SARTOR_TRY(write_file(run_folder() + "/summary.json", json_text(full, 2) + "\n"));
    const Json shown = run_details(details);
    SARTOR_TRY(write_file(run_folder() + "/details.json", json_text(shown, 2) + "\n"));
    SARTOR_TRY(write_file(report_path_, render_report(full, shown)));
    return cache_->keep("run", whole_key_, full);
  }

  // Servers of other workspaces follow as those of this one do.
  Status tell_servers() const {
    if (!config_.state.shared() || !config_.serve.watch) return {};
    SARTOR_ASSIGN(const auto current, state_->get(kCurrentBundle));
    return current == published_.version ? Status()
                                         : state_->put(kCurrentBundle, published_.version);
  }

  RunFacts facts() const {
    return {.project = project_.get(),
            .config = &config_,
            .ingest = &ingest_report_,
            .general = &*general_,
            .segments = &*segments_,
            .tried = &tried_,
            .chosen = chosen_,
            .control = &*control_,
            .over_blend = recipes_over_blend(),
            .backtest = &*backtest_,
            .verdict = &*verdict_,
            .events_next = events_next_,
            .erased = erasures_.size()};
  }

  Json full_summary() const {
    Json summary = {{"run", run_id_},
                    {"bundle", published_.path},
                    {"report", report_path_},
                    {"seconds", seconds_since(started_)},
                    {"peak_rss_mb", peak_rss_mb()}};
    summary.update(summary_json(facts()));
    // It belongs to this run: the bundle does not depend on who was where before.
    const bool other = !migration_.is_null() && migration_.at("bundle") != published_.version;
    summary["segmentation"]["migration"] = other ? migration_ : Json();
    return summary;
  }

  // What the report of one run shows besides its result: when, how long, how.
  Json run_details(Json details) const {
    Json timings = Json::array();
    for (const StepTime& time : times_)
      timings.push_back({{"step", time.step}, {"seconds", time.seconds}, {"cached", time.cached}});
    details["generated"] = format_time(now());
    details["config_path"] = request_.config_path;
    details["command"] = request_.command;
    details["timings"] = timings;
    details["peak_rss_mb"] = peak_rss_mb();
    details["next"] = {"sartor recommend " + request_.workspace + " --user ID -k 10",
                       "sartor serve " + request_.workspace + " --port 8080"};
    details["replay"] = "sartor replay " + published_.path;
    return details;
  }

  static Time now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  const RunRequest& request_;
  Config config_;  // the request's, and the events that were served
  std::uint64_t events_next_ = 1;
  Erasures erasures_;
  std::size_t files_ = 0;  // blocks of [[events]] that are the project's own
  Resources resources_;
  std::optional<StepCache> cache_;
  std::optional<State> state_;
  std::string run_id_, data_key_, segment_key_, general_key_, backtest_key_, whole_key_, models_,
      report_path_;
  std::map<std::string, std::string> recipe_keys_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  RunRecord record_;
  std::vector<StepTime> times_;
  bool worked_ = false;

  IngestReport ingest_report_;
  Dataset data_;  // until the project has it
  std::shared_ptr<const Project> project_;
  std::optional<SegmentStep> segments_;
  std::optional<OldVersion> old_;  // of the bundle that is published now
  Json migration_;                 // from it
  std::optional<GeneralTuning> general_;
  std::vector<PartitionRecipe> tried_;
  std::size_t chosen_ = 0;
  PartitionInTime control_partition_;
  std::optional<PartitionRecipe> control_;
  std::optional<PartitionRecipe> over_blend_, control_over_blend_;  // where general is more
  std::vector<Study> under_way_;                                    // where a search was stopped
  VariantPlan unfinished_plan_;                                     // likewise, of general's
  std::optional<Backtest> backtest_;
  std::optional<Verdict> verdict_;
  Published published_;
};

}  // namespace

Result<RunOutcome> run_pipeline(const RunRequest& request, const Resources& resources) {
  return Run(request, resources).go();
}

}  // namespace sartor
