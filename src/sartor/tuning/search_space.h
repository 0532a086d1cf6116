// What may be tuned: named parameters with range and scale, some of which exist only where another
// has a given value. Made by hand, or from the list of a config struct's fields (base/fields.h).
//
//   std::vector<Parameter> parameters = {
//       Parameter::categorical("solver", {"cg", "cholesky"}),
//       Parameter::integer("cg_steps", 1, 20, Scale::log).only_if("solver", "cg")};
//   append(parameters, parameters_of<EaseConfig>("ease."));
//   SARTOR_ASSIGN(const auto space, SearchSpace::make(std::move(parameters)));
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/result.h"

namespace sartor {

enum class ParameterKind { real, integer, categorical };

struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::real;
  double low = 0;  // both ends belong to the range
  double high = 1;
  Scale scale = Scale::linear;       // linear or log
  std::vector<std::string> choices;  // of a categorical parameter
  std::string parent;                // "": always there
  std::string parent_choice;         // the parent's choice where this parameter exists

  static Parameter real(std::string name, double low, double high, Scale scale = Scale::linear);
  static Parameter integer(std::string name, double low, double high, Scale scale = Scale::linear);
  static Parameter categorical(std::string name, std::vector<std::string> choices);

  // The same, but there only where the categorical parameter `parent_name` has the value `choice`.
  Parameter only_if(std::string parent_name, std::string choice) const;
};

// One value per parameter of the space: a number, the index of a choice, or kAbsent where the
// parameter does not exist.
using Point = std::vector<double>;
inline constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
inline bool is_absent(double value) { return std::isnan(value); }

// Immutable; threads may share it.
class SearchSpace {
 public:
  // Fails with `config`, naming the parameter, for: no parameters; an empty or repeated name; a
  // bound that is not finite, or not below the other; a log scale that reaches 0; an integer's
  // bound with a fraction; no choices, or equal ones; a parent that is not a categorical parameter
  // earlier in the list, or has no such choice.
  static Result<SearchSpace> make(std::vector<Parameter> parameters);

  std::size_t size() const { return parameters_.size(); }
  std::span<const Parameter> parameters() const { return parameters_; }
  const Parameter& operator[](std::size_t i) const { return parameters_[i]; }

  // Whether parameter `i` exists, given the values of those before it.
  bool exists(std::size_t i, std::span<const double> point) const;

  // The value at share u in [0, 1) of a parameter's range, on its scale; each whole number and each
  // choice has an equal part on the linear scale. A real one takes u = 1 too.
  double value_at(std::size_t i, double u) const;
  // The share at which a value lies: the middle of its part for integers and choices.
  double share_of(std::size_t i, double value) const;

  // Every parameter by value_at(shares[i]), kAbsent where it does not exist. `shares` has size().
  Point point_at(std::span<const double> shares) const;

  // Whether a point has size() values, all in range, absent exactly where they do not exist. Fails
  // with `config`, naming parameter and value.
  Status check(std::span<const double> point) const;

  // "factors=64 solver=cg", for messages and logs; what is absent is left out.
  std::string describe(std::span<const double> point) const;

 private:
  std::vector<Parameter> parameters_;
  std::vector<std::size_t> parent_;  // index, or size() where there is none
  std::vector<double> parent_choice_;
};

// The parameters of a config struct: every number with a range and a scale that is not fixed, and
// every bool whose scale is not fixed, as the choices "false" and "true". Names get `prefix`.
template <HasFields T>
std::vector<Parameter> parameters_of(const std::string& prefix = "") {
  std::vector<Parameter> out;
  for_each_field<T>([&]<class V>(const Field<T, V>& field) {
    if (field.scale == Scale::fixed) return;
    const std::string name = prefix + field.name;
    if constexpr (std::is_same_v<V, bool>) {
      out.push_back(Parameter::categorical(name, {"false", "true"}));
    } else if constexpr (std::is_integral_v<V>) {
      out.push_back(Parameter::integer(name, field.low, field.high, field.scale));
    } else if constexpr (std::is_floating_point_v<V>) {
      out.push_back(Parameter::real(name, field.low, field.high, field.scale));
    }
  });
  return out;
}

// Writes a point's values into the fields that parameters_of<T>(prefix) named, and a categorical
// parameter's choice into a text; absent ones stay as they are.
template <HasFields T>
void write_point(const SearchSpace& space, std::span<const double> point, const std::string& prefix,
                 T& out) {
  for_each_field<T>([&]<class V>(const Field<T, V>& field) {
    for (std::size_t i = 0; i < space.size(); ++i) {
      if (space[i].name != prefix + field.name || is_absent(point[i])) continue;
      if constexpr (std::is_arithmetic_v<V>) {
        out.*field.member = static_cast<V>(point[i]);
      } else if constexpr (std::is_same_v<V, std::string>) {
        out.*field.member = space[i].choices[static_cast<std::size_t>(point[i])];
      }
    }
  });
}

}  // namespace sartor
