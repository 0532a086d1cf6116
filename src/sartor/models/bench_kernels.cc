#include "sartor/models/bench_kernels.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "sartor/base/fields_json.h"
#include "sartor/base/text.h"
#include "sartor/models/als.h"
#include "sartor/models/bench_timer.h"
#include "sartor/models/bench_vectors.h"
#include "sartor/models/ease.h"
#include "sartor/models/gram.h"
#include "sartor/models/item2vec.h"
#include "sartor/models/item_knn.h"
#include "sartor/models/npy.h"

namespace sartor {
namespace {

struct EaseBench {
  double regularization = 300;

  static constexpr auto fields() {
    return std::make_tuple(Field{"regularization", &EaseBench::regularization, 1e-6, 1e9,
                                 Scale::log, "added to the diagonal"});
  }
};

struct ItemKnnBench {
  int k = 100;
  std::string similarity = "cosine";
  double shrinkage = 0;
  double alpha = 0.5;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"k", &ItemKnnBench::k, 1, 5000, Scale::log, "neighbours of an item"},
        Field{"similarity", &ItemKnnBench::similarity, "cosine, asymmetric, tfidf or bm25"},
        Field{"shrinkage", &ItemKnnBench::shrinkage, 0, 1e6, Scale::linear,
              "added to the denominator"},
        Field{"alpha", &ItemKnnBench::alpha, 0, 1, Scale::linear, "of asymmetric"});
  }
};

struct Workload {
  UserItems rows;
  bool binary = true;
};

// `sequences`: rows are in the order of time, with repetitions, and have no values.
Result<Workload> load_csr(const std::string& folder, bool sequences) {
  const auto fail = [&](const std::string& message) {
    return Error{ErrorCode::bad_data, fmt::format("{}: {}", folder, message)};
  };
  SARTOR_ASSIGN(const auto shape, read_npy<std::int64_t>(folder + "/shape.npy"));
  SARTOR_ASSIGN(const auto begin, read_npy<std::int64_t>(folder + "/indptr.npy"));
  SARTOR_ASSIGN(const auto items, read_npy<std::int64_t>(folder + "/indices.npy"));
  if (shape.values.size() != 2 || shape.values[0] < 1 || shape.values[1] < 1) {
    return fail("shape.npy: expected [users, items]");
  }
  const auto n = static_cast<std::int64_t>(items.values.size());
  if (begin.values.size() != static_cast<std::size_t>(shape.values[0]) + 1 ||
      begin.values.front() != 0 || begin.values.back() != n ||
      !std::is_sorted(begin.values.begin(), begin.values.end())) {
    return fail("indptr.npy: expected users + 1 ascending places from 0 to the number of entries");
  }
  Workload out;
  out.rows.items = static_cast<std::size_t>(shape.values[1]);
  out.rows.begin.assign(begin.values.begin(), begin.values.end());
  for (std::size_t u = 0; u + 1 < out.rows.begin.size(); ++u) {
    for (std::size_t e = out.rows.begin[u]; e < out.rows.begin[u + 1]; ++e) {
      const std::int64_t item = items.values[e];
      const bool first = e == out.rows.begin[u];
      const bool falls = !sequences && !first && item <= items.values[e - 1];
      if (item < 0 || item >= shape.values[1] || falls) {
        return fail(fmt::format("indices.npy: row {} is not {}within 0 to {}", u,
                                sequences ? "" : "ascending ", shape.values[1] - 1));
      }
    }
  }
  out.rows.item.assign(items.values.begin(), items.values.end());
  if (sequences) return out;
  SARTOR_ASSIGN(auto values, read_npy<float>(folder + "/values.npy"));
  if (values.values.size() != items.values.size()) {
    return fail(fmt::format("{} values for {} indices", values.values.size(), n));
  }
  out.binary = std::all_of(values.values.begin(), values.values.end(),
                           [](float value) { return value == 1; });
  out.rows.value = std::move(values.values);
  return out;
}

// Runs `kernel` and describes how long it took.
template <class Kernel>
auto timed(Json& report, const Workload& workload, const Resources& resources, Kernel&& kernel) {
  return timed_rows(report, workload.rows.users(), resources, std::forward<Kernel>(kernel));
}

template <HasFields T>
Result<T> settings_of(const Json& settings) {
  T out;
  SARTOR_TRY(read_config(node_from_json(settings), out, ""));
  return out;
}

Status bench_ease(const Workload& workload, const BenchRequest& request, const Json& settings,
                  const Resources& resources, Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<EaseBench>(settings));
  const auto kernel = [&]() -> Result<Matrix<float>> {
    Json of_gram;
    SARTOR_ASSIGN(auto gram, timed(of_gram, workload, resources, [&] {
                    return gram_of_rows(workload.rows, {}, workload.binary, resources);
                  }));
    report["gram_seconds"] = of_gram["seconds"];
    report["gram_cpu_seconds"] = of_gram["cpu_seconds"];
    return ease_weights(std::move(gram), config.regularization, resources);
  };
  SARTOR_ASSIGN(const auto weights, timed(report, workload, resources, kernel));
  if (request.output.empty()) return {};
  const std::size_t shape[] = {weights.rows(), weights.columns()};
  return write_npy<float>(request.output + "/weights.npy", weights.values(), shape);
}

