#!/usr/bin/env python3
"""Exact top k by inner product beside faiss-cpu's flat index, one batch, and beside the machine's own sgemm.

    pip install numpy faiss-cpu threadpoolctl
    bench/top_k.py folder [--queries 10000] [--vectors 100000] [--dimensions 64] [--k 10]

One JSON line. Ours is from vectors in memory (packing included) to ids and scores; faiss's is `search` alone, without
`add`. `of_gemm` is the rate of the whole search over numpy's sgemm, in CPU seconds of one thread: `of_gemm` on
2048 x 2048 x 2048, `of_gemm_same_shape` on blocks of the same product.
"""
import os
import sys

# The OpenBLAS in faiss's wheel takes a processor younger than itself for a Pentium 4, which makes it 4 times slower:
# name the kernels for it.
if "OPENBLAS_CORETYPE" not in os.environ:
    with open("/proc/cpuinfo") as info:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512f" in info.read() else "Haswell"

import faiss
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import beside


def gemm_rates(queries, vectors):
    a = np.random.default_rng(1).random((2048, 2048), dtype=np.float32)
    q, x = queries[:2000], np.ascontiguousarray(vectors[:20_000].T)
    with threadpool_limits(1, "blas"):
        rate = lambda a, b: 2e-9 * a.shape[0] * b.size / min(beside.timed(lambda: a @ b)[0] for _ in range(4))
        return rate(a, a), rate(q, x)


def main():
    parser = beside.arguments(__doc__)
    for name, default in (("queries", 10_000), ("vectors", 100_000), ("dimensions", 64), ("k", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((args.queries, args.dimensions), dtype=np.float32)
    vectors = rng.standard_normal((args.vectors, args.dimensions), dtype=np.float32)
    os.makedirs(args.folder, exist_ok=True)
    np.save(f"{args.folder}/queries.npy", queries)
    np.save(f"{args.folder}/x.npy", vectors)
    faiss.omp_set_num_threads(args.threads)
    index = faiss.IndexFlatIP(args.dimensions)
    index.add(vectors)

    def theirs():
        with threadpool_limits(args.threads, "blas"):
            cpu, wall, (scores, ids) = beside.timed(lambda: index.search(queries, args.k))
        return {"cpu_seconds": cpu, "seconds": wall, "ids": ids, "scores": scores}

    ours = lambda threads: beside.sartor(args, "top_k", args.folder, threads, f"{args.folder}/out", k=args.k)
    runs = beside.alternate(args.repeats, theirs=theirs, ours=lambda: ours(args.threads), one=lambda: ours(1))
    square, same_shape = gemm_rates(queries, vectors)
    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    ids, scores = np.load(f"{args.folder}/out/ids.npy"), np.load(f"{args.folder}/out/scores.npy")
    rate = of("one", "gflops_per_cpu_second")
    beside.line(workload="top_k", queries=args.queries, vectors=args.vectors, dimensions=args.dimensions, k=args.k,
                peer=f"faiss {faiss.__version__} IndexFlatIP",
                peer_kernels=sorted({i["architecture"] for i in threadpool_info() if i["user_api"] == "blas"}), cpu=of("ours", "cpu_seconds"),
                peer_cpu=of("theirs", "cpu_seconds"), ratio=of("theirs", "cpu_seconds") / of("ours", "cpu_seconds"),
                same_ids=float((ids == runs["theirs"][0]["ids"]).mean()),
                largest_score_difference=float(np.abs(scores - runs["theirs"][0]["scores"]).max()),
                peer_wall=of("theirs", "seconds"), **beside.walls(runs["ours"], runs["one"]),
                gflops_per_cpu_second=rate, of_gemm=rate / square, of_gemm_same_shape=rate / same_shape)


if __name__ == "__main__":
    sys.exit(main())
