// Searches the hyper-parameters of a blend's components, a component a trial, under one budget:
// which component is a category, and its family's parameters exist only with it. Successive halving
// (halving.h): every trial is judged on part of the data, the best third on all of it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/tuning/search_space.h"
#include "sartor/tuning/variants.h"

namespace sartor {

// What a blend gains by another variant in one of its slots.
struct ComponentTrial {
  VariantSpec variant;
  int rung = 0;
  bool failed = false;  // the variant could not be fitted
  double value = 0;     // mean gain over what is there now, on the same rung; 0 where it failed

  bool operator==(const ComponentTrial&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"variant", &ComponentTrial::variant, "that was tried in its slot"},
        Field{"rung", &ComponentTrial::rung, "0: on part of the data; 1: on all of it"},
        Field{"failed", &ComponentTrial::failed, "whether it could not be fitted"},
        Field{"value", &ComponentTrial::value, "what the blend gains by it"});
  }
};

// A parameter of a component: its range.
struct ComponentRange {
  std::string slot;
  std::string key;
  double low = 0;
  double high = 1;
  bool log = false;
  bool whole = false;  // numbers

  static constexpr auto fields() {
    return std::make_tuple(Field{"slot", &ComponentRange::slot, "of the component"},
                           Field{"key", &ComponentRange::key, "of the family's config"},
                           Field{"low", &ComponentRange::low, "the least"},
                           Field{"high", &ComponentRange::high, "the most"},
                           Field{"log", &ComponentRange::log, "whether its scale is logarithmic"},
                           Field{"whole", &ComponentRange::whole, "numbers only"});
  }
};

class ComponentSpace {
 public:
  // `present` has a variant per slot. What is searched are the numbers in the families' fields()
  // that have a scale, but half-lives of histories, which are variants that cost nothing: a factor
  // of 8 either way on a logarithmic scale, else from the least to four times what is there; within
  // the field's range. What comes from a Gram matrix has what that leaves open. Fails with `config`
  // if there is nothing to search.
  static Result<ComponentSpace> make(std::span<const VariantSpec> present);

  const SearchSpace& space() const { return space_; }
  const std::vector<ComponentRange>& ranges() const { return ranges_; }
  // Positions in `present` of the slots that are searched; a category's choices are these.
  const std::vector<std::size_t>& slots() const { return slots_; }

  std::size_t slot_of(const Point& point) const;
  VariantSpec variant_of(const Point& point) const;
  // What is there now, in the space.
  Point present(std::size_t choice) const;

 private:
  ComponentSpace(SearchSpace space, std::span<const VariantSpec> variants)
      : space_(std::move(space)), variants_(variants.begin(), variants.end()) {}

  SearchSpace space_;
  std::vector<VariantSpec> variants_;
  std::vector<std::size_t> slots_;
  std::vector<ComponentRange> ranges_;  // of space_[1], space_[2], …
  std::vector<double> now_;             // likewise
};

struct ComponentSearchOptions {
  std::size_t trials = 30;  // of rung 0
  double factor = 3;        // one of so many goes on
  std::string sampler = "tpe";
  std::uint64_t seed = 1;
  TrialLog* log = nullptr;
  StudyKey study;  // there
};

// The value of the blend with this variant in `slot`. `invalid_argument`: it cannot be fitted.
using JudgeComponent =
    std::function<Result<double>(std::size_t slot, const VariantSpec& variant, int rung)>;

// What is there now, slot by slot, is tried first, however few the trials: a component on part of
// the data is compared with the same component there. Of the best third those with a gain go on to
// rung
// 1. Depends on the arguments alone, not on what the log knows already.
Result<std::vector<ComponentTrial>> search_components(const ComponentSpace& space,
                                                      const ComponentSearchOptions& options,
                                                      const JudgeComponent& judge,
                                                      const Resources& resources);

// Of each slot the best on all the data, where it has a gain there.
std::vector<VariantSpec> better_components(std::span<const ComponentTrial> trials);

}  // namespace sartor