Status bench_item_knn(const Workload& workload, const BenchRequest& request, const Json& settings,
                      const Resources& resources, Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<ItemKnnBench>(settings));
  const ItemKnnConfig knn{.neighbours = config.k,
                          .similarity = config.similarity,
                          .shrinkage = config.shrinkage,
                          .alpha = config.alpha};
  SARTOR_ASSIGN(const auto rows, timed(report, workload, resources, [&] {
                  return similar_items(workload.rows, {}, workload.binary, knn, resources);
                }));
  if (request.output.empty()) return {};
  const auto k = static_cast<std::size_t>(config.k);
  std::vector<std::int64_t> neighbours(rows.size() * k, -1);
  std::vector<float> similarities(rows.size() * k, 0.0f);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t n = 0; n < rows[i].size(); ++n) {
      neighbours[i * k + n] = rows[i][n].item;
      similarities[i * k + n] = rows[i][n].similarity;
    }
  }
  const std::size_t shape[] = {rows.size(), k};
  SARTOR_TRY(write_npy<std::int64_t>(request.output + "/neighbours.npy", neighbours, shape));
  return write_npy<float>(request.output + "/similarities.npy", similarities, shape);
}

Status bench_als(const Workload& workload, const BenchRequest& request, const Json& settings,
                 const Resources& resources, Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<AlsConfig>(settings));
  if (!workload.binary)
    return Error{ErrorCode::bad_data, request.input + "/values.npy: als expects 1 everywhere"};
  SARTOR_ASSIGN(const auto factors, timed(report, workload, resources, [&] {
                  return fit_als_factors(workload.rows, config, resources);
                }));
  report["loss"] = als_loss(workload.rows, config, factors);
  if (request.output.empty()) return {};
  for (const auto& [name, side] :
       {std::pair{"user_factors", &factors.users}, std::pair{"item_factors", &factors.items}}) {
    const std::size_t shape[] = {side->rows(), side->columns()};
    SARTOR_TRY(
        write_npy<float>(fmt::format("{}/{}.npy", request.output, name), side->values(), shape));
  }
  return {};
}

Status bench_item2vec(const Workload& workload, const BenchRequest& request, const Json& settings,
                      const Resources& resources, Json& report) {
  SARTOR_ASSIGN(const auto config, settings_of<Item2vecConfig>(settings));
  const Sequences sequences{
      .items = workload.rows.items, .begin = workload.rows.begin, .item = workload.rows.item};
  SARTOR_ASSIGN(const auto fitted, timed(report, workload, resources, [&] {
                  return fit_skip_gram(sequences, config, resources);
                }));
  if (request.output.empty()) return {};
  const std::size_t shape[] = {fitted.input.rows(), fitted.input.columns()};
  return write_npy<float>(request.output + "/vectors.npy", fitted.input.values(), shape);
}

struct Benchmark {
  const char* name;
  Status (*run)(const Workload&, const BenchRequest&, const Json&, const Resources&, Json&);
  bool sequences = false;  // what load_csr is told
};

constexpr Benchmark kBenchmarks[] = {{"als", bench_als},
                                     {"ease", bench_ease},
                                     {"item2vec", bench_item2vec, true},
                                     {"item_knn", bench_item_knn}};

}  // namespace

std::vector<std::string> model_benchmarks() {
  std::vector<std::string> names;
  for (const Benchmark& benchmark : kBenchmarks) names.emplace_back(benchmark.name);
  for (std::string& name : vector_benchmarks()) names.push_back(std::move(name));
  return names;
}

Result<Json> run_model_benchmark(std::string_view workload, const BenchRequest& request,
                                 const Json& settings, const Resources& resources) {
  const std::vector<std::string> on_vectors = vector_benchmarks();
  if (std::find(on_vectors.begin(), on_vectors.end(), workload) != on_vectors.end())
    return run_vector_benchmark(workload, request, settings, resources);
  for (const Benchmark& benchmark : kBenchmarks) {
    if (workload != benchmark.name) continue;
    SARTOR_ASSIGN(const Workload loaded, load_csr(request.input, benchmark.sequences));
    if (!request.output.empty()) {
      std::error_code failed;
      std::filesystem::create_directories(request.output, failed);
      if (failed) {
        return Error{ErrorCode::io, fmt::format("{}: cannot make the folder: {}", request.output,
                                                failed.message())};
      }
    }
    Json report = {{"name", benchmark.name}};
    SARTOR_TRY(benchmark.run(loaded, request, settings, resources, report));
    return report;
  }
  return Error{ErrorCode::config, fmt::format("unknown workload '{}'{}", workload,
                                              did_you_mean(workload, model_benchmarks()))};
}

}  // namespace sartor
