// Successive halving: many trials begin with a small budget (epochs, rows, trees), and only the
// best of them go on to a larger one.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/result.h"

namespace sartor {

struct HalvingConfig {
  double least = 1;   // the budget of rung 0
  double most = 27;   // of the last rung
  double factor = 3;  // from rung to rung; one trial in so many goes on

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"least", &HalvingConfig::least, 1e-9, 1e12, Scale::fixed, "the first rung's budget"},
        Field{"most", &HalvingConfig::most, 1e-9, 1e12, Scale::fixed, "the last rung's"},
        Field{"factor", &HalvingConfig::factor, 1.5, 100, Scale::fixed,
              "from rung to rung; one trial in so many goes on"});
  }
};

// Budgets of the rungs: least, least factor, least factor^2, … below `most`, and `most`. Fails with
// `config` if a number is out of range or `least` is above `most`.
Result<std::vector<double>> rung_budgets(const HalvingConfig& config);

// Synchronous halving (Jamieson and Talwalkar, AISTATS 2016): of a rung whose trials are all
// measured, the floor(n / factor) with the least values, at least one, best first; earlier ones
// first among equals. What is not finite has failed and never goes on, so there may be fewer.
std::vector<std::size_t> halving_survivors(std::span<const double> values, double factor);

// A trial's value at each rung that it has reached, from rung 0.
using RungValues = std::vector<double>;

// Asynchronous halving (ASHA; Li and others, MLSys 2020, algorithm 2): the trial that may go on
// now, though rungs are not full. From the last rung but one downwards: among the values of a rung,
// the best that is one of its floor(n / factor) best and has not gone on.
struct Promotion {
  std::size_t trial = 0;
  std::size_t rung = 0;  // that it is to be measured at
  bool operator==(const Promotion&) const = default;
};
// None: begin a new trial at rung 0. `rungs` is how many there are.
std::optional<Promotion> next_promotion(std::span<const RungValues> trials, std::size_t rungs,
                                        double factor);

}  // namespace sartor
