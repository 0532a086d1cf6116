#!/usr/bin/env python3
"""EASE on the head of the catalogue beside numpy and scipy: the Gram matrix and its inverse by Cholesky.

    pip install numpy scipy threadpoolctl
    bench/generate.py csr --users 138000 && bench/ease.py csr [--items 5000]

Two JSON lines, for the peer in single precision (as ours) and in double (as usual). The peer's Gram is scipy's sparse X'X; its
inverse potrf and potri in place.
"""
import os
import sys

import numpy as np
import scipy.linalg.lapack as lapack
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

import beside

REGULARIZATION = 300.0


def head_of(args):
    """The matrix of the most popular items alone, also written where `sartor bench` reads it."""
    load = lambda name: np.load(f"{args.folder}/{name}.npy")
    rows = sp.csr_matrix((load("values"), load("indices"), load("indptr")), shape=load("shape"))
    users = np.bincount(rows.indices, minlength=rows.shape[1])
    rows = rows[:, np.sort(np.argsort(-users, kind="stable")[:args.items])].tocsr()
    rows.sort_indices()
    folder = f"{args.folder}/head{args.items}"
    os.makedirs(folder, exist_ok=True)
    for name, array in (("indptr", rows.indptr.astype(np.int64)), ("indices", rows.indices.astype(np.int64)),
                        ("values", rows.data), ("shape", np.array(rows.shape, dtype=np.int64))):
        np.save(f"{folder}/{name}.npy", array)
    return rows, folder


def peer(rows, dtype):
    """Weights, and the CPU seconds of the Gram and of the rest."""
    x = rows.astype(dtype)
    gram_cpu, gram_wall, gram = beside.timed(lambda: (x.T @ x).toarray())
    potrf, potri = (lapack.spotrf, lapack.spotri) if dtype == np.float32 else (lapack.dpotrf, lapack.dpotri)

    def solve():
        gram[np.diag_indices_from(gram)] += REGULARIZATION
        factor, info = potrf(gram.T, lower=0, overwrite_a=1)
        p, info2 = potri(factor, lower=0, overwrite_c=1)
        assert info == 0 and info2 == 0
        p = np.triu(p)
        p += np.triu(p, 1).T
        b = p / -np.diag(p)
        np.fill_diagonal(b, 0)
        return b

    cpu, wall, weights = beside.timed(solve)
    return {"gram_cpu": gram_cpu, "cpu_seconds": gram_cpu + cpu, "seconds": gram_wall + wall, "weights": weights}


def main():
    parser = beside.arguments(__doc__)
    parser.add_argument("--items", type=int, default=5000)
    args = parser.parse_args()
    rows, folder = head_of(args)
    ours = lambda threads: beside.sartor(args, "ease", folder, threads, f"{folder}/out", regularization=REGULARIZATION)

    def theirs(dtype):
        with threadpool_limits(args.threads, "blas"):
            result = peer(rows, dtype)
        weights = result.pop("weights")
        result["difference"] = float(np.abs(weights - np.load(f"{folder}/out/weights.npy")).max())
        return result

    runs = beside.alternate(args.repeats, ours=lambda: ours(args.threads), one=lambda: ours(1),
                            float32=lambda: theirs(np.float32), float64=lambda: theirs(np.float64))
    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    a = np.random.default_rng(1).random((2048, 2048), dtype=np.float32)
    with threadpool_limits(1, "blas"):
        gemm = 2e-9 * 2048**3 / min(beside.timed(lambda: a @ a)[0] for _ in range(4))
    inverse = 1e-9 * args.items**3 / (of("one", "cpu_seconds") - of("one", "gram_cpu_seconds"))
    for dtype in ("float32", "float64"):
        beside.line(workload="ease", items=args.items, entries=rows.nnz, peer=f"numpy + scipy, {dtype}",
                    cpu=of("ours", "cpu_seconds"), peer_cpu=of(dtype, "cpu_seconds"),
                    ratio=of(dtype, "cpu_seconds") / of("ours", "cpu_seconds"),
                    gram_cpu=of("ours", "gram_cpu_seconds"), peer_gram_cpu=of(dtype, "gram_cpu"),
                    gram_ratio=of(dtype, "gram_cpu") / of("ours", "gram_cpu_seconds"),
                    largest_weight_difference=of(dtype, "difference"), peer_wall=of(dtype, "seconds"),
                    **beside.walls(runs["ours"], runs["one"]), inverse_gflops_per_cpu_second=inverse,
                    inverse_of_gemm=inverse / gemm)


if __name__ == "__main__":
    sys.exit(main())
