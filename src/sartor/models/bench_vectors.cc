#include "sartor/models/bench_vectors.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "sartor/base/fields_json.h"
#include "sartor/evaluation/metrics.h"
#include "sartor/models/bench_timer.h"
#include "sartor/models/npy.h"
#include "sartor/models/vector_index.h"

namespace sartor {
namespace {

constexpr std::size_t kJudgedPerBlock = 256;

struct TopKBench {
  int k = 10;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"k", &TopKBench::k, 1, 10000, Scale::log, "vectors listed for a query"});
  }
};

struct GivenVectors {
  NpyArray<float> values;

  MatrixView<const float> view() const {
    return {values.values.data(), values.shape[0], values.shape[1], values.shape[1]};
  }
};

Result<GivenVectors> load_vectors(const std::string& path) {
  SARTOR_ASSIGN(auto array, read_npy<float>(path));
  if (array.shape.size() != 2 || array.shape[1] == 0)
    return Error{ErrorCode::bad_data, path + ": expected a matrix"};
  return GivenVectors{std::move(array)};
}

struct Csr {
  std::vector<std::size_t> begin;
  std::vector<std::uint32_t> items;

  std::span<const std::uint32_t> row(std::size_t r) const {
    return std::span(items).subspan(begin[r], begin[r + 1] - begin[r]);
  }
};

Result<Csr> load_csr(const std::string& prefix, std::size_t rows, std::size_t columns) {
  SARTOR_ASSIGN(const auto begin, read_npy<std::int64_t>(prefix + "_indptr.npy"));
  SARTOR_ASSIGN(const auto items, read_npy<std::int64_t>(prefix + "_indices.npy"));
  const auto n = static_cast<std::int64_t>(items.values.size());
  if (begin.values.size() != rows + 1 || begin.values.front() != 0 || begin.values.back() != n ||
      !std::is_sorted(begin.values.begin(), begin.values.end())) {
    return Error{ErrorCode::bad_data,
                 fmt::format("{}_indptr.npy: expected {} ascending places from 0 to {}", prefix,
                             rows + 1, n)};
  }
  Csr csr;
  csr.begin.assign(begin.values.begin(), begin.values.end());
  csr.items.assign(items.values.begin(), items.values.end());
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = csr.row(r);
    if (std::adjacent_find(row.begin(), row.end(), std::greater_equal<>()) != row.end() ||
        (!row.empty() && row.back() >= columns)) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}_indices.npy: row {} is not ascending within 0 to {}", prefix, r,
                               columns - 1)};
    }
  }
  return csr;
}

Status bench_top_k(const BenchRequest& request, const TopKBench& config, const Resources& resources,
                   Json& report) {
  SARTOR_ASSIGN(const GivenVectors queries, load_vectors(request.input + "/queries.npy"));
  SARTOR_ASSIGN(const GivenVectors vectors, load_vectors(request.input + "/x.npy"));
  const auto k = static_cast<std::size_t>(config.k);
  const auto kernel = [&]() -> Result<Neighbours> {
    SARTOR_ASSIGN(const auto index, VectorIndex::of(vectors.view(), resources));
    return index.search(queries.view(), k, resources);
  };
  const std::size_t rows = queries.view().rows;
  SARTOR_ASSIGN(const auto found, timed_rows(report, rows, resources, kernel));
  report["gflops_per_cpu_second"] = 2e-9 * static_cast<double>(rows) *
                                    static_cast<double>(vectors.values.values.size()) /
                                    std::max(report["cpu_seconds"].get<double>(), 1e-9);
  if (request.output.empty()) return {};
  std::vector<std::int64_t> ids(found.ids.begin(), found.ids.end());
  std::replace(ids.begin(), ids.end(), std::int64_t{kNoNeighbour}, std::int64_t{-1});
  const std::size_t shape[] = {rows, k};
  SARTOR_TRY(write_npy<std::int64_t>(request.output + "/ids.npy", ids, shape));
  return write_npy<float>(request.output + "/scores.npy", found.scores, shape);
}

struct UserValues {
  std::vector<double> ndcg, recall;
};

