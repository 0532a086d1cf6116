#include "sartor/tuning/component_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "sartor/models/registry.h"
#include "sartor/tuning/halving.h"
#include "sartor/tuning/sampler.h"

namespace sartor {
namespace {

constexpr double kReach = 8;     // either way on a logarithmic scale
constexpr double kAbove = 4;     // times what is there, on a linear one
constexpr double kNarrow = 100;  // a linear range that is searched as a whole
constexpr const char* kComponent = "component";

// Whether a run's fit of the family takes the parameter: EASE and item k-NN share a Gram matrix.
bool is_open(const std::string& family, const std::string& key) {
  if (key == "half_life_days") return false;
  if (family == "ease") return key == "regularization";
  if (family == "item_knn") return key == "shrinkage" || key == "neighbours";
  return true;
}

struct OpenParameter {
  ComponentRange range;
  double now = 0;
};

std::vector<OpenParameter> open_parameters(const VariantSpec& spec) {
  std::vector<OpenParameter> open;
  const auto family = find_family(spec.family);
  if (!family || (*family)->fit == nullptr) return open;
  for (const Json& field : (*family)->fields()) {
    const std::string key = field.at("name");
    const Json& standard = field.at("default");
    if (field.at("scale") == "fixed" || !standard.is_number() || !is_open(spec.family, key))
      continue;
    const auto found = spec.parameters.find(key);
    const double now = found == spec.parameters.end() ? standard.get<double>() : found->second;
    const double low = field.at("low");
    const double high = field.at("high");
    ComponentRange range{.slot = spec.slot,
                         .key = key,
                         .low = low,
                         .high = high,
                         .log = field.at("scale") == "log",
                         .whole = standard.is_number_integer()};
    if (range.log) {
      range.low = std::max(low, now / kReach);
      range.high = std::min(high, now * kReach);
    } else if (high - low > kNarrow) {
      range.high = std::min(high, std::max(low + 1, kAbove * now));
    }
    if (range.whole) {
      range.low = std::ceil(range.low);
      range.high = std::floor(range.high);
    }
    if (range.low < range.high) open.push_back({std::move(range), now});
  }
  return open;
}

// A rung of the search, from the log as far as that knows it.
class Rung {
 public:
  Rung(const ComponentSpace& space, const ComponentSearchOptions& options,
       const JudgeComponent& judge, int rung)
      : space_(space), options_(options), judge_(judge), rung_(rung) {
    options_.study.fold = rung;
    if (options_.log != nullptr) known_ = options_.log->of(options_.study);
  }

  Result<ComponentTrial> measure(const Point& point) {
    ComponentTrial trial{.variant = space_.variant_of(point), .rung = rung_};
    BlendTrial logged;
    logged.point.choice = {space_.slot_of(point)};
    for (std::size_t i = 0; i < point.size(); ++i) {
      const bool there = space_.space().exists(i, point);
      logged.point.weight.push_back(there ? static_cast<float>(point[i]) : 0.0f);
    }
    const bool known = at_ < known_.size() && known_[at_].point == logged.point;
    if (known) {
      logged.value = known_[at_].value;
    } else {
      auto value = judge_(space_.slot_of(point), trial.variant, rung_);
      if (!value && value.error().code != ErrorCode::invalid_argument) return value.error();
      logged.value = value ? *value : kFailed;
      if (options_.log != nullptr) SARTOR_TRY(options_.log->add(options_.study, logged));
    }
    ++at_;
    trial.failed = logged.value == kFailed;
    trial.value = trial.failed ? 0 : logged.value;
    return trial;
  }

 private:
  static constexpr double kFailed = -1;  // a metric is 0 or more

