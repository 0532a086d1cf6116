// `sartor bench`: the kernels of this module, timed on arrays that others can read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/bench_kernels.h"

namespace sartor {

// "kmeans", "ward".
std::vector<std::string> segment_benchmarks();

// Rows are those of x.npy. `settings` is an object:
//   kmeans  iterations; centres.npy is the start -> labels.npy, centres.npy, inertia.npy (1); adds
//           "inertia" and "iterations", those done
//   ward    most_leaves -> merges.npy (rows - 1 x 2), heights.npy, sizes.npy, as scipy's linkage
//           has them; of groups of rows where there are more rows than most_leaves (0: never), and
//           then leaves.npy, the group of each row
// Timed is all from arrays in memory to results in memory. Fails like run_model_benchmark.
Result<Json> run_segment_benchmark(std::string_view workload, const BenchRequest& request,
                                   const Json& settings, const Resources& resources);

}  // namespace sartor