// Both metrics of each user's list; 0 without targets.
Result<UserValues> values_of(const Neighbours& lists, const Csr& targets,
                             const Resources& resources) {
  const Metric ndcg{MetricKind::ndcg, lists.k};
  const Metric recall{MetricKind::recall, lists.k};
  const std::size_t users = targets.begin.size() - 1;
  UserValues out{std::vector<double>(users), std::vector<double>(users)};
  SARTOR_TRY(parallel_for(resources, users, kJudgedPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            std::vector<ItemId> list;
                            std::vector<ItemId> wanted;
                            for (std::size_t u = begin; u < end; ++u) {
                              list.clear();
                              wanted.clear();
                              for (std::size_t r = u * lists.k; r < (u + 1) * lists.k; ++r) {
                                if (lists.ids[r] != kNoNeighbour) list.push_back({lists.ids[r]});
                              }
                              for (const std::uint32_t i : targets.row(u)) wanted.push_back({i});
                              if (wanted.empty()) continue;
                              out.ndcg[u] = metric_value(ndcg, list, wanted);
                              out.recall[u] = metric_value(recall, list, wanted);
                            }
                            return {};
                          }));
  return out;
}

Status bench_evaluation(const BenchRequest& request, const TopKBench& config,
                        const Resources& resources, Json& report) {
  SARTOR_ASSIGN(const GivenVectors users, load_vectors(request.input + "/queries.npy"));
  SARTOR_ASSIGN(const GivenVectors items, load_vectors(request.input + "/x.npy"));
  const std::size_t rows = users.view().rows;
  SARTOR_ASSIGN(const Csr seen, load_csr(request.input + "/seen", rows, items.view().rows));
  SARTOR_ASSIGN(const Csr targets, load_csr(request.input + "/target", rows, items.view().rows));
  const auto kernel = [&]() -> Result<UserValues> {
    SARTOR_ASSIGN(const auto index, VectorIndex::of(items.view(), resources));
    SARTOR_ASSIGN(const auto lists, index.search(users.view(), static_cast<std::size_t>(config.k),
                                                 resources, {seen.begin, seen.items}));
    return values_of(lists, targets, resources);
  };
  SARTOR_ASSIGN(const auto values, timed_rows(report, rows, resources, kernel));
  double counted = 0;
  for (std::size_t u = 0; u < rows; ++u) counted += !targets.row(u).empty();
  const std::size_t shape[] = {rows};
  for (const auto& [name, of_users] :
       {std::pair{"ndcg", &values.ndcg}, std::pair{"recall", &values.recall}}) {
    double sum = 0;
    for (const double value : *of_users) sum += value;
    report[name] = counted == 0 ? 0 : sum / counted;
    if (request.output.empty()) continue;
    SARTOR_TRY(write_npy<double>(fmt::format("{}/{}.npy", request.output, name), *of_users, shape));
  }
  return {};
}

struct VectorBenchmark {
  const char* name;
  Status (*run)(const BenchRequest&, const TopKBench&, const Resources&, Json&);
};

constexpr VectorBenchmark kVectorBenchmarks[] = {{"top_k", bench_top_k},
                                                 {"evaluation", bench_evaluation}};

}  // namespace

std::vector<std::string> vector_benchmarks() {
  std::vector<std::string> names;
  for (const VectorBenchmark& benchmark : kVectorBenchmarks) names.emplace_back(benchmark.name);
  return names;
}

Result<Json> run_vector_benchmark(std::string_view workload, const BenchRequest& request,
                                  const Json& settings, const Resources& resources) {
  TopKBench config;
  SARTOR_TRY(read_config(node_from_json(settings), config, ""));
  if (!request.output.empty()) {
    std::error_code failed;
    std::filesystem::create_directories(request.output, failed);
    if (failed) {
      return Error{ErrorCode::io,
                   fmt::format("{}: cannot make the folder: {}", request.output, failed.message())};
    }
  }
  for (const VectorBenchmark& benchmark : kVectorBenchmarks) {
    if (workload != benchmark.name) continue;
    Json report = {{"name", benchmark.name}};
    SARTOR_TRY(benchmark.run(request, config, resources, report));
    return report;
  }
  return Error{ErrorCode::config, fmt::format("unknown workload '{}'", workload)};
}

}  // namespace sartor
