// Due again: when will a user take an item of the own history once more?
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct DueAgainConfig {
  static constexpr std::string_view kFamily = "due_again";

  double half_life_days = 180;
  double item_half_life_days = kNoDecayDays;
  double horizon_days = 7;
  int rounds = 4;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"half_life_days", &DueAgainConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log,
              "days until a user's past intervals count half as evidence; 3650: they always count"},
        Field{"item_half_life_days", &DueAgainConfig::item_half_life_days, kShortestHalfLife,
              kNoDecayDays, Scale::log, "the same for what everybody's intervals say of an item"},
        Field{"horizon_days", &DueAgainConfig::horizon_days, 0.25, 3650, Scale::log,
              "days ahead in which the item may be taken again"},
        Field{"rounds", &DueAgainConfig::rounds, 1, 100, Scale::fixed,
              "of expectation maximisation"});
  }
};

// A renewal process with a piecewise constant hazard and gamma frailties. After user u took item i,
// it is taken again t days later with the hazard
//     m_u m_i m_ui h(t),     m ~ Gamma(shape, shape) each
// h is shared by all: the shape of repeat intervals over days since the last taking, in bins a
// factor sqrt(2) apart. m_u, m_i and m_ui say how much oftener this user, this item and this user
// with this item repeat. With k repeats observed where L were expected (the integrated hazard of
// all intervals so far, the one still open included, so that items nobody takes twice are known as
// such; scaled so that all together expect what was observed), each m has the posterior mean
// (k + shape) / (L + shape). Fitted by expectation
// maximisation (Klein, Biometrics 1992), the shapes by the marginal likelihood. As the
// Poisson-gamma model of Bhagat et al. ("Buy It Again", KDD 2018), but that time passes unevenly:
// by h, which they approximate by a bend at the mean interval.
//     score = 1 - exp(-m_u m_i m_ui (H(t + horizon) - H(t))),  H the integral of h
// the probability of taking it again within the horizon; 0 for what the user never took. The user's
// own k and L are those of the query's history, halved for every half-life since a repeat, or since
// the middle of an interval. Takings of an item within half a day are one; untimed interactions are
// as old as the user's oldest timed one. Without a history: the item's popularity, between 0 and 1.
Result<ModelPtr> fit_due_again(const FitInput& input, const DueAgainConfig& config,
                               const Resources& resources);
Result<ModelPtr> load_due_again(const TensorFile& file);

}  // namespace sartor
