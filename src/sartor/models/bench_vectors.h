// `sartor bench`: the workloads on dense vectors (queries.npy and x.npy, one vector a row).
#pragma once

#include "sartor/models/bench_kernels.h"

namespace sartor {

// "top_k", "evaluation".
std::vector<std::string> vector_benchmarks();

//   top_k       k -> ids.npy (queries x k, -1 where there are fewer), scores.npy; adds
//               "gflops_per_cpu_second"
//   evaluation  k; queries.npy are users, x.npy items; seen_indptr.npy and seen_indices.npy (what
//               may not be listed) and target_indptr.npy and target_indices.npy (CSR over users,
//               ascending) -> ndcg.npy and recall.npy, one per user, NaN-free: users without
//               targets have 0 and do not count; adds "ndcg" and "recall", the means
// Timed is all from vectors in memory to results in memory. Fails like run_model_benchmark.
Result<Json> run_vector_benchmark(std::string_view workload, const BenchRequest& request,
                                  const Json& settings, const Resources& resources);

}  // namespace sartor
