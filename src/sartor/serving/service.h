// Recommendations out of a bundle: which segment, which model, which items, and why. The CLI and
// the HTTP interface give the same answers because both call this.
//
// What is read of a bundle's folder:
//   manifest.json          "model_version", "sartor_version", "metric"; and the sum of every file
//   segmentation.json      Segmentation::to_json
//   routes.json            {"repeat": bool, "general": MODEL,
//                           "segments": [{"name", "route", "model", …more for people…}]}
//                          a segment that is not named is on general; "route" is the word shown
//   models/<name>/         save_model(); blends are loaded last and find their components by name
//   users.safetensors, items.safetensors    write_catalogue()
//   features.safetensors   save_feature_space(): what turns a visitor's history into features
//   embedding.safetensors  Embedding::save, only if the segmentation looks at embedding.N
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/event.h"
#include "sartor/live/switchboard.h"
#include "sartor/serving/wishes.h"

namespace sartor {

inline constexpr int kMostItems = 1000;     // k at most
inline constexpr int kMostHistory = 10000;  // items of a given history; of excluded ones, too

struct Bundle;    // bundle.h
class Erasures;   // live/erasures.h
class LiveUsers;  // live_users.h

struct RecommendRequest {
  std::optional<std::string> user;   // none, or one that was never seen: a stranger
  std::vector<std::string> history;  // item ids, oldest first; if not empty, it is all that counts
  int k = 10;
  std::map<std::string, std::string> context;  // device = tablet, …; only known keys matter
  std::vector<std::string> exclude;            // item ids never to be listed
  Wishes wishes{};
  bool reasons = false;  // whether each item says what adds most to its score
  // How long each model may take, in microseconds: the segment's own, then general, then what finds
  // the reasons. After that popularity answers.
  std::optional<Time> patience{};
};

// What adds most to an item's score.
struct ItemReason {
  // A stable word: "taken_again", "follows", "similar_taste", "content", "popular", "trending",
  // "new", "boosted", "pinned"; "other" where nothing adds anything.
  std::string kind;
  std::string text;       // in words
  std::string item;       // what it follows; "" where that is not one item
  std::string component;  // the model's family; "" where that is none
  double share = 0;       // of all that is added to its score, in (0, 1]; 0: nothing is
};

struct RecommendedItem {
  std::string item;
  // Of the model that made the list, with what boosts add; comparable within it only. NaN for a
  // pinned item that no model may list.
  double score = 0;
  std::string reason;               // in words: "bought again every 20 days"
  std::optional<ItemReason> why{};  // where the request asked for it
};

struct RecommendAnswer {
  std::string user;  // "" for nobody
  std::vector<RecommendedItem> items;
  std::string segment;
  std::string route;
  std::string model_version;
  // Why another than the one meant answered, general if it can: "model_unavailable" (it could not
  // be loaded; see SegmentInfo), "model_failed" (it threw, or gave scores that are no numbers),
  // "model_late" (it took longer than the request's patience), "model_empty" (it would list
  // nothing), "breaker_open"; or "general_failed", "general_late": then popularity did.
  std::optional<std::string> fallback;
  Arm arm = Arm::none;                 // none where the segment is on general anyway
  std::optional<ModelAnswer> model{};  // what the segment's own model did, if it was asked
};

// Who answers, asked once the segment is known and found to have a model of its own that can be
// used. Called from any thread.
using ChooseArm = std::function<ArmChoice(const std::string& segment)>;

struct SimilarAnswer {
  std::string item;
  std::vector<RecommendedItem> items;
  std::string model;  // the component that knows
  std::string model_version;
};

struct SegmentInfo {
  std::string name;
  std::string route;
  std::string model;
  std::size_t users = 0;    // of the bundle's own users
  std::string unavailable;  // why its model cannot be used, "" if it can
};

struct BundleInfo {
  std::string path;
  std::string model_version;
  std::string sartor_version;
  std::string metric;
  Time as_of = 0;
  std::size_t users = 0;
  std::size_t items = 0;
  std::size_t eligible_items = 0;
  std::uint64_t events_next = 1;      // the first event of the workspace's log that is not in it
  std::size_t erased = 0;             // how many erasures of the workspace its run knew
  std::string general;                // the name of the general model
  std::vector<SegmentInfo> segments;  // in the segmentation's order
  std::vector<std::pair<std::string, std::string>> models;  // name, family
};

struct UserInfo {
  std::string user;
  std::string segment;
  std::string route;
  std::size_t history = 0;
  std::vector<std::pair<std::string, Time>> latest;           // items taken, latest first
  std::vector<std::pair<std::string, std::string>> features;  // name, value as text
};

// Users and items of a bundle, evenly spread over its ids: what a check may ask about.
struct Sample {
  std::vector<std::string> users;
  std::vector<std::string> items;
};

// Immutable but for learn() and forget(); safe to use from any number of threads at once.
class Recommender {
 public:
  // Checks every sum of the manifest first. Fails with `not_found` if there is no bundle, and with
  // `bad_data` if it is not whole or holds what cannot be served. A segment whose model cannot be
  // loaded is served by general, and says so.
  static Result<std::shared_ptr<Recommender>> open(const std::string& folder);
  // Serves a bundle that is in memory already.
  static std::shared_ptr<Recommender> of(std::unique_ptr<const Bundle> bundle);
  ~Recommender();

