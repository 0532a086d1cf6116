// Bayesian optimisation: a Gaussian process is fitted to what is known (gp_model.h), and the point
// is tried that promises the most improvement on it (Jones, Schonlau and Welch, Journal of Global
// Optimization 1998):
//
//   EI(x) = s (phi(z) + z Phi(z)),   z = (best - m) / s
//
// m and s are the process's mean and deviation at x, `best` the least mean at a known point. It is
// the logarithm that is maximised (Ament, Daulton, Eriksson, Balandat and Bakshy, NeurIPS 2023),
// for EI itself is 0 without slope almost everywhere. Where values are rough, the process takes
// roughness for noise and would measure its best point again and again; times 1 - n / sqrt(s^2 +
// n^2), n^2 the noise's variance, it goes where there is something to learn (augmented expected
// improvement: Huang, Allen, Notz and Zeng, Journal of Global Optimization 2006).
//
// Every second trial sees the values cut off above twice the median's distance from the best: a
// process that need not follow cliffs follows the valley. The others see them as they are.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/tuning/box_minimise.h"
#include "sartor/tuning/gp_model.h"
#include "sartor/tuning/log_improvement.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

using Vector = std::vector<double>;

constexpr int kFitSteps = 20;
constexpr std::size_t kAnywhere = 200;  // candidates
constexpr std::size_t kNear = 200;      // candidates near the best points known
constexpr std::size_t kLeaders = 5;     // those best points
constexpr std::size_t kClimbs = 4;      // candidates that are improved by their slopes
constexpr int kClimbSteps = 15;
constexpr std::array kWidths = {0.2, 0.05, 0.01};  // of the steps from a leader

// How a trial looks at the values.
enum View : std::size_t { kCut = 0, kPlain = 1 };

// At most kGpTrials, best first: half of them the best, half the latest of the others.
std::vector<std::size_t> chosen_of(std::span<const Trial> history) {
  std::vector<std::size_t> order = best_first(history);
  if (order.size() <= kGpTrials) return order;
  const auto middle = order.begin() + kGpTrials / 2;
  std::vector<std::size_t> latest(middle, order.end());
  std::sort(latest.begin(), latest.end(), std::greater<>());
  latest.resize(kGpTrials - kGpTrials / 2);
  std::vector<bool> kept(history.size());
  for (const std::size_t t : latest) kept[t] = true;
  order.erase(std::remove_if(middle, order.end(), [&](std::size_t t) { return !kept[t]; }),
              order.end());
  return order;
}

// Mean 0, deviation 1; what failed is as bad as the worst that did not. `chosen` is best first.
Vector standardised(std::span<const Trial> history, std::span<const std::size_t> chosen,
                    View view) {
  Vector y;
  for (const std::size_t t : chosen) {
    const double value = history[t].value;
    y.push_back(std::isfinite(value) ? value : y.empty() ? 0 : y.back());
  }
  if (view == kCut) {
    const double cut = y.front() + 2 * (y[y.size() / 2] - y.front());
    for (double& value : y) value = std::min(value, cut);
  }
  const auto n = static_cast<double>(y.size());
  const double mean = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double square = 0;
  for (const double value : y) square += (value - mean) * (value - mean);
  const double deviation = std::sqrt(square / n);
  for (double& value : y) value = (value - mean) / (deviation > 0 ? deviation : 1);
  return y;
}

// What trying a point with this prediction promises: the logarithm of augmented EI.
struct Promise {
  double value, by_mean, by_deviation;
};
Promise promise_of(const GpModel& model, const GpPrediction& p) {
  const LogImprovement gain = log_improvement((model.least_mean() - p.mean) / p.deviation);
  const double noise = std::sqrt(model.noise());
  const double total = std::hypot(p.deviation, noise);
  // 1 - noise / total, without the difference of what is nearly equal.
  const double share = p.deviation * p.deviation / (total * (total + noise));
  return {std::log(p.deviation * share) + gain.value, -gain.by_mean / p.deviation,
          gain.by_deviation / p.deviation + noise * p.deviation / (total * total * total * share)};
}

struct Suggested {
  Point point;
  Vector x;  // its coordinates
  double promise = 0;
};

class GpSampler final : public Sampler {
 public:
  GpSampler(const SearchSpace& space, std::uint64_t seed)
      : space_(space), seed_(seed), start_(make_quasi_random_sampler(space, seed)) {
    for (const Parameter& parameter : space.parameters())
      categorical_.push_back(parameter.kind == ParameterKind::categorical);
  }

  std::string_view name() const override { return "gp"; }
  Point suggest(std::span<const Trial> history) override;

 private:
  struct Data {
    Matrix<double> x;
    Vector y;
  };
  struct Fit {
    std::vector<Trial> trials;  // that it was made from
    GpParameters parameters;
  };

  std::size_t first_points() const { return std::max<std::size_t>(6, 2 * space_.size()); }
  Vector coordinates(std::span<const double> point) const;
  Suggested candidate_at(Vector shares, const GpModel& model) const;
  Vector random_shares(std::size_t number, std::span<const Vector> leaders, Random& random) const;
  Suggested climbed(const Suggested& from, const GpModel& model) const;
  Data data_of(std::span<const Trial> history, View view) const;
  const GpParameters& parameters_for(std::span<const Trial> history, View view);

  SearchSpace space_;
  std::uint64_t seed_;
  std::unique_ptr<Sampler> start_;
  std::vector<bool> categorical_;
  std::array<Fit, 2> fits_;
};

