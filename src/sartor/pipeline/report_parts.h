// What report.cc and the files with its sections share. Nothing here is for others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/pipeline/report_html.h"

namespace sartor::report {

// One comparison with the general model in one window. Gains and their bounds are relative to
// general's mean, and absent where that is 0.
struct Comparison {
  std::optional<double> general;
  std::optional<double> chosen;
  std::optional<double> difference;
  std::optional<double> gain;
  std::optional<double> low;
  std::optional<double> high;
  std::optional<double> users;
};

struct Segment {
  std::string name;
  std::optional<double> users;
  std::optional<double> share;
  std::string adaptation;
  std::string family;
  std::string candidate;  // its label
  bool adapted = false;
  std::string reason;
  std::optional<double> p;  // absent where it was not tested on confirm
  std::optional<double> threshold;
  std::optional<double> smallest;  // the smallest provable effect, relative
  std::optional<double> shrunk;
  bool promising = false;  // not proved, but it passes at q = .2 (PROOF 4)
  struct Guard {
    std::string metric;
    std::optional<double> margin;
    std::optional<double> gain;
    std::optional<double> p;
    bool passed = false;
  };
  std::vector<Guard> guards;
  Comparison confirm;
  Comparison test;
};

// The run's JSON with what several sections need taken out of it.
struct Report {
  const Json& summary;
  const Json& details;
  std::string name{};
  std::string metric{};
  std::vector<Segment> segments{};  // the adapted first, then by size
  std::optional<double> min_gain{};
  Comparison overall_confirm{};
  Comparison overall_test{};

  std::vector<const Segment*> adapted() const;
  std::vector<const Segment*> tested() const;
};

Report read_report(const Json& summary, const Json& details);

// The gain of the winners of all tested segments, pooled over their users on confirm.
std::optional<double> pooled_gain(const Report& report);
// The gain to expect live: sum of share and shrunk gain over the adapted segments.
std::optional<double> expected_gain(const Report& report);
// Users on confirm for whom an effect `target` could be proved, from one whose smallest provable
// effect is known: it falls with the square root of the users, down to min_gain.
std::optional<double> users_needed(const Report& report, const Segment& segment, double target);

// What the test window says about what confirm decided; "" where it agrees or there is none.
enum class Agreement { unknown, agrees, weaker, opposite, contradicts };
Agreement agreement(const Segment& segment);
const char* agreement_words(Agreement agreement);

std::string reason_words(const std::string& reason);
std::string adaptation_words(const std::string& adaptation);
std::string warning_words(const std::string& code);
Markup badge(const Segment& segment);

// Colours and shapes of segments: the pair is unique for the first 56.
struct Look {
  int colour;  // class c0 to c7
  int shape;   // 0 to 6
};
Look look_of(const Report& report, std::string_view segment);
Markup swatch(Look look);
// A mark as an SVG path around (x, y), about 2 r wide.
std::string mark_path(int shape, double x, double y, double r);

// The sections, in the page's order. Empty where there is nothing to show.
Markup verdict_section(const Report&);
Markup segments_section(const Report&);
Markup people_section(const Report&);
Markup general_section(const Report&);
Markup tried_section(const Report&);
Markup data_section(const Report&);
Markup split_section(const Report&);
Markup timings_section(const Report&);
Markup definitions_section(const Report&);
Markup replay_section(const Report&);

Markup forest_plot(const Report&);
Markup user_map(const Report&);
Markup segment_tree(const Report&);
Markup tuning_curves(const Report&);
std::string_view style();

}  // namespace sartor::report
