// grid, random and quasi_random.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "sartor/base/random.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

using Vector = std::vector<double>;

class RandomSampler final : public Sampler {
 public:
  RandomSampler(const SearchSpace& space, std::uint64_t seed) : space_(space), seed_(seed) {}
  std::string_view name() const override { return "random"; }
  Point suggest(std::span<const Trial> history) override {
    Random random = Random::stream(seed_, history.size());
    Vector shares(space_.size());
    for (double& share : shares) share = random.uniform();
    return space_.point_at(shares);
  }

 private:
  SearchSpace space_;
  std::uint64_t seed_;
};

class QuasiRandomSampler final : public Sampler {
 public:
  QuasiRandomSampler(const SearchSpace& space, std::uint64_t seed) : space_(space) {
    const auto d = static_cast<double>(space.size());
    double g = 1.5;
    for (int i = 0; i < 60; ++i) g = std::pow(1 + g, 1 / (d + 1));
    Random random(seed);
    for (std::size_t j = 0; j < space.size(); ++j) {
      step_.push_back(std::pow(g, -static_cast<double>(j + 1)));
      start_.push_back(random.uniform());
    }
  }
  std::string_view name() const override { return "quasi_random"; }
  Point suggest(std::span<const Trial> history) override {
    Vector shares(space_.size());
    const auto t = static_cast<double>(history.size());
    for (std::size_t j = 0; j < shares.size(); ++j) {
      const double at = start_[j] + t * step_[j];
      shares[j] = at - std::floor(at);
    }
    return space_.point_at(shares);
  }

 private:
  SearchSpace space_;
  Vector step_, start_;
};

class GridSampler final : public Sampler {
 public:
  GridSampler(const SearchSpace& space, int trials, std::uint64_t seed)
      : after_(space, seed), points_(points_of(space, trials)) {
    Random random(seed);
    for (std::size_t i = points_.size(); i > 1; --i)
      std::swap(points_[i - 1], points_[random.below(i)]);
  }
  std::string_view name() const override { return "grid"; }
  Point suggest(std::span<const Trial> history) override {
    return history.size() < points_.size() ? points_[history.size()] : after_.suggest(history);
  }

 private:
  // How many values parameter `i` has: all its choices, at most `levels` numbers.
  static std::size_t levels_of(const Parameter& parameter, std::size_t levels) {
    if (parameter.kind == ParameterKind::categorical) return parameter.choices.size();
    if (parameter.kind == ParameterKind::real) return levels;
    return static_cast<std::size_t>(
        std::min(static_cast<double>(levels), parameter.high - parameter.low + 1));
  }

  // Every combination, what does not exist left out. Stops beyond `most`.
  static std::set<Point> combinations(const SearchSpace& space, std::size_t levels,
                                      std::size_t most) {
    std::set<Point> partial = {{}};
    for (std::size_t i = 0; i < space.size(); ++i) {
      std::set<Point> longer;
      const std::size_t count = levels_of(space[i], levels);
      for (const Point& point : partial) {
        for (std::size_t l = 0; l < count; ++l) {
          Point next = point;
          // The middles of equal parts: a real number's ends are seldom its best values.
          const double u = (static_cast<double>(l) + 0.5) / static_cast<double>(count);
          next.push_back(space.exists(i, point) ? space.value_at(i, u) : kMissing);
          longer.insert(std::move(next));
        }
        if (longer.size() > most) return longer;
      }
      partial = std::move(longer);
    }
    return partial;
  }

  static std::vector<Point> points_of(const SearchSpace& space, int trials) {
    const auto most = static_cast<std::size_t>(trials);
    std::set<Point> found = combinations(space, 1, kMostPoints);
    if (found.size() > kMostPoints) return {};  // its choices alone are too many
    for (std::size_t levels = 2; levels <= most; ++levels) {
      std::set<Point> finer = combinations(space, levels, most);
      if (finer.size() > most || finer.size() == found.size()) break;
      found = std::move(finer);
    }
    std::vector<Point> out(found.begin(), found.end());
    for (Point& point : out)
      for (double& value : point)
        if (value == kMissing) value = kAbsent;
    return out;
  }

  static constexpr double kMissing = -std::numeric_limits<double>::max();  // kAbsent, but ordered
  static constexpr std::size_t kMostPoints = 100'000;

  RandomSampler after_;
  std::vector<Point> points_;
};

}  // namespace

std::vector<std::size_t> best_first(std::span<const Trial> history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t t) {
    const double value = history[t].value;
    return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

std::unique_ptr<Sampler> make_random_sampler(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<RandomSampler>(space, seed);
}

std::unique_ptr<Sampler> make_quasi_random_sampler(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<QuasiRandomSampler>(space, seed);
}

std::unique_ptr<Sampler> make_grid_sampler(const SearchSpace& space, int trials,
                                           std::uint64_t seed) {
  return std::make_unique<GridSampler>(space, trials, seed);
}

}  // namespace sartor
