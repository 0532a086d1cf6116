#include "sartor/tuning/search_space.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"

namespace sartor {
namespace {

Error bad(const Parameter& parameter, const std::string& message) {
  return {ErrorCode::config, fmt::format("parameter {}: {}", parameter.name, message)};
}

Status check_choices(const Parameter& parameter) {
  if (parameter.choices.empty()) return bad(parameter, "no choices; expected one at least");
  std::vector<std::string> sorted = parameter.choices;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) return bad(parameter, fmt::format("choice '{}' stands twice", *twice));
  return {};
}

Status check_range(const Parameter& parameter) {
  const double low = parameter.low, high = parameter.high;
  if (!std::isfinite(low) || !std::isfinite(high))
    return bad(parameter, fmt::format("range {} to {}: expected finite numbers", low, high));
  if (low >= high)
    return bad(parameter, fmt::format("range {} to {}: expected low below high", low, high));
  if (parameter.scale == Scale::fixed) return bad(parameter, "scale fixed: expected linear or log");
  if (parameter.scale == Scale::log && low <= 0)
    return bad(parameter, fmt::format("range {} to {}: a log scale needs low above 0", low, high));
  if (parameter.kind == ParameterKind::integer &&
      (low != std::floor(low) || high != std::floor(high)))
    return bad(parameter, fmt::format("range {} to {}: expected whole numbers", low, high));
  return {};
}

// The range on the scale on which shares are equal. An integer n owns [n - 1/2, n + 1/2).
struct Ends {
  double low, high;
};
Ends ends_of(const Parameter& parameter) {
  const double half = parameter.kind == ParameterKind::integer ? 0.5 : 0;
  const double low = parameter.low - half, high = parameter.high + half;
  if (parameter.scale == Scale::log) return {std::log(low), std::log(high)};
  return {low, high};
}

}  // namespace

Parameter Parameter::real(std::string name, double low, double high, Scale scale) {
  return {.name = std::move(name), .low = low, .high = high, .scale = scale};
}

Parameter Parameter::integer(std::string name, double low, double high, Scale scale) {
  return {.name = std::move(name),
          .kind = ParameterKind::integer,
          .low = low,
          .high = high,
          .scale = scale};
}

Parameter Parameter::categorical(std::string name, std::vector<std::string> choices) {
  return {
      .name = std::move(name), .kind = ParameterKind::categorical, .choices = std::move(choices)};
}

Parameter Parameter::only_if(std::string parent_name, std::string choice) const {
  Parameter out = *this;
  out.parent = std::move(parent_name);
  out.parent_choice = std::move(choice);
  return out;
}

Result<SearchSpace> SearchSpace::make(std::vector<Parameter> parameters) {
  if (parameters.empty()) return Error{ErrorCode::config, "search space: no parameters"};
  SearchSpace out;
  const std::size_t none = parameters.size();
  for (std::size_t i = 0; i < none; ++i) {
    const Parameter& parameter = parameters[i];
    const auto named = [&](const std::string& name) {
      for (std::size_t j = 0; j < i; ++j)
        if (parameters[j].name == name) return j;
      return none;
    };
    if (parameter.name.empty()) return bad(parameter, fmt::format("number {} has no name", i + 1));
    if (named(parameter.name) != none) return bad(parameter, "stands twice");
    SARTOR_TRY(parameter.kind == ParameterKind::categorical ? check_choices(parameter)
                                                            : check_range(parameter));
    out.parent_.push_back(none);
    out.parent_choice_.push_back(0);
    if (parameter.parent.empty()) continue;
    const std::size_t parent = named(parameter.parent);
    if (parent == none || parameters[parent].kind != ParameterKind::categorical)
      return bad(parameter,
                 fmt::format("exists by '{}'; expected a categorical parameter before it",
                             parameter.parent));
    const auto& choices = parameters[parent].choices;
    const auto choice = std::find(choices.begin(), choices.end(), parameter.parent_choice);
    if (choice == choices.end())
      return bad(parameter, fmt::format("exists where {} = '{}'; expected {}", parameter.parent,
                                        parameter.parent_choice, join(choices, ", ")));
    out.parent_.back() = parent;
    out.parent_choice_.back() = static_cast<double>(choice - choices.begin());
  }
  out.parameters_ = std::move(parameters);
  return out;
}

bool SearchSpace::exists(std::size_t i, std::span<const double> point) const {
  return parent_[i] == size() || point[parent_[i]] == parent_choice_[i];
}

double SearchSpace::value_at(std::size_t i, double u) const {
  const Parameter& parameter = parameters_[i];
  if (parameter.kind == ParameterKind::categorical) {
    const auto count = static_cast<double>(parameter.choices.size());
    return std::clamp(std::floor(u * count), 0.0, count - 1);
  }
  const auto [low, high] = ends_of(parameter);
  double value = low + std::clamp(u, 0.0, 1.0) * (high - low);
  if (parameter.scale == Scale::log) value = std::exp(value);
  if (parameter.kind == ParameterKind::integer) value = std::floor(value + 0.5);
  return std::clamp(value, parameter.low, parameter.high);
}

double SearchSpace::share_of(std::size_t i, double value) const {
  const Parameter& parameter = parameters_[i];
  if (parameter.kind == ParameterKind::categorical)
    return (value + 0.5) / static_cast<double>(parameter.choices.size());
  const auto [low, high] = ends_of(parameter);
  const double at = parameter.scale == Scale::log ? std::log(value) : value;
  return (at - low) / (high - low);
}

Point SearchSpace::point_at(std::span<const double> shares) const {
  Point out(size(), kAbsent);
  for (std::size_t i = 0; i < size(); ++i)
    if (exists(i, out)) out[i] = value_at(i, shares[i]);
  return out;
}

Status SearchSpace::check(std::span<const double> point) const {
  if (point.size() != size())
    return Error{ErrorCode::config,
                 fmt::format("point: {} values; expected {}", point.size(), size())};
  for (std::size_t i = 0; i < size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (!exists(i, point)) {
      if (is_absent(point[i])) continue;
      return bad(parameter, fmt::format("{}: expected none, for {} is not '{}'", point[i],
                                        parameter.parent, parameter.parent_choice));
    }
    const bool categorical = parameter.kind == ParameterKind::categorical;
    const double low = categorical ? 0 : parameter.low;
    const double high =
        categorical ? static_cast<double>(parameter.choices.size()) - 1 : parameter.high;
    const bool whole = parameter.kind == ParameterKind::real || point[i] == std::floor(point[i]);
    if (!(point[i] >= low && point[i] <= high && whole))
      return bad(
          parameter,
          fmt::format("{}: expected {}{} to {}", point[i],
                      parameter.kind == ParameterKind::real ? "" : "a whole number, ", low, high));
  }
  return {};
}

std::string SearchSpace::describe(std::span<const double> point) const {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < size(); ++i) {
    if (is_absent(point[i])) continue;
    const bool categorical = parameters_[i].kind == ParameterKind::categorical;
    words.push_back(categorical
                        ? fmt::format("{}={}", parameters_[i].name,
                                      parameters_[i].choices[static_cast<std::size_t>(point[i])])
                        : fmt::format("{}={:g}", parameters_[i].name, point[i]));
  }
  return join(words, " ");
}

}  // namespace sartor