  const ComponentSpace& space_;
  ComponentSearchOptions options_;
  const JudgeComponent& judge_;
  int rung_;
  std::vector<BlendTrial> known_;
  std::size_t at_ = 0;
};

}  // namespace

Result<ComponentSpace> ComponentSpace::make(std::span<const VariantSpec> present) {
  std::vector<std::size_t> slots;
  std::vector<std::string> names;
  std::vector<OpenParameter> all;
  for (std::size_t s = 0; s < present.size(); ++s) {
    std::vector<OpenParameter> open = open_parameters(present[s]);
    if (open.empty()) continue;
    slots.push_back(s);
    names.push_back(present[s].slot);
    for (OpenParameter& one : open) all.push_back(std::move(one));
  }
  std::vector<Parameter> parameters = {Parameter::categorical(kComponent, std::move(names))};
  for (const OpenParameter& one : all) {
    const ComponentRange& range = one.range;
    const std::string name = range.slot + "." + range.key;
    const Scale scale = range.log ? Scale::log : Scale::linear;
    const Parameter parameter = range.whole ? Parameter::integer(name, range.low, range.high, scale)
                                            : Parameter::real(name, range.low, range.high, scale);
    parameters.push_back(parameter.only_if(kComponent, range.slot));
  }
  SARTOR_ASSIGN(SearchSpace space, SearchSpace::make(std::move(parameters)));
  ComponentSpace made(std::move(space), present);
  made.slots_ = std::move(slots);
  for (const OpenParameter& one : all) {
    made.ranges_.push_back(one.range);
    made.now_.push_back(std::clamp(one.now, one.range.low, one.range.high));
  }
  return made;
}

std::size_t ComponentSpace::slot_of(const Point& point) const {
  return slots_[static_cast<std::size_t>(point[0])];
}

VariantSpec ComponentSpace::variant_of(const Point& point) const {
  VariantSpec spec = variants_[slot_of(point)];
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].slot == spec.slot) spec.parameters[ranges_[i].key] = point[i + 1];
  }
  return spec;
}

Point ComponentSpace::present(std::size_t choice) const {
  Point point(space_.size(), kAbsent);
  point[0] = static_cast<double>(choice);
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (space_.exists(i + 1, point)) point[i + 1] = now_[i];
  }
  return point;
}

Result<std::vector<ComponentTrial>> search_components(const ComponentSpace& space,
                                                      const ComponentSearchOptions& options,
                                                      const JudgeComponent& judge,
                                                      const Resources& resources) {
  const std::string sampler = options.sampler == "coordinate" ? "tpe" : options.sampler;
  SARTOR_ASSIGN(const auto chooser,
                make_sampler(space.space(), {.sampler = sampler,
                                             .trials = static_cast<int>(options.trials),
                                             .seed = options.seed}));
  std::vector<ComponentTrial> trials;
  std::vector<Trial> history;  // the lower the better
  std::vector<double> losses;
  std::map<std::string, double> now;  // of what is there, by slot
  Rung first(space, options, judge, 0);
  const std::size_t planned = std::max(options.trials, space.slots().size());
  while (history.size() < planned) {
    if (resources.is_cancelled()) return Error{ErrorCode::cancelled, "cancelled"};
    const std::size_t t = history.size();
    const Point point = t < space.slots().size() ? space.present(t) : chooser->suggest(history);
    SARTOR_ASSIGN(ComponentTrial trial, first.measure(point));
    const double before = now.emplace(trial.variant.slot, trial.value).first->second;
    if (!trial.failed) trial.value -= before;
    losses.push_back(trial.failed ? std::numeric_limits<double>::infinity() : -trial.value);
    history.push_back({point, losses.back()});
    trials.push_back(std::move(trial));
    resources.advance();
  }
  Rung second(space, options, judge, 1);
  now.clear();
  for (const std::size_t t : halving_survivors(losses, options.factor)) {
    if (losses[t] >= 0) continue;
    const std::string& slot = trials[t].variant.slot;
    if (!now.contains(slot)) {
      const auto choice = static_cast<std::size_t>(history[t].point[0]);
      SARTOR_ASSIGN(const ComponentTrial present, second.measure(space.present(choice)));
      now[slot] = present.value;
    }
    SARTOR_ASSIGN(ComponentTrial trial, second.measure(history[t].point));
    if (!trial.failed) trial.value -= now[slot];
    trials.push_back(std::move(trial));
    resources.advance();
  }
  return trials;
}

std::vector<VariantSpec> better_components(std::span<const ComponentTrial> trials) {
  std::map<std::string, ComponentTrial> best;  // by slot
  for (const ComponentTrial& trial : trials) {
    if (trial.rung != 1 || trial.value <= 0) continue;
    const auto [at, is_new] = best.emplace(trial.variant.slot, trial);
    if (!is_new && trial.value > at->second.value) at->second = trial;
  }
  std::vector<VariantSpec> variants;
  for (const auto& [slot, trial] : best) variants.push_back(trial.variant);
  return variants;
}

}  // namespace sartor
