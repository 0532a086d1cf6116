#!/usr/bin/env python3
"""ALS beside implicit 0.7.3 on the same matrix: CPU seconds and the loss that both minimise.

    pip install implicit==0.7.3
    bench/generate.py csr && OPENBLAS_NUM_THREADS=1 bench/als.py csr [--solver cholesky] [--iterations 10]

One JSON line. `gflops_per_cpu_second` counts what the algorithm needs: for CG per entry and step one dot and
one sum of `factors`, for Cholesky the lower triangle of each outer product and factors^3 / 3 a row; `of_gemm` is its
share of what numpy's sgemm does on 2048 x 2048 in the same process.
"""
import sys

import implicit.cpu.als as als
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

import beside

FACTORS, REGULARIZATION, ALPHA, CG_STEPS = 64, 10.0, 10.0, 3


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


def flops(rows, solver, iterations):
    entries, lines = 2 * rows.nnz, sum(rows.shape)
    if solver == "cg":
        return iterations * (CG_STEPS + 1) * (4 * FACTORS * entries + 2 * FACTORS**2 * lines)
    return iterations * (FACTORS * (FACTORS + 1) * entries + FACTORS**3 / 3 * lines)


def gemm_rate():
    a = np.random.default_rng(1).random((2048, 2048), dtype=np.float32)
    a @ a
    return 2e-9 * 2048**3 / min(beside.timed(lambda: a @ a)[0] for _ in range(3))


def main():
    parser = beside.arguments(__doc__)
    parser.add_argument("--solver", default="cg")
    parser.add_argument("--iterations", type=int, default=10)
    args = parser.parse_args()
    load = lambda name: np.load(f"{args.folder}/{name}.npy")
    rows = sp.csr_matrix((load("values"), load("indices"), load("indptr")), shape=load("shape"))

    def theirs():
        model = als.AlternatingLeastSquares(
            factors=FACTORS, regularization=REGULARIZATION, alpha=ALPHA, iterations=args.iterations,
            use_cg=args.solver == "cg", num_threads=args.threads, random_state=1)
        with threadpool_limits(1, "blas"):
            cpu, wall, _ = beside.timed(lambda: model.fit(rows, show_progress=False))
        return {"cpu_seconds": cpu, "seconds": wall, "loss": loss(rows, model.user_factors, model.item_factors)}

    def ours(threads):
        report = beside.sartor(args, "als", args.folder, threads, f"{args.folder}/out", factors=FACTORS,
                               regularization=REGULARIZATION, alpha=ALPHA, iterations=args.iterations,
                               solver=args.solver, cg_steps=CG_STEPS)
        if threads == args.threads:
            report["loss"] = loss(rows, *(np.load(f"{args.folder}/out/{side}_factors.npy") for side in ("user", "item")))
        return report

    runs = beside.alternate(args.repeats, theirs=theirs, ours=lambda: ours(args.threads), one=lambda: ours(1))
    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    with threadpool_limits(1, "blas"):
        gemm = gemm_rate()
    rate = 1e-9 * flops(rows, args.solver, args.iterations) / of("ours", "cpu_seconds")
    beside.line(workload="als", solver=args.solver, iterations=args.iterations, entries=rows.nnz, peer="implicit",
                cpu=of("ours", "cpu_seconds"), peer_cpu=of("theirs", "cpu_seconds"),
                ratio=of("theirs", "cpu_seconds") / of("ours", "cpu_seconds"),
                loss_of_peer=round(of("ours", "loss") / of("theirs", "loss"), 6), peer_wall=of("theirs", "seconds"),
                **beside.walls(runs["ours"], runs["one"]), gflops_per_cpu_second=rate, of_gemm=rate / gemm)


if __name__ == "__main__":
    sys.exit(main())
