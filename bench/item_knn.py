#!/usr/bin/env python3
"""Item k-NN beside implicit 0.7.3 on the same matrix: CPU seconds, and whether the lists are the same.

    pip install implicit==0.7.3 threadpoolctl
    bench/generate.py csr && bench/item_knn.py csr [--similarity cosine|tfidf|bm25] [--k 100] [--repeats 5]

Runs alternate. implicit counts an item as its own neighbour in cosine and tfidf, so it is asked for k + 1.
"""
import argparse
import json
import resource
import subprocess
import sys
import time

import implicit.nearest_neighbours as nn
import numpy as np
import scipy.sparse as sp

PEERS = {"cosine": nn.CosineRecommender, "tfidf": nn.TFIDFRecommender, "bm25": nn.BM25Recommender}


def run_theirs(rows, similarity, k, threads):
    model = PEERS[similarity](K=k + 1, num_threads=threads)
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.time()
    model.fit(rows, show_progress=False)
    wall, after = time.time() - wall, resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, model.similarity


def run_ours(args, threads):
    command = [args.sartor, "bench", "item_knn", "--input", args.folder, "--output", f"{args.folder}/out", "--json",
               "--threads", str(threads), "--set", f"k={args.k}", "--set", f"similarity={args.similarity}"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return report["cpu_seconds"], report["seconds"], report["peak_rss_mb"]


def agreement(theirs, folder, k):
    """Share of places, best first, with the same similarity within 1e-5 of it, and an item that the other list has
    too or that is tied with its last."""
    items, similarities = (np.load(f"{folder}/out/{name}.npy") for name in ("neighbours", "similarities"))
    same = places = 0
    for i in range(len(items)):
        part = slice(theirs.indptr[i], theirs.indptr[i + 1])
        kept = (theirs.indices[part] != i) & (theirs.data[part] > 0)
        values, others = theirs.data[part][kept], theirs.indices[part][kept]
        best = np.argsort(-values, kind="stable")[:k]
        values, others = values[best], others[best]
        mine = similarities[i, :(similarities[i] > 0).sum()]
        n = min(len(values), len(mine))
        known = np.isin(items[i, :n], others) | np.isclose(mine[:n], values[-1] if n else 0, rtol=1e-5)
        same += (np.isclose(values[:n], mine[:n], rtol=1e-5) & known).sum()
        places += max(len(values), len(mine))
    return same / places, places


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--similarity", default="cosine", choices=PEERS)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    args = parser.parse_args()
    load = lambda name: np.load(f"{args.folder}/{name}.npy")
    rows = sp.csr_matrix((load("values"), load("indices"), load("indptr")), shape=load("shape"))

    runs = {(who, threads): [] for who in ("implicit", "sartor") for threads in (1, 2)}
    for _ in range(args.repeats):
        for threads in (1, 2):
            cpu, wall, similarity = run_theirs(rows, args.similarity, args.k, threads)
            runs["implicit", threads].append((cpu, wall))
            runs["sartor", threads].append(run_ours(args, threads))
    median = lambda who, threads, i: sorted(run[i] for run in runs[who, threads])[args.repeats // 2]
    for who, threads in runs:
        print(f"{who:<9} {threads} thread{'s'[:threads - 1]} cpu {median(who, threads, 0):7.2f} s  "
              f"wall {median(who, threads, 1):7.2f} s")
    print(f"ratio of CPU seconds {median('implicit', 1, 0) / median('sartor', 1, 0):.2f} with 1 thread, "
          f"{median('implicit', 2, 0) / median('sartor', 2, 0):.2f} with 2")
    print(f"wall of 2 threads over 1: {median('sartor', 2, 1) / median('sartor', 1, 1):.2f}; "
          f"peak memory {median('sartor', 2, 2):.0f} MB")
    same, places = agreement(similarity.tocsr(), args.folder, args.k)
    print(f"the same neighbour, ties aside, at {same:.6f} of {places} places")
    return 0 if same > 0.9999 else 1


if __name__ == "__main__":
    sys.exit(main())
