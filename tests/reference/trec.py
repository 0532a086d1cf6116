"""Our metrics against ir-measures (trec_eval by pytrec_eval), from TREC files.

    python3 tests/reference/trec.py values RUN QRELS > TSV     # "case metric value" of every case
    python3 tests/reference/trec.py check DIR SUMMARY          # a run's `--rankings DIR` and its `--json`

`values` made tests/reference/trec/tricky.tsv from the files beside it, which evaluation/trec_test.cc writes
with WRITE_REFERENCE=1. `check` compares every metric that the run tells of general and of what is served, on confirm and on test, and fails where one
is off by 1e-9 or more. Needs ir-measures.

ndcg, recall, hit (success) and mrr (reciprocal rank) are theirs. Their AP@k divides by the number of targets, our map@k
by min(k, number of targets): each case is brought to ours before it is compared.
"""
import collections
import json
import sys

import ir_measures

THEIRS = {"ndcg": "nDCG", "recall": "R", "hit": "Success", "mrr": "RR", "map": "AP"}
CUTS = (1, 3, 5, 10, 20)


def values(run, qrels, metrics):
    """metric -> case -> value; cases without a list have 0."""
    qrels = list(ir_measures.read_trec_qrels(qrels))
    targets = collections.Counter(q.query_id for q in qrels)
    found = {m: dict.fromkeys(targets, 0.0) for m in metrics}
    named = {}
    for metric in metrics:
        kind, k = metric.split("@")
        named[ir_measures.parse_measure(f"{THEIRS[kind]}@{k}")] = metric
    for one in ir_measures.iter_calc(list(named), qrels, ir_measures.read_trec_run(run)):
        metric = named[one.measure]
        kind, k = metric.split("@")
        n = targets[one.query_id]
        found[metric][one.query_id] = one.value * (n / min(int(k), n) if kind == "map" else 1)
    return found


def over_users(by_case):
    """Mean over users of the mean over a user's cases: "user" or "user#3"."""
    users = collections.defaultdict(list)
    for case, value in by_case.items():
        users[case.rsplit("#", 1)[0]].append(value)
    means = [sum(v) / len(v) for v in users.values()]
    return sum(means) / len(means)


def check(folder, summary):
    summary = json.loads(open(summary, encoding="utf-8").read().strip().splitlines()[-1])
    worst = 0
    for window in ("confirm", "test"):
        ours = {"general": summary["general"]["metrics"][window],
                "served": {summary["metric"]: summary["overall"][window]["served"]}}
        for arm, metrics in ours.items():
            theirs = values(f"{folder}/{window}.{arm}.run", f"{folder}/{window}.qrels", metrics)
            for metric, value in metrics.items():
                other = over_users(theirs[metric])
                worst = max(worst, abs(other - value))
                print(f"{window} {arm} {metric}: ours {value:.12f} theirs {other:.12f} off by {abs(other - value):.1e}")
    print(f"largest difference {worst:.1e}")
    return 0 if worst < 1e-9 else 1


if sys.argv[1] == "values":
    table = values(sys.argv[2], sys.argv[3], [f"{kind}@{k}" for kind in THEIRS for k in CUTS])
    for metric, cases in table.items():
        for case, value in cases.items():
            print(f"{case}\t{metric}\t{value!r}")
else:
    sys.exit(check(sys.argv[2], sys.argv[3]))