  // Whether popularity and what is taken together are as of now, with new items (LiveTaken), or as
  // of the bundle; they follow unless told otherwise. Before it is shared with other threads.
  void follow_stream(bool follows) { follows_stream_ = follows; }

  // Takes in events that the bundle does not have, each once, in any order: from here on they are
  // part of their users' histories (see visitor_of), also of users never seen before, and of what
  // is popular and taken together (LiveTaken). Fails with `config` if it cannot be told which are
  // successes; then none counts.
  Status learn(std::span<const StoredEvent> events);

  // Items seen before the bundle's moment, and new ones (LiveTaken) at the place that their
  // popularity among the others gives them, with the score of the item before; without the excluded
  // and, unless repeats count, without those of the history that counts; the best first, equal
  // scores by ascending item id; as the wishes have it. New items have no attributes and no place
  // among pins: with a filter or pins none is listed. All of the catalogue is scored, so a filter
  // gives k items if there are k. Unknown ids in history and exclude are ignored. Without `choose`
  // everybody is answered by their segment's model, if it can. Fails with `invalid_argument` only
  // where k or the lists are out of range, or a wish names what the bundle does not have: then the
  // message begins with a JSON pointer into the body of a request, "/filter/price: …".
  Result<RecommendAnswer> recommend(const RecommendRequest& request,
                                    const ChooseArm& choose = {}) const;

  // From here on `user`, whom `erasures` has, is somebody never seen, as far as it says so: what
  // the bundle knows of them is masked, and events before it are forgotten, also those that are
  // learned later. Bundles are opened with the erasures of their workspace.
  void forget(const std::string& user, std::shared_ptr<const Erasures> erasures);

  // How much each event counts as a success, 0: it is none. Fails as learn().
  Result<std::vector<float>> weigh(std::span<const StoredEvent> events) const;

  // What people take who take `item`: by the bundle's model, and the more the stream tells of it,
  // by what they took together since (similar.h). Fails with `not_found` if neither knows the item.
  Result<SimilarAnswer> similar_items(const std::string& item, int k) const;

  // With the latest `latest` items taken. Fails with `not_found` if neither the bundle nor an event
  // since knows the user.
  Result<UserInfo> user(const std::string& id, std::size_t latest = 20) const;

  const BundleInfo& info() const;

  // At most `most` of each.
  Sample sample(std::size_t most) const;

 private:
  explicit Recommender(std::unique_ptr<const Bundle> bundle);
  std::unique_ptr<const Bundle> bundle_;
  std::unique_ptr<LiveUsers> live_;
  bool follows_stream_ = true;
};

// The one form of answers, for the CLI and HTTP. A null exposure is left out.
Json answer_json(const RecommendAnswer& answer, const std::string* exposure = nullptr);
Json answer_json(const SimilarAnswer& answer);
Json info_json(const BundleInfo& info);      // of /v1/models
Json segments_json(const BundleInfo& info);  // of /v1/segments
Json user_json(const UserInfo& user);

}  // namespace sartor
