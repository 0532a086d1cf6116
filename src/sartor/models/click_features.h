// What is known of an impression at its moment: rows for a model of P(click | user, item, context).
//
// One pass over the log in time order. A row is written from what happened strictly before its
// moment; only then the moment's own events are added. So nothing of an impression's outcome is in
// its row, impressions of one moment do not see each other, and a dwell is known once its last
// second has passed, not when it begins. Untimed events lie before every moment.
#pragma once

#include <cstdint>
#include <limits>
#include <queue>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/result.h"
#include "sartor/data/dataset.h"
#include "sartor/models/trees.h"

namespace sartor {

struct ClickConfig {
  static constexpr std::string_view kFamily = "clicks";

  std::vector<std::string> types;
  double click_hours = 0;
  std::vector<std::string> scenarios;
  std::string position;
  double position_reference = 1;
  double session_minutes = 30;
  double held_out = 0.15;
  int patience = 50;
  bool calibrate = false;
  TreesConfig trees = {.objective = "binary",
                       .rounds = 1000,
                       .learning_rate = 0.05,
                       .leaves = 31,
                       .feature_share = 0.5};

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"types", &ClickConfig::types, "of events that say: was shown; all if empty"},
        Field{"click_hours", &ClickConfig::click_hours, 0, 1e4, Scale::fixed,
              "0: a positive event is an impression that was clicked; else positives are events of "
              "their own, and belong to the same user's last impression of the item within so many "
              "hours"},
        Field{"scenarios", &ClickConfig::scenarios,
              "context keys to keep rates by; if empty, all but the position that are words or "
              "have few values"},
        Field{"position", &ClickConfig::position,
              "the context key that says where on the list an impression stood"},
        Field{"position_reference", &ClickConfig::position_reference, 0, 1e6, Scale::fixed,
              "the position that every item is thought to stand at when items are ranked"},
        Field{"session_minutes", &ClickConfig::session_minutes, 0.1, 1e5, Scale::fixed,
              "silence that ends a session"},
        Field{"held_out", &ClickConfig::held_out, 0.01, 0.9, Scale::fixed,
              "the latest share of the impressions: where fitting stops"},
        Field{"patience", &ClickConfig::patience, 1, 10000, Scale::fixed,
              "trees without a better logloss there after which fitting stops"},
        Field{"calibrate", &ClickConfig::calibrate,
              "scale and shift the log-odds to what was clicked there (Platt)"},
        Field{"trees", &ClickConfig::trees, "gradient boosted trees"});
  }
};

// `context`: one value per context column of the dataset; a code where the column is text. Missing
// is kMissingFact.
struct Impression {
  UserId user;  // kNoUser, or beyond the vocabulary: a stranger
  ItemId item;
  Time time;
  std::span<const float> context;
};

inline constexpr float kMissingFact = -1e9f;  // trees here know no NaN

// What the log says up to a moment. Not safe to use from several threads while events are added.
// The dataset must outlive it.
class ClickState {
 public:
  // Knows the untimed events. Fails with `config` if a setting names what the log does not have.
  static Result<ClickState> make(const Dataset& data, const ClickConfig& config);

  // Of the row's columns: docs/models.md says what each is.
  const std::vector<std::string>& names() const { return names_; }
  // Appends the row of an impression at or after every event that was added. A dwell counts if
  // advance() came to its end.
  void write(const Impression& impression, std::vector<float>& out) const;
  // What takes time is known up to `moment`, exclusive.
  void advance(Time moment);
  // Adds the timed events [begin, end) of the dataset, all of one moment.
  void add_moment(std::size_t begin, std::size_t end);

  bool is_shown(std::size_t event) const;
  Impression impression_of(std::size_t event) const;
  // The impressions (events) that the moment added last clicked.
  std::span<const std::uint32_t> clicked() const { return clicked_; }

 private:
  struct Rate {
    double clicks = 0;
    double shown = 0;
    double excess = 0;  // clicks less those expected

