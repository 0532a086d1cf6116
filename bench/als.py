#!/usr/bin/env python3
"""ALS beside implicit 0.7.3 on the same matrix: CPU seconds and the loss that both minimise.

    pip install implicit==0.7.3
    bench/generate.py csr && bench/als.py csr [--solver cholesky] [--iterations 10] [--threads 2]
"""
import argparse
import json
import resource
import subprocess
import sys
import time

import implicit.cpu.als as als
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

FACTORS, REGULARIZATION, ALPHA = 64, 10.0, 10.0


def loss(rows, x, y):
    """sum c (p - x.y)^2 + regularization (|x|^2 + |y|^2), in double, without the dense matrix."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    total = REGULARIZATION * ((x * x).sum() + (y * y).sum()) + ((x.T @ x) * (y.T @ y)).sum()
    users = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    for at in range(0, len(users), 500_000):
        part = slice(at, at + 500_000)
        p = np.einsum("ij,ij->i", x[users[part]], y[rows.indices[part]])
        total += (ALPHA * (1 - p) ** 2 - p**2).sum()
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--solver", default="cg")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    args = parser.parse_args()
    load = lambda name: np.load(f"{args.folder}/{name}.npy")
    rows = sp.csr_matrix((load("values"), load("indices"), load("indptr")), shape=load("shape"))

    theirs, ours = [], []
    for _ in range(args.repeats):
        model = als.AlternatingLeastSquares(
            factors=FACTORS, regularization=REGULARIZATION, alpha=ALPHA, iterations=args.iterations,
            use_cg=args.solver == "cg", num_threads=args.threads, random_state=1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        wall = time.time()
        with threadpool_limits(1, "blas"):
            model.fit(rows, show_progress=False)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        theirs.append((cpu, time.time() - wall, loss(rows, model.user_factors, model.item_factors)))

        out = subprocess.run(
            [args.sartor, "bench", "als", "--input", args.folder, "--output", f"{args.folder}/out", "--json",
             "--threads", str(args.threads), "--set", f"factors={FACTORS}", "--set",
             f"regularization={REGULARIZATION}", "--set", f"alpha={ALPHA}", "--set",
             f"iterations={args.iterations}", "--set", f"solver={args.solver}"],
            check=True, capture_output=True, text=True)
        report = json.loads(out.stdout.splitlines()[-1])
        factors = [np.load(f"{args.folder}/out/{side}_factors.npy") for side in ("user", "item")]
        ours.append((report["cpu_seconds"], report["seconds"], loss(rows, *factors)))

    median = lambda runs, i: sorted(run[i] for run in runs)[len(runs) // 2]
    for name, runs in (("implicit", theirs), ("sartor", ours)):
        print(f"{name:<9} cpu {median(runs, 0):7.2f} s  wall {median(runs, 1):7.2f} s  loss {median(runs, 2):.6g}")
    print(f"ratio of CPU seconds {median(theirs, 0) / median(ours, 0):.2f}, "
          f"loss {median(ours, 2) / median(theirs, 2):.5f} of theirs")


if __name__ == "__main__":
    sys.exit(main())
