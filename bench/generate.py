#!/usr/bin/env python3
"""Makes the interactions that the speed benchmarks run on, as CSR in NumPy's format, and prints a fingerprint.

    bench/generate.py DIR [--users 13800] [--seed 1]      # a tenth: 2 million events
    bench/generate.py DIR --users 138000                  # full: 20 million
    bench/generate.py DIR --log events.csv                # the same draws as a log with times (.csv or .parquet)

Users take 20 + 45 Pareto(1.3) items, cut at 4,000; an item's popularity is 1 / (rank + 20) over 27,000
items. What a user draws twice counts once in the matrix, and is two events in the log, where each
user's events lie anywhere in the year 2024. The log needs pyarrow.
"""
import argparse
import hashlib
import os

import numpy as np

ITEMS = 27_000


def rows_of(users, rng):
    popularity = 1 / (np.arange(ITEMS) + 20)
    cumulative = np.cumsum(popularity / popularity.sum())
    activity = np.minimum(20 + 45 * rng.pareto(1.3, users), 4000).astype(np.int64)
    for n in activity:
        yield np.minimum(np.searchsorted(cumulative, rng.random(n)), ITEMS - 1)


def write_log(path, rows, rng):
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    items = np.concatenate(rows)
    seconds = np.sort(rng.integers(0, 366 * 86_400, len(items))) + 1_704_067_200
    order = rng.permutation(len(items))  # time order is not user order
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    table = pa.table({"user": users[order], "item": items[order],
                      "time": pa.array(seconds, pa.timestamp("s"))})
    if path.endswith(".parquet"):
        pa.parquet.write_table(table, path)
    else:
        pa.csv.write_csv(table, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--users", type=int, default=13_800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="also write the draws as a log")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    drawn = list(rows_of(args.users, rng))
    rows = [np.unique(row) for row in drawn]
    arrays = {
        "indptr": np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        "indices": np.concatenate(rows).astype(np.int64),
        "shape": np.array([args.users, ITEMS], dtype=np.int64),
    }
    arrays["values"] = np.ones(len(arrays["indices"]), dtype=np.float32)
    os.makedirs(args.folder, exist_ok=True)
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        np.save(f"{args.folder}/{name}.npy", array)
        digest.update(array.tobytes())
    if args.log:
        write_log(args.log, drawn, rng)
    print(f"{args.users} users, {len(arrays['indices'])} events, fingerprint {digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
