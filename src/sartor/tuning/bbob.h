// The 24 noiseless functions on which black-box optimisers are compared: Hansen, Finck, Ros and
// Auger, "Real-parameter black-box optimization benchmarking 2009: noiseless functions
// definitions", INRIA RR-6829. Names below are the report's: T_osz, T_asy, Lambda, f_pen.
//
// The instances (where the optimum lies, how the axes turn) are those of the COCO platform, so that
// values agree with its `cocoex` package (tests/reference/bbob.py).
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

inline constexpr int kBbobFunctions = 24;
inline constexpr double kBbobBound = 5;  // the domain is [-5, 5] in every coordinate

// What the random numbers of an instance decide.
struct BbobInstance;

// One function to be minimised. Const and free of caches: threads may share it.
class BbobFunction {
 public:
  // `function` 1 to 24, `dimension` 2 to 100, `instance` 1 to 10,000; else fails with `config`.
  static Result<BbobFunction> make(int function, std::size_t dimension, int instance);

  // The value at x (`dimension` numbers); defined outside the domain too.
  double operator()(std::span<const double> x) const;
  double optimum() const;                   // the least value
  std::span<const double> minimum() const;  // where it is taken
  std::string_view name() const;

 private:
  std::shared_ptr<const BbobInstance> instance_;
};

}  // namespace sartor
