// Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, NeurIPS 2011): with l the
// density of the best trials and g that of all others, the point that maximises l(x) / g(x) among
// points drawn from l also maximises expected improvement. The densities are over all parameters at
// once (parzen.h); how many trials are best, and that kernels weigh the same, follows Watanabe
// (arXiv 2304.11127).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "sartor/tuning/parzen.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

constexpr std::size_t kFirstPoints = 10;
constexpr std::size_t kCandidates = 24;
constexpr double kBestShare = 0.1;
constexpr std::size_t kMostBest = 25;

class TpeSampler final : public Sampler {
 public:
  TpeSampler(const SearchSpace& space, std::uint64_t seed)
      : space_(space), seed_(seed), start_(make_quasi_random_sampler(space, seed)) {
    coordinates_.columns.resize(space.size());
  }

  std::string_view name() const override { return "tpe"; }

  Point suggest(std::span<const Trial> history) override {
    if (history.size() < kFirstPoints) return start_->suggest(history);
    read(history);
    std::vector<std::size_t> order = split(history);
    const auto best =
        static_cast<std::size_t>(std::ceil(kBestShare * static_cast<double>(history.size())));
    const std::span<const std::size_t> all(order);
    const std::size_t n = std::min(best, kMostBest);
    const Parzen good(space_, coordinates_, all.first(n));
    const Parzen rest(space_, coordinates_, all.subspan(n));
    Random random = Random::stream(seed_, history.size());
    std::vector<float> drawn(space_.size()), found;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < kCandidates; ++c) {
      good.draw(random, drawn);
      const double ratio = good.log_density(drawn) - rest.log_density(drawn);
      if (!found.empty() && ratio <= most) continue;
      most = ratio;
      found = drawn;
    }
    return point_of(found);
  }

 private:
  // The best ones in front, in no order.
  static std::vector<std::size_t> split(std::span<const Trial> history) {
    std::vector<std::size_t> order(history.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto best =
        static_cast<std::size_t>(std::ceil(kBestShare * static_cast<double>(history.size())));
    const auto key = [&](std::size_t t) {
      const double value = history[t].value;
      return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
    };
    std::nth_element(order.begin(),
                     order.begin() + static_cast<std::ptrdiff_t>(std::min(best, kMostBest)),
                     order.end(), [&](std::size_t a, std::size_t b) {
                       const double x = key(a), y = key(b);
                       return x < y || (x == y && a < b);
                     });
    return order;
  }

  // Coordinates of what is new since the last call; of all, if the history is another one.
  void read(std::span<const Trial> history) {
    bool grown = seen_.size() <= history.size();
    for (std::size_t t = 0; t < seen_.size() && grown; ++t)
      grown = std::memcmp(seen_[t].data(), history[t].point.data(),
                          space_.size() * sizeof(double)) == 0;
    if (!grown) {
      seen_.clear();
      for (auto& column : coordinates_.columns) column.clear();
    }
    for (std::size_t t = seen_.size(); t < history.size(); ++t) {
      const Point& point = history[t].point;
      for (std::size_t j = 0; j < space_.size(); ++j) {
        const bool as_is = is_absent(point[j]) || space_[j].kind == ParameterKind::categorical;
        coordinates_.columns[j].push_back(
            static_cast<float>(as_is ? point[j] : space_.share_of(j, point[j])));
      }
      seen_.push_back(point);
    }
  }

  Point point_of(std::span<const float> coordinates) const {
    Point out(space_.size(), kAbsent);
    for (std::size_t j = 0; j < space_.size(); ++j) {
      if (!space_.exists(j, out)) continue;
      const auto at = static_cast<double>(coordinates[j]);
      out[j] = space_[j].kind == ParameterKind::categorical ? at : space_.value_at(j, at);
    }
    return out;
  }

  SearchSpace space_;
  std::uint64_t seed_;
  std::unique_ptr<Sampler> start_;
  ParzenPoints coordinates_;  // of seen_
  std::vector<Point> seen_;
};

}  // namespace

std::unique_ptr<Sampler> make_tpe_sampler(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<TpeSampler>(space, seed);
}

}  // namespace sartor
