// `sartor bench`: one kernel of this module at a time, timed on arrays that others can read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

struct BenchRequest {
  std::string
      input;  // folder with indptr.npy, indices.npy, values.npy, shape.npy (CSR, users x items)
  std::string output;  // folder for what was made; "": nothing is written
};

// "als", "ease", "item2vec", "item_knn", and those of bench_vectors.h.
std::vector<std::string> model_benchmarks();

// Loads, runs the kernel once and writes; only the kernel is timed. `settings` is an object:
//   als       AlsConfig's fields -> user_factors.npy, item_factors.npy; adds "loss"
//   ease      regularization -> weights.npy (items x items); adds "gram_seconds" and
//             "gram_cpu_seconds", the Gram matrix alone
//   item2vec  Item2vecConfig's fields -> vectors.npy (items x dimensions); each row of the CSR is a
//             sequence, in its order and with repetitions, and values.npy is not read
//   item_knn  k, similarity, shrinkage, alpha (ItemKnnConfig's) -> neighbours.npy (items x k, -1
//             where there are fewer), similarities.npy (items x k, 0 there)
// Returns {"name", "seconds", "cpu_seconds", "rows" (users), "rows_per_second", "peak_rss_mb",
// "threads"}. Fails with `config` for an unknown workload or setting, `bad_data` for arrays that
// are no CSR matrix.
Result<Json> run_model_benchmark(std::string_view workload, const BenchRequest& request,
                                 const Json& settings, const Resources& resources);

}  // namespace sartor
