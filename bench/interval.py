#!/usr/bin/env python3
"""NDCG@10 of TREC files that `sartor run --rankings DIR` wrote: mean, 95 % interval, n.

    bench/interval.py DIR          # test.general.run against test.qrels
"""
import math
import sys

folder = sys.argv[1]
targets, lists = {}, {}
for line in open(f"{folder}/test.qrels", encoding="utf-8"):
    case, _, item, _ = line.split(" ")
    targets.setdefault(case, set()).add(item)
for line in open(f"{folder}/test.general.run", encoding="utf-8"):
    case, _, item, *_ = line.split(" ")
    lists.setdefault(case, []).append(item)
values = []
for case, wanted in targets.items():
    gain = sum(1 / math.log2(r + 2) for r, item in enumerate(lists[case][:10]) if item in wanted)
    values.append(gain / sum(1 / math.log2(r + 2) for r in range(min(10, len(wanted)))))
n = len(values)
mean = sum(values) / n
half = 1.96 * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
print(f"ndcg@10 {mean:.4f} [{mean - half:.4f}, {mean + half:.4f}], n = {n}")