// Shares of numbers, the indices of choices; one half where there is nothing, which is no choice.
Vector GpSampler::coordinates(std::span<const double> point) const {
  Vector out(point.size(), 0.5);
  for (std::size_t j = 0; j < point.size(); ++j)
    if (!is_absent(point[j])) out[j] = categorical_[j] ? point[j] : space_.share_of(j, point[j]);
  return out;
}

GpSampler::Data GpSampler::data_of(std::span<const Trial> history, View view) const {
  const auto chosen = chosen_of(history);
  Data out{Matrix<double>(chosen.size(), space_.size()), standardised(history, chosen, view)};
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Vector row = coordinates(history[chosen[i]].point);
    std::copy(row.begin(), row.end(), out.x.row(i).begin());
  }
  return out;
}

bool same(const Trial& a, const Trial& b) {
  const auto equal = [](double x, double y) { return x == y || (is_absent(x) && is_absent(y)); };
  return equal(a.value, b.value) &&
         std::equal(a.point.begin(), a.point.end(), b.point.begin(), b.point.end(), equal);
}

// Fitted anew when the history is a tenth longer, always from the same beginning of it.
const GpParameters& GpSampler::parameters_for(std::span<const Trial> history, View view) {
  std::size_t size = first_points();
  for (std::size_t next = size; next <= history.size(); next += std::max<std::size_t>(1, next / 10))
    size = next;
  const auto part = history.first(size);
  Fit& fit = fits_[view];
  if (!std::equal(part.begin(), part.end(), fit.trials.begin(), fit.trials.end(), same)) {
    fit.trials.assign(part.begin(), part.end());
    const Data data = data_of(part, view);
    fit.parameters = GpModel::fit(data.x, categorical_, data.y, kFitSteps);
  }
  return fit.parameters;
}

Suggested GpSampler::candidate_at(Vector shares, const GpModel& model) const {
  Suggested out{.point = space_.point_at(shares)};
  out.x = coordinates(out.point);
  out.promise = promise_of(model, model.predict(out.x)).value;
  return out;
}

// Of candidate `number`: anywhere, or a leader's with a few coordinates or all of them moved.
Vector GpSampler::random_shares(std::size_t number, std::span<const Vector> leaders,
                                Random& random) const {
  Vector shares(space_.size());
  for (double& share : shares) share = random.uniform();
  if (number < kAnywhere) return shares;
  const Vector& leader = leaders[number % leaders.size()];
  const double width = kWidths[random.below(kWidths.size())];
  const bool wide = width == kWidths.front();
  const double moving = wide ? std::max(0.3, 1 / static_cast<double>(shares.size())) : 1;
  for (std::size_t j = 0; j < shares.size(); ++j) {
    const bool moves = random.uniform() < moving;
    if (!categorical_[j]) {
      shares[j] = std::clamp(leader[j] + (moves ? width * random.normal() : 0), 0.0, 1.0);
    } else if (!wide || !moves) {
      shares[j] = space_.share_of(j, leader[j]);
    }
  }
  return shares;
}

// Up the slope of the promise in all numbers that exist; whole numbers are rounded at the end.
Suggested GpSampler::climbed(const Suggested& from, const GpModel& model) const {
  const std::size_t d = from.x.size();
  Vector low(d, 0.0), high(d, 1.0), by_mean(d), by_deviation(d);
  for (std::size_t j = 0; j < d; ++j)
    if (categorical_[j] || is_absent(from.point[j])) low[j] = high[j] = from.x[j];
  const SmoothFunction loss = [&](std::span<const double> x, std::span<double> gradient) {
    const Promise promise = promise_of(model, model.predict(x, by_mean, by_deviation));
    for (std::size_t j = 0; j < d; ++j)
      gradient[j] = -promise.by_mean * by_mean[j] - promise.by_deviation * by_deviation[j];
    return -promise.value;
  };
  Vector shares = minimise_in_box(loss, from.x, low, high, kClimbSteps).x;
  for (std::size_t j = 0; j < d; ++j)
    if (categorical_[j]) shares[j] = space_.share_of(j, from.x[j]);
  return candidate_at(std::move(shares), model);
}

Point GpSampler::suggest(std::span<const Trial> history) {
  if (history.size() < first_points()) return start_->suggest(history);
  const View view = history.size() % 2 == 0 ? kCut : kPlain;
  const Data data = data_of(history, view);
  const GpModel model(data.x, categorical_, data.y, parameters_for(history, view));
  std::vector<Vector> leaders;  // rows are best first
  for (std::size_t i = 0; i < std::min(kLeaders, data.x.rows()); ++i)
    leaders.emplace_back(data.x.row(i).begin(), data.x.row(i).end());
  Random random = Random::stream(seed_, history.size());
  std::vector<Suggested> candidates;
  for (std::size_t c = 0; c < kAnywhere + kNear; ++c)
    candidates.push_back(candidate_at(random_shares(c, leaders, random), model));
  const auto better = [](const Suggested& a, const Suggested& b) { return a.promise > b.promise; };
  std::partial_sort(candidates.begin(), candidates.begin() + kClimbs, candidates.end(), better);
  candidates.resize(kClimbs);
  for (std::size_t c = 0; c < kClimbs; ++c) candidates.push_back(climbed(candidates[c], model));
  return std::min_element(candidates.begin(), candidates.end(), better)->point;
}

}  // namespace

std::unique_ptr<Sampler> make_gp_sampler(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<GpSampler>(space, seed);
}

}  // namespace sartor
