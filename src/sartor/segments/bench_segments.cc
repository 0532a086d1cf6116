#include "sartor/segments/bench_segments.h"

#include <fmt/core.h>

#include <filesystem>

#include "sartor/base/fields_json.h"
#include "sartor/base/text.h"
#include "sartor/models/bench_timer.h"
#include "sartor/models/npy.h"
#include "sartor/segments/hierarchy.h"
#include "sartor/segments/kmeans.h"
#include "sartor/segments/ward.h"

namespace sartor {
namespace {

struct KMeansBench {
  int iterations = 25;

  static constexpr auto fields() {
    return std::make_tuple(Field{"iterations", &KMeansBench::iterations, 0, 100000, Scale::log,
                                 "Lloyd's steps, fewer if nothing changes"});
  }
};

struct WardBench {
  int most_leaves = 0;

  static constexpr auto fields() {
    return std::make_tuple(Field{"most_leaves", &WardBench::most_leaves, 0, 1e9, Scale::log,
                                 "more rows than these are grouped first; 0: never"});
  }
};

template <HasFields T>
Result<T> settings_of(const Json& settings) {
  T out;
  SARTOR_TRY(read_config(node_from_json(settings), out, ""));
  return out;
}

Result<Matrix<float>> load_matrix(const std::string& path) {
  SARTOR_ASSIGN(auto array, read_npy<float>(path));
  if (array.shape.size() != 2 || array.shape[1] == 0)
    return Error{ErrorCode::bad_data, path + ": expected a matrix"};
  Matrix<float> matrix(array.shape[0], array.shape[1]);
  matrix.values() = std::move(array.values);
  return matrix;
}

Status bench_kmeans(const BenchRequest& request, const Json& settings, const Resources& resources,
                    Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<KMeansBench>(settings));
  SARTOR_ASSIGN(const auto x, load_matrix(request.input + "/x.npy"));
  SARTOR_ASSIGN(const auto start, load_matrix(request.input + "/centres.npy"));
  if (start.columns() != x.columns()) {
    return Error{ErrorCode::bad_data, fmt::format("{}/centres.npy: {} columns, but x.npy has {}",
                                                  request.input, start.columns(), x.columns())};
  }
  SARTOR_ASSIGN(const auto model, timed_rows(report, x.rows(), resources, [&] {
                  return lloyd(x.view(), start, config.iterations, resources);
                }));
  report["inertia"] = model.inertia;
  report["iterations"] = model.iterations;
  if (request.output.empty()) return {};
  const std::vector<std::int64_t> labels(model.labels.begin(), model.labels.end());
  const std::size_t rows[] = {labels.size()}, one[] = {1};
  const std::size_t shape[] = {model.centres.rows(), model.centres.columns()};
  SARTOR_TRY(write_npy<std::int64_t>(request.output + "/labels.npy", labels, rows));
  SARTOR_TRY(write_npy<float>(request.output + "/centres.npy", model.centres.values(), shape));
  return write_npy<double>(request.output + "/inertia.npy", std::vector{model.inertia}, one);
}

Status bench_ward(const BenchRequest& request, const Json& settings, const Resources& resources,
                  Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<WardBench>(settings));
  SARTOR_ASSIGN(const auto x, load_matrix(request.input + "/x.npy"));
  Leaves leaves;
  const auto most = static_cast<std::size_t>(config.most_leaves);
  const auto kernel = [&]() -> Result<Dendrogram> {
    if (most == 0 || x.rows() <= most) return fit_ward(x.view(), {}, resources);
    SARTOR_ASSIGN(leaves, leaves_of(x.view(), most, 1, resources));
    return fit_ward(leaves.centres.view(), leaves.weights, resources);
  };
  SARTOR_ASSIGN(const auto tree, timed_rows(report, x.rows(), resources, kernel));
  if (request.output.empty()) return {};
  std::vector<std::int64_t> merges;
  std::vector<double> heights, sizes;
  for (const Merge& merge : tree.merges) {
    merges.insert(merges.end(), {merge.a, merge.b});
    heights.push_back(merge.height);
    sizes.push_back(merge.weight);
  }
  const std::size_t pairs[] = {heights.size(), 2}, n[] = {heights.size()};
  SARTOR_TRY(write_npy<std::int64_t>(request.output + "/merges.npy", merges, pairs));
  SARTOR_TRY(write_npy<double>(request.output + "/heights.npy", heights, n));
  if (!leaves.of_row.empty()) {
    const std::vector<std::int64_t> of_row(leaves.of_row.begin(), leaves.of_row.end());
    const std::size_t rows[] = {of_row.size()};
    SARTOR_TRY(write_npy<std::int64_t>(request.output + "/leaves.npy", of_row, rows));
  }
  return write_npy<double>(request.output + "/sizes.npy", sizes, n);
}

struct Benchmark {
  const char* name;
  Status (*run)(const BenchRequest&, const Json&, const Resources&, Json&);
};

constexpr Benchmark kBenchmarks[] = {{"kmeans", bench_kmeans}, {"ward", bench_ward}};

}  // namespace

std::vector<std::string> segment_benchmarks() {
  std::vector<std::string> names;
  for (const Benchmark& benchmark : kBenchmarks) names.emplace_back(benchmark.name);
  return names;
}

Result<Json> run_segment_benchmark(std::string_view workload, const BenchRequest& request,
                                   const Json& settings, const Resources& resources) {
  if (!request.output.empty()) {
    std::error_code failed;
    std::filesystem::create_directories(request.output, failed);
    if (failed) {
      return Error{ErrorCode::io,
                   fmt::format("{}: cannot make the folder: {}", request.output, failed.message())};
    }
  }
  for (const Benchmark& benchmark : kBenchmarks) {
    if (workload != benchmark.name) continue;
    Json report = {{"name", benchmark.name}};
    SARTOR_TRY(benchmark.run(request, settings, resources, report));
    return report;
  }
  return Error{ErrorCode::config, fmt::format("unknown workload '{}'{}", workload,
                                              did_you_mean(workload, segment_benchmarks()))};
}

}  // namespace sartor
