#!/usr/bin/env python3
"""item2vec beside gensim 4.4's Word2Vec (sg=1) on the same sequences: CPU seconds and held-out hits.

    pip install gensim==4.4.0
    bench/item2vec.py sequences [--users 13800] [--epochs 5] [--threads 2] [--repeats 3]

Users walk along a ring of 300 clusters of 90 items: mostly they stay, sometimes they step to a near one, and
one event in ten is drawn from all items. Each user's last event is held out; a hit is finding it among the 20 items
nearest by cosine to the event before it. gensim is timed in train() alone, from sentences in memory or from a file
(--gensim file), whichever is asked for; its vocabulary is made before.
"""
import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
from gensim.models import Word2Vec

CLUSTERS, PER_CLUSTER = 300, 90
ITEMS = CLUSTERS * PER_CLUSTER
SETTINGS = {"dimensions": 64, "window": 5, "negatives": 5, "negative_power": 0.75, "learning_rate": 0.025}


def cumulative(weights):
    return np.cumsum(weights) / weights.sum()


def sequences(users, rng):
    """One array of item numbers per user, in order."""
    everywhere = cumulative(1 / (np.arange(ITEMS) + 20))
    within = cumulative(1 / (np.arange(PER_CLUSTER) + 5))
    for n in np.minimum(20 + 45 * rng.pareto(1.3, users), 4000).astype(np.int64):
        steps = np.where(rng.random(n) < 0.05, rng.integers(-3, 4, n), 0)
        cluster = (rng.integers(CLUSTERS) + np.cumsum(steps)) % CLUSTERS
        rank = np.minimum(np.searchsorted(within, rng.random(n)), PER_CLUSTER - 1)
        drawn = np.minimum(np.searchsorted(everywhere, rng.random(n)), ITEMS - 1)
        yield np.where(rng.random(n) < 0.1, drawn, rank * CLUSTERS + cluster)


def write(folder, rows):
    arrays = {
        "indptr": np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        "indices": np.concatenate(rows).astype(np.int64),
        "shape": np.array([len(rows), ITEMS], dtype=np.int64),
    }
    arrays["values"] = np.ones(len(arrays["indices"]), dtype=np.float32)
    os.makedirs(folder, exist_ok=True)
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        np.save(f"{folder}/{name}.npy", array)
        digest.update(array.tobytes())
    print(f"{len(rows)} users, {len(arrays['indices'])} events, fingerprint {digest.hexdigest()[:16]}")


def hit_rate(vectors, before, after, k=20):
    """Share of the held-out items among the k nearest, by cosine, of the items before them; items without vector miss."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.where(length > 0, vectors / np.maximum(length, 1e-30), 0).astype(np.float32)
    hits = 0
    for at in range(0, len(before), 512):
        scores = unit[before[at:at + 512]] @ unit.T
        scores[np.arange(len(scores)), before[at:at + 512]] = -np.inf
        nearest = np.argpartition(-scores, k, axis=1)[:, :k]
        hits += (nearest == after[at:at + 512, None]).any(axis=1).sum()
    return hits / len(before)


def run_gensim(rows, args):
    model = Word2Vec(sg=1, vector_size=SETTINGS["dimensions"], window=SETTINGS["window"], min_count=1,
                     negative=SETTINGS["negatives"], ns_exponent=SETTINGS["negative_power"], alpha=SETTINGS["learning_rate"],
                     sample=args.subsample, workers=args.threads, epochs=args.epochs, seed=1)
    sentences = [[str(item) for item in row] for row in rows]
    model.build_vocab(sentences)
    source = {"corpus_iterable": sentences}
    if args.gensim == "file":
        path = f"{args.folder}/sentences.txt"
        with open(path, "w") as out:
            out.writelines(" ".join(row) + "\n" for row in sentences)
        source = {"corpus_file": path, "total_words": sum(map(len, sentences))}
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.time()
    model.train(total_examples=len(sentences), epochs=args.epochs, **source)
    after = resource.getrusage(resource.RUSAGE_SELF)
    wall = time.time() - wall
    vectors = np.zeros((ITEMS, SETTINGS["dimensions"]), dtype=np.float32)
    for item, at in model.wv.key_to_index.items():
        vectors[int(item)] = model.wv.vectors[at]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, vectors


def run_sartor(args, threads):
    settings = dict(SETTINGS, epochs=args.epochs, subsample=args.subsample)
    out = subprocess.run(
        [args.sartor, "bench", "item2vec", "--input", args.folder, "--output", f"{args.folder}/out", "--json",
         "--threads", str(threads)] + [part for name, value in settings.items() for part in ("--set", f"{name}={value}")],
        check=True, capture_output=True, text=True)
    report = json.loads(out.stdout.splitlines()[-1])
    return report["cpu_seconds"], report["seconds"], np.load(f"{args.folder}/out/vectors.npy")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--users", type=int, default=13_800)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--subsample", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gensim", choices=["memory", "file", "none"], default="memory")
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    args = parser.parse_args()
    rows = list(sequences(args.users, np.random.default_rng(1)))
    last = np.array([row[-2:] for row in rows])
    rows = [row[:-1] for row in rows]
    write(args.folder, rows)

    runs = {"gensim": [], "sartor": [], "sartor, 1 thread": []}
    for _ in range(args.repeats):
        for name in runs:
            if name == "gensim" and args.gensim == "none":
                continue
            made = run_gensim(rows, args) if name == "gensim" else run_sartor(args, 1 if "1" in name else args.threads)
            runs[name].append((made[0], made[1], hit_rate(made[2], last[:, 0], last[:, 1])))
            if name == "sartor":
                bits = made[2].tobytes()
            if name == "sartor, 1 thread" and made[2].tobytes() != bits:
                sys.exit("other bits with 1 thread")

    median = lambda name, i: sorted(run[i] for run in runs[name])[len(runs[name]) // 2]
    for name in runs:
        if runs[name]:
            print(f"{name:<17} cpu {median(name, 0):7.2f} s  wall {median(name, 1):7.2f} s  hit rate@20 {median(name, 2):.4f}")
    if runs["gensim"]:
        print(f"ratio of CPU seconds {median('gensim', 0) / median('sartor', 0):.2f}, "
              f"hit rate {median('sartor', 2) / median('gensim', 2):.4f} of theirs")
    print(f"wall time with {args.threads} threads {median('sartor', 1) / median('sartor, 1 thread', 1):.2f} of that with 1")


if __name__ == "__main__":
    sys.exit(main())
