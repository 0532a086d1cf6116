#!/usr/bin/env python3
"""k-means from the same start beside scikit-learn's Lloyd and faiss-cpu: CPU seconds, and the inertia that is reached.

    pip install numpy scikit-learn faiss-cpu threadpoolctl
    bench/kmeans.py folder [--rows 200000] [--dimensions 64] [--clusters 50] [--iterations 25] [--noise 1] [--repeats 3]

One JSON line. Rows are --clusters normal centres with normal noise --noise times as large around them; the start are the
first rows. Every library does the same number of steps unless nothing changes any more. Ours and scikit-learn's end with
labels, centres and inertia; faiss's `train` gives centres, so that a search for the nearest ones is added to it.
"""
import os
import sys

# See top_k.py.
if "OPENBLAS_CORETYPE" not in os.environ:
    with open("/proc/cpuinfo") as info:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512f" in info.read() else "Haswell"

import faiss
import numpy as np
import sklearn
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

import beside


def main():
    parser = beside.arguments(__doc__)
    for name, default in (("rows", 200_000), ("dimensions", 64), ("clusters", 50), ("iterations", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--noise", type=float, default=1.0)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((args.clusters, args.dimensions), dtype=np.float32)
    x = args.noise * rng.standard_normal((args.rows, args.dimensions), dtype=np.float32)
    x = (x + centres[rng.integers(0, args.clusters, args.rows)]).astype(np.float32)
    start = x[:args.clusters].copy()
    os.makedirs(args.folder, exist_ok=True)
    np.save(f"{args.folder}/x.npy", x)
    np.save(f"{args.folder}/centres.npy", start)
    faiss.omp_set_num_threads(args.threads)

    def scikit():
        model = KMeans(args.clusters, init=start, n_init=1, max_iter=args.iterations, tol=0, algorithm="lloyd")
        with threadpool_limits(args.threads):
            cpu, wall, model = beside.timed(lambda: model.fit(x))
        return {"cpu_seconds": cpu, "seconds": wall, "centres": model.cluster_centers_, "iterations": model.n_iter_}

    def of_faiss():
        model = faiss.Kmeans(args.dimensions, args.clusters, niter=args.iterations, min_points_per_centroid=1,
                             max_points_per_centroid=args.rows)

        def fit():
            model.train(x, init_centroids=start)
            return model.index.search(x, 1)

        with threadpool_limits(args.threads, "blas"):
            cpu, wall, _ = beside.timed(fit)
        return {"cpu_seconds": cpu, "seconds": wall, "centres": model.centroids}

    ours = lambda threads: beside.sartor(args, "kmeans", args.folder, threads, f"{args.folder}/out",
                                         iterations=args.iterations)
    runs = beside.alternate(args.repeats, sklearn=scikit, faiss=of_faiss, ours=lambda: ours(args.threads),
                            one=lambda: ours(1))
    index = faiss.IndexFlatL2(args.dimensions)

    def inertia(found):
        index.reset()
        index.add(np.ascontiguousarray(found, dtype=np.float32))
        nearest = index.search(x, 1)[1][:, 0]
        return float(((x.astype(np.float64) - found[nearest]) ** 2).sum())

    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    cpu = of("ours", "cpu_seconds")
    reached = inertia(np.load(f"{args.folder}/out/centres.npy"))
    beside.line(workload="kmeans", rows=args.rows, dimensions=args.dimensions, clusters=args.clusters, noise=args.noise,
                iterations=runs["ours"][0]["iterations"], sklearn_iterations=runs["sklearn"][0]["iterations"], cpu=cpu,
                sklearn=sklearn.__version__, sklearn_cpu=of("sklearn", "cpu_seconds"),
                ratio_sklearn=of("sklearn", "cpu_seconds") / cpu,
                inertia_over_sklearn=reached / inertia(runs["sklearn"][0]["centres"]),
                faiss=faiss.__version__, faiss_cpu=of("faiss", "cpu_seconds"),
                ratio_faiss=of("faiss", "cpu_seconds") / cpu,
                inertia_over_faiss=reached / inertia(runs["faiss"][0]["centres"]),
                reported_inertia_over_own=runs["ours"][0]["inertia"] / reached,
                sklearn_wall=of("sklearn", "seconds"), faiss_wall=of("faiss", "seconds"),
                **beside.walls(runs["ours"], runs["one"]))


if __name__ == "__main__":
    sys.exit(main())