    double shrunk(double prior, double weight) const {
      return (clicks + weight * prior) / (shown + weight);
    }
    double lift(double weight) const { return excess / (shown + weight); }
  };
  struct Decayed {
    double clicks = 0;
    double shown = 0;
    Time at = 0;
    Decayed as_of(Time time, double half_life_days) const;
  };
  struct Recent {  // exponentially weighted by impression, not by time
    double clicks = 0;
    double shown = 0;
  };
  struct Dwell {
    double sum = 0;  // of log(1 + seconds)
    double n = 0;
    double last = -1;
    double shrunk(const Dwell& all, double weight) const;
  };
  // Of a user or an item.
  struct Party {
    Rate rate;
    Decayed lately;
    Recent fast, slow;
    Dwell dwell;
    Time first = kUntimed, last = kUntimed;  // moments of impressions; kUntimed: none
    double session_shown = 0, session_clicks = 0;
    std::vector<float> early;  // untimed events by type
    double early_all = 0;
  };
  struct Key {
    std::uint32_t kind, a, b;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };
  // A fact of items that rates are kept by: a word, or the tenth of the catalogue a number is in.
  struct Facet {
    std::string name;
    std::vector<std::uint32_t> code;  // per item
  };
  struct Direct {  // an attribute as it is
    std::string name;
    std::vector<float> value;
  };
  // The rates to expect of an impression before its outcome.
  struct Outlook {
    double all = 0, scenario = 0;
    double user_lift = 0;
    double by_item = 0;  // from the item in this scenario: what the user's lift is measured against
    double by_user = 0;  // from the user: what lifts of items and facets are measured against
  };
  struct KnownLater {
    Time at;
    std::uint32_t event;
    bool operator>(const KnownLater& other) const {
      return std::tie(at, event) > std::tie(other.at, other.event);
    }
  };

  explicit ClickState(const Dataset& data, const ClickConfig& config)
      : data_(&data), config_(config) {}
  Status read_columns();
  void read_attributes();
  void read_untimed();
  void make_names();
  const Party& user(UserId id) const;
  const Party& item(ItemId id) const;
  Rate find(std::uint32_t kind, std::uint32_t a, std::uint32_t b) const;
  std::uint32_t facet_code(std::size_t facet, ItemId item) const;
  Outlook outlook(const Impression& impression) const;
  void count(const Impression& impression, const Outlook& outlook, double shown, double clicks);
  void count_click(std::size_t event);
  void see(Party& party, Time time, double half_life, double shown, double clicks) const;
  void write_parties(const Impression&, const Outlook&, std::vector<float>& out) const;
  void write_crosses(const Impression&, const Outlook&, std::vector<float>& out) const;
  void write_early(const Impression&, std::vector<float>& out) const;

  const Dataset* data_;
  ClickConfig config_;
  std::vector<std::string> names_;
  std::vector<bool> shown_type_;
  std::size_t columns_ = 0;            // context columns
  std::vector<float> context_;         // events x columns_
  std::vector<std::size_t> scenario_;  // context columns that rates are kept by
  std::vector<Facet> facets_;
  std::vector<Direct> user_facts_, item_facts_;
  std::vector<Party> users_, items_;
  std::vector<std::uint16_t> early_types_;
  std::vector<double> early_share_;  // of all untimed events, per early type
  Rate all_;
  Decayed all_lately_;
  Dwell all_dwell_;
  std::unordered_map<Key, Rate, HashKey> rates_;
  std::unordered_map<Key, float, HashKey> early_;       // user x category, user x item
  std::unordered_map<Key, std::uint32_t, HashKey> at_;  // user x item: the last impression
  std::priority_queue<KnownLater, std::vector<KnownLater>, std::greater<>> dwells_;
  std::vector<std::uint32_t> clicked_;
};

// The impressions of a log before a moment, in its order, with their rows.
struct ClickRows {
  std::vector<std::string> names;
  std::vector<float> x;              // rows x names
  std::vector<std::uint32_t> event;  // of the dataset
  std::vector<Time> time;
  std::vector<Time> clicked;  // when it was clicked; max() if it was not

  std::size_t rows() const { return event.size(); }
  std::span<const float> row(std::size_t r) const {
    return std::span(x).subspan(r * names.size(), names.size());
  }
  // Whether row r had been clicked before `moment`.
  bool clicked_before(std::size_t r, Time moment) const { return clicked[r] < moment; }
  std::size_t column(const std::string& name) const;  // names.size() if there is none
};

// Linear in the events. Fails as ClickState::make does.
Result<ClickRows> click_rows(const Dataset& data, const ClickConfig& config, Time until);

}  // namespace sartor
