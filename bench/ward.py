#!/usr/bin/env python3
"""Ward's hierarchical clustering beside fastcluster's memory-saving linkage of the same rows.

    pip install numpy fastcluster
    bench/ward.py folder [--rows 20000] [--dimensions 64] [--blobs 0] [--repeats 3]

One JSON line. Rows are normal noise, or --blobs centres with as much noise around them. Both start from rows in memory
(ours in float, theirs in double) and end with merges and heights. fastcluster has one thread.
"""
import os
import sys

import fastcluster
import numpy as np

import beside


def main():
    parser = beside.arguments(__doc__)
    for name, default in (("rows", 20_000), ("dimensions", 64), ("blobs", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((args.rows, args.dimensions), dtype=np.float32)
    if args.blobs:
        centres = rng.standard_normal((args.blobs, args.dimensions), dtype=np.float32)
        x += centres[rng.integers(0, args.blobs, args.rows)]
    os.makedirs(args.folder, exist_ok=True)
    np.save(f"{args.folder}/x.npy", x)
    as_double = x.astype(np.float64)

    def theirs():
        cpu, wall, tree = beside.timed(lambda: fastcluster.linkage_vector(as_double, method="ward"))
        return {"cpu_seconds": cpu, "seconds": wall, "tree": tree}

    ours = lambda threads: beside.sartor(args, "ward", args.folder, threads, f"{args.folder}/out")
    runs = beside.alternate(args.repeats, theirs=theirs, ours=lambda: ours(args.threads), one=lambda: ours(1))
    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    tree = runs["theirs"][0]["tree"]
    merges, heights = np.load(f"{args.folder}/out/merges.npy"), np.load(f"{args.folder}/out/heights.npy")
    beside.line(workload="ward", rows=args.rows, dimensions=args.dimensions, blobs=args.blobs,
                peer=f"fastcluster {fastcluster.__version__} linkage_vector", cpu=of("ours", "cpu_seconds"),
                cpu_1_thread=of("one", "cpu_seconds"), peer_cpu=of("theirs", "cpu_seconds"),
                ratio=of("theirs", "cpu_seconds") / of("ours", "cpu_seconds"), peer_wall=of("theirs", "seconds"),
                largest_relative_height_difference=float(np.abs(heights / tree[:, 2] - 1).max()),
                same_merges=float((np.sort(tree[:, :2], axis=1) == merges).all(axis=1).mean()),
                peak_rss_mb=of("ours", "peak_rss_mb"), **beside.walls(runs["ours"], runs["one"]))


if __name__ == "__main__":
    sys.exit(main())
