// sartor.toml as a whole. Each part belongs to the module that obeys it; every key has a default.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/data/config.h"
#include "sartor/evaluation/gate.h"
#include "sartor/features/user_features.h"
#include "sartor/segments/segmentation.h"
#include "sartor/store/state_config.h"
#include "sartor/tuning/config.h"

namespace sartor {

// [evaluation]
struct EvaluationConfig {
  bool count_new_items = false;
  int depth = 20;
  int max_cases = 20000;

  static constexpr auto fields() {
    return std::make_tuple(Field{"count_new_items", &EvaluationConfig::count_new_items,
                                 "targets that nobody has seen before the window are misses; else "
                                 "they are left out and counted"},
                           Field{"depth", &EvaluationConfig::depth, 1, 1000, Scale::fixed,
                                 "length of the lists in --rankings"},
                           Field{"max_cases", &EvaluationConfig::max_cases, 100, 1e9, Scale::fixed,
                                 "cases of a window with split.cases = next, evenly spread where "
                                 "there are more"});
  }
};

// [serve]
struct ServeConfig {
  int port = 8080;
  std::string host = "127.0.0.1";
  int threads = 2;
  std::string tls_certificate;
  std::string tls_key;
  bool watch = true;
  bool follow_stream = true;
  double requests_per_second = 0;
  double request_burst = 0;
  double events_per_second = 0;
  double event_burst = 0;
  double attribution_hours = 24;
  double holdback_least = 0.05;
  double holdback_most = 0.20;
  int latency_limit_ms = 100;
  int timeout_ms = 1000;
  bool watch_peers = true;
  int exposure_days = 90;
  int retention_days = 30;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"port", &ServeConfig::port, 0, 65535, Scale::fixed,
              "where to listen; 0 takes a free one and says which"},
        Field{"host", &ServeConfig::host, "address; any but loopback needs a key"},
        Field{"threads", &ServeConfig::threads, 1, 1024, Scale::fixed, "of the server"},
        Field{"tls_certificate", &ServeConfig::tls_certificate,
              "PEM file: the server's, then those up to the authority's; read again at SIGHUP"},
        Field{"tls_key", &ServeConfig::tls_key, "PEM file of its key; neither: plain HTTP"},
        Field{"watch", &ServeConfig::watch,
              "a new bundle takes over within a second or two; else at SIGHUP, or when it is "
              "promoted"},
        Field{
            "follow_stream", &ServeConfig::follow_stream,
            "popularity and similar items as of now, new items among them; else as of the bundle"},
        Field{"requests_per_second", &ServeConfig::requests_per_second, 0, 1e6, Scale::fixed,
              "of one key, or of one address without keys; 0: any number"},
        Field{"request_burst", &ServeConfig::request_burst, 0, 1e6, Scale::fixed,
              "requests at once, after a pause; 0: what a second allows"},
        Field{"events_per_second", &ServeConfig::events_per_second, 0, 1e9, Scale::fixed,
              "likewise, of the events in them"},
        Field{"event_burst", &ServeConfig::event_burst, 0, 1e9, Scale::fixed, "likewise"},
        Field{"attribution_hours", &ServeConfig::attribution_hours, 0.1, 168, Scale::fixed,
              "how long after a list an event may still be tied to it"},
        Field{"holdback_least", &ServeConfig::holdback_least, 0, 0.5, Scale::fixed,
              "share of a segment's users on general, drawn anew every day, at least"},
        Field{"holdback_most", &ServeConfig::holdback_most, 0, 0.5, Scale::fixed,
              "and at most; between the two, as many as make 1000 lists a day; both 0: nobody"},
        Field{"latency_limit_ms", &ServeConfig::latency_limit_ms, 1, 60000, Scale::fixed,
              "of a segment's model for one list; p95 over it for five minutes trips the breaker"},
        Field{"timeout_ms", &ServeConfig::timeout_ms, 1, 60000, Scale::fixed,
              "of a model for one list; then general answers, and after as long popularity"},
        Field{"watch_peers", &ServeConfig::watch_peers,
              "compare segments with the others, too, where their ratio is steady"},
        Field{"exposure_days", &ServeConfig::exposure_days, 1, 36500, Scale::fixed,
              "how long the log of exposures is kept"},
        Field{"retention_days", &ServeConfig::retention_days, 0, 36500, Scale::fixed,
              "bundles that do not serve and did not serve just before go after so many days, with "
              "what they know of users who were erased since; 0: never"});
  }
};

struct Config {
  std::string name = "sartor";
  std::vector<EventSource> events;
  std::vector<UserSource> users;
  std::vector<ItemSource> items;
  SignalConfig signal;
  DataConfig data;
  CleanConfig clean;
  SplitConfig split;
  FeatureConfig features;
  std::vector<SegmentationConfig> segments;
  ModelsConfig models;
  TuningConfig tuning;
  GateConfig gate;
  EvaluationConfig evaluation;
  ServeConfig serve;
  StateConfig state;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"name", &Config::name, "of the project; stands in the report"},
        Field{"events", &Config::events, "one [[events]] block per source"},
        Field{"users", &Config::users, "[[users]]: attributes of users"},
        Field{"items", &Config::items, "[[items]]: attributes of items"},
        Field{"signal", &Config::signal, "what counts as success"},
        Field{"data", &Config::data, "limits on bad data"},
        Field{"clean", &Config::clean, "what is removed or mended"},
        Field{"split", &Config::split, "train, validate, confirm and test, in time"},
        Field{"features", &Config::features, "of users, as of a moment"},
        Field{"segments", &Config::segments,
              "a [[segments]] block is one segmentation; several compete on validate"},
        Field{"models", &Config::models, "what the general recommender is made of"},
        Field{"tuning", &Config::tuning, "what is tried"},
        Field{"gate", &Config::gate, "what a segment must prove to leave general"},
        Field{"evaluation", &Config::evaluation, "how lists are judged"},
        Field{"serve", &Config::serve, "the server"},
        Field{"state", &Config::state, "what runs and servers remember; several may share it"});
  }
};

// Reads and checks `path`, after the `--set` assignments. All failures are `config`, with file,
// line and key.
Result<Config> read_config_file(const std::string& path,
                                const std::vector<std::string>& assignments);

// The checks that need more than one key: at least one [[events]] block, known words, distinct
// names.
Status check_config(const Config& config);

// docs/config.md and the JSON schema of sartor.toml, made from the fields.
std::string config_markdown();
std::string config_schema();

}  // namespace sartor
