// How much true values differ from each other, or from 0, beyond the noise of their estimates; and
// the interval of a rate that was counted.
#pragma once

#include <cstddef>
#include <span>

#include "sartor/stats/paired.h"

namespace sartor {

// The standard deviation of true values around 0, each estimated with a known variance.
struct Movement {
  double tau = 0;   // moment estimate; 0 where the noise explains all
  double low = 0;   // of its 95 % interval
  double high = 0;  // likewise; infinite if there are no estimates
  double q = 0;  // sum y^2 / v; about chi-square with as many degrees of freedom if nothing moved
};

// DerSimonian and Laird's moment estimate with the mean known to be 0, and the interval of tau by
// Viechtbauer's Q profile. Every v > 0.
Movement movement_around_zero(std::span<const double> estimates, std::span<const double> v);

// Wilson's score interval, 95 %, of `count` out of `n` > 0.
Bounds rate_interval(std::size_t count, std::size_t n);

}  // namespace sartor
