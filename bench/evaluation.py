#!/usr/bin/env python3
"""Full-catalogue evaluation of vectors beside numpy and ranx: score, mask what was seen, top 20, NDCG and recall.

    pip install numpy ranx threadpoolctl
    bench/evaluation.py folder [--users 13800] [--items 27000] [--dimensions 64]

One JSON line. The peer scores in blocks of 512 users (sgemm), masks, takes argpartition and sorts; its lists go to ranx as
arrays, the fastest way in. ranx is compiled (numba) before the time.
"""
import os
import sys

import numba
import numpy as np
from ranx import evaluate
from threadpoolctl import threadpool_limits

import beside

K, BLOCK = 20, 512


def csr(rows):
    return (np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
            np.concatenate(rows).astype(np.int64))


def make(args):
    """Users near the items they take: some were seen, some are targets, popular ones more often."""
    rng = np.random.default_rng(1)
    items = rng.standard_normal((args.items, args.dimensions), dtype=np.float32)
    popularity = 1 / (np.arange(args.items) + 20)
    cumulative = np.cumsum(popularity / popularity.sum())
    users, seen, targets = np.zeros((args.users, args.dimensions), np.float32), [], []
    for u in range(args.users):
        n = min(20 + int(45 * rng.pareto(1.3)), 4000)
        taken = np.unique(np.minimum(np.searchsorted(cumulative, rng.random(n)), args.items - 1))
        is_target = np.arange(len(taken)) % 10 == rng.integers(10)
        is_target[rng.integers(len(taken))] = True
        users[u] = items[taken].mean(0) + 0.1 * rng.standard_normal(args.dimensions)
        targets.append(taken[is_target])
        seen.append(taken[~is_target])
    os.makedirs(args.folder, exist_ok=True)
    (sb, si), (tb, ti) = csr(seen), csr(targets)
    for name, array in (("queries", users), ("x", items), ("seen_indptr", sb), ("seen_indices", si),
                        ("target_indptr", tb), ("target_indices", ti)):
        np.save(f"{args.folder}/{name}.npy", array)
    return users, items, seen, targets, (sb, si)


def lists_of(users, items, seen, transposed):
    begin, columns = seen
    ids = np.empty((len(users), K), np.int64)
    best = np.empty((len(users), K), np.float32)
    for at in range(0, len(users), BLOCK):
        end = min(at + BLOCK, len(users))
        scores = users[at:end] @ transposed
        rows = np.repeat(np.arange(end - at), np.diff(begin[at:end + 1]))
        scores[rows, columns[begin[at]:begin[end]]] = -np.inf
        top = np.argpartition(scores, -K, axis=1)[:, -K:]
        found = np.take_along_axis(scores, top, 1)
        order = np.argsort(-found, axis=1, kind="stable")
        ids[at:end], best[at:end] = np.take_along_axis(top, order, 1), np.take_along_axis(found, order, 1)
    return ids, best


def main():
    parser = beside.arguments(__doc__)
    for name, default in (("users", 13_800), ("items", 27_000), ("dimensions", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    users, items, seen, targets, seen_csr = make(args)
    numba.set_num_threads(args.threads)
    names = [f"ndcg@{K}", f"recall@{K}"]
    wanted = numba.typed.List([np.column_stack([t, np.ones(len(t))]).astype(np.float64) for t in targets])

    def score(ids, best):
        run = np.stack([ids.astype(np.float64), best.astype(np.float64)], 2)
        return evaluate(wanted, numba.typed.List(list(run)), names)

    ids, best = lists_of(users[:300], items, (seen_csr[0][:301], seen_csr[1]), np.ascontiguousarray(items.T))
    evaluate(numba.typed.List(list(wanted)[:300]),
             numba.typed.List(list(np.stack([ids.astype(np.float64), best.astype(np.float64)], 2))), names)

    def theirs():
        with threadpool_limits(args.threads, "blas"):
            cpu, wall, lists = beside.timed(
                lambda: lists_of(users, items, seen_csr, np.ascontiguousarray(items.T)))
            cpu_ranx, wall_ranx, values = beside.timed(lambda: score(*lists))
        return {"cpu_seconds": cpu + cpu_ranx, "ranx": cpu_ranx, "seconds": wall + wall_ranx, "values": values}

    ours = lambda threads: beside.sartor(args, "evaluation", args.folder, threads, k=K)
    runs = beside.alternate(args.repeats, theirs=theirs, ours=lambda: ours(args.threads), one=lambda: ours(1))
    a = np.random.default_rng(1).random((2048, 2048), dtype=np.float32)
    with threadpool_limits(1, "blas"):
        gemm = 2e-9 * 2048**3 / min(beside.timed(lambda: a @ a)[0] for _ in range(4))
    of = lambda name, field: beside.middle([run[field] for run in runs[name]])
    rate = 2e-9 * args.users * args.items * args.dimensions / of("one", "cpu_seconds")
    values, report = runs["theirs"][0]["values"], runs["ours"][0]
    beside.line(workload="evaluation", users=args.users, items=args.items, dimensions=args.dimensions,
                peer="numpy + ranx", cpu=of("ours", "cpu_seconds"), peer_cpu=of("theirs", "cpu_seconds"),
                ratio=of("theirs", "cpu_seconds") / of("ours", "cpu_seconds"), peer_ranx_cpu=of("theirs", "ranx"),
                ndcg=report["ndcg"], recall=report["recall"],
                difference=float(max(abs(report["ndcg"] - values[names[0]]), abs(report["recall"] - values[names[1]]))),
                peer_wall=of("theirs", "seconds"), **beside.walls(runs["ours"], runs["one"]),
                gflops_per_cpu_second=rate, of_gemm=rate / gemm)


if __name__ == "__main__":
    sys.exit(main())
