#!/usr/bin/env python3
"""NDCG@10 of what people would install instead, on the test windows of an example.

    sartor run examples/online-retail --rankings trec
    bench/peers.py examples/online-retail examples/online-retail/trec

Everybody learns from the same events (the [[events]] of sartor.toml before test_from) and is judged on the same users and
items (trec/test.qrels). Each peer's settings are chosen on trec/validate.qrels, fitted on what was known before
validate_from; its best one is fitted again on all that was known before test_from. Items that nobody has seen are nobody's.
One JSON line a peer: settings, validate, test with its 95 % interval, n, and general's own line with the paired difference.
Needs: pip install implicit==0.7.3 duckdb numpy scipy threadpoolctl
"""
import argparse
import itertools
import json
import math
import os
import pathlib
import tomllib
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
import duckdb
import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from threadpoolctl import threadpool_limits

K = 10


def read_events(folder):
    """(user, item, epoch seconds or 0 where untimed) of every positive event on an item that [data] keeps, ids as text."""
    config = tomllib.loads((folder / "sartor.toml").read_text())
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    parts = []
    for source in config["events"]:
        files = [str(folder / name) for name in source["files"]]
        reader = "read_parquet" if files[0].endswith(".parquet") else "read_csv"
        keep = source.get("keep", "true")
        time = "0" if source.get("untimed") else f"epoch({source['time']})"
        parts.append(f"SELECT CAST({source['user']} AS VARCHAR) AS user_id, CAST({source['item']} AS VARCHAR) AS item_id, "
                     f"{time} AS seconds, {source['type']} AS type FROM {reader}({files}) WHERE {keep}")
    union = " UNION ALL ".join(parts)
    data = config.get("data", {})
    rows = db.execute(f"""WITH e AS ({union}),
        kept AS (SELECT item_id FROM e GROUP BY item_id HAVING count(*) >= {data.get("min_item_events", 1)}
                 AND count(DISTINCT user_id) >= {data.get("min_item_users", 1)})
        SELECT user_id, item_id, seconds FROM e SEMI JOIN kept USING (item_id) WHERE {config['signal']['positive']}""").fetchnumpy()
    return config, rows


def read_qrels(path):
    targets = {}
    for line in open(path, encoding="utf-8"):
        case, _, item, _ = line.split(" ")
        targets.setdefault(case, set()).add(item)
    return targets


def epoch(value):
    return duckdb.execute("SELECT epoch(CAST(? AS TIMESTAMPTZ))", [str(value)]).fetchone()[0]


class Window:
    """What was known before a moment, and the users who are judged after it."""

    def __init__(self, rows, before, targets, repeat):
        known = rows["seconds"] < before
        users, items, at = rows["user_id"][known], rows["item_id"][known], rows["seconds"][known]
        self.user_names, user = np.unique(users, return_inverse=True)
        self.item_names, item = np.unique(items, return_inverse=True)
        self.counts = sp.csr_matrix((np.ones(len(user), np.float32), (user, item)))
        self.age_days = (before - at) / 86400
        self.item_of_event = item
        self.repeat = repeat
        self.cases = list(targets)
        self.targets = targets
        number = {name: i for i, name in enumerate(self.user_names)}
        self.rows = np.array([number.get(case, -1) for case in self.cases])

    def histories(self, rows):
        """users x items, empty where nothing is known of a user"""
        empty = sp.csr_matrix((1, self.counts.shape[1]), dtype=np.float32)
        stacked = sp.vstack([self.counts, empty]).tocsr()
        return stacked[np.where(rows < 0, self.counts.shape[0], rows)]

    def ndcg(self, score):
        """score(rows, histories) -> dense cases x items; a case's NDCG@10."""
        values = []
        for begin in range(0, len(self.cases), 512):
            rows = self.rows[begin:begin + 512]
            histories = self.histories(rows)
            scores = np.array(score(rows, histories), dtype=np.float64)
            if not self.repeat:
                scores[histories.toarray() > 0] = -np.inf
            top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
            for r, case in enumerate(self.cases[begin:begin + 512]):
                wanted = self.targets[case]
                gain = sum(1 / math.log2(i + 2) for i, item in enumerate(top[r]) if self.item_names[item] in wanted)
                values.append(gain / sum(1 / math.log2(i + 2) for i in range(min(K, len(wanted)))))
        return np.array(values)


def popularity(window, days):
    weight = np.ones_like(window.age_days) if days == 0 else 0.5 ** (window.age_days / days)
    scores = np.bincount(window.item_of_event, weight, window.counts.shape[1])
    return lambda rows, histories: np.tile(scores, (len(rows), 1))


def with_popularity(window, score):
    """Who has no history gets the most popular items, as any service would do."""
    everywhere = popularity(window, 7)

    def call(rows, histories):
        scores = np.array(score(rows, histories))
        unknown = np.asarray(histories.sum(1)).ravel() == 0
        if unknown.any():
            scores[unknown] = everywhere(rows[unknown], histories[unknown])
        return scores
    return call


def neighbours(window, model, binary):
    counts = window.counts.copy()
    if binary:
        counts.data[:] = 1
    warnings.simplefilter("ignore")  # the library warns of its own format
    model.fit(counts, show_progress=False)
    similarity = model.similarity.tocsr()
    return with_popularity(window, lambda rows, histories: ((histories > 0).astype(np.float32) if binary else histories)
                           .dot(similarity).toarray())


def als(window, factors, regularization, alpha):
    counts = window.counts.copy()
    counts.data[:] = 1 + alpha * np.log1p(counts.data)
    model = AlternatingLeastSquares(factors=factors, regularization=regularization, iterations=15, random_state=1,
                                    num_threads=2)
    with threadpool_limits(1, "blas"):  # the library has threads of its own
        model.fit(counts, show_progress=False)
    users = np.vstack([model.user_factors, np.zeros((1, factors), np.float32)])
    return with_popularity(window, lambda rows, histories: users[rows] @ model.item_factors.T)


def ease(window, regularization, binary):
    """Steck, WWW 2019, over the 12,000 items with the most users."""
    most = np.argsort(-np.asarray((window.counts > 0).sum(0)).ravel(), kind="stable")[:12000]
    x = window.counts[:, most].copy()
    if binary:
        x.data[:] = 1
    gram = x.T.dot(x).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0
    weights = weights.astype(np.float32)

    def score(rows, histories):
        part = histories[:, most]
        scores = np.zeros(histories.shape, np.float32)
        scores[:, most] = ((part > 0).astype(np.float32) if binary else part).dot(weights)
        return scores
    return with_popularity(window, score)


PEERS = {
    "popularity": (lambda w, days: popularity(w, days), {"days": [0, 1, 7, 30, 90]}),
    "implicit cosine": (lambda w, k, binary: neighbours(w, CosineRecommender(K=k, num_threads=2), binary),
                        {"k": [100, 400], "binary": [True, False]}),
    "implicit TF-IDF": (lambda w, k: neighbours(w, TFIDFRecommender(K=k, num_threads=2), False), {"k": [100, 400]}),
    "implicit BM25": (lambda w, k, b: neighbours(w, BM25Recommender(K=k, K1=1.2, B=b, num_threads=2), False),
                      {"k": [100, 400], "b": [0.25, 0.75]}),
    "implicit ALS": (als, {"factors": [64, 128], "regularization": [0.05, 1.0, 10.0], "alpha": [1, 10, 40]}),
    "EASE (numpy)": (ease, {"regularization": [100, 300, 1000], "binary": [True, False]}),
}


def grid(space):
    return [dict(zip(space, values)) for values in itertools.product(*space.values())]


def interval(values):
    return 1.96 * values.std(ddof=1) / math.sqrt(len(values))


def general_values(folder, window):
    lists = {}
    for line in open(f"{folder}/test.general.run", encoding="utf-8"):
        case, _, item, *_ = line.split(" ")
        lists.setdefault(case, []).append(item)
    values = []
    for case in window.cases:
        wanted = window.targets[case]
        gain = sum(1 / math.log2(i + 2) for i, item in enumerate(lists[case][:K]) if item in wanted)
        values.append(gain / sum(1 / math.log2(i + 2) for i in range(min(K, len(wanted)))))
    return np.array(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("example", type=pathlib.Path)
    parser.add_argument("rankings", type=pathlib.Path)
    parser.add_argument("--peers", nargs="*", default=list(PEERS))
    args = parser.parse_args()
    config, rows = read_events(args.example)
    split = config["split"]

    def window(name):
        return Window(rows, epoch(split[name + "_from"]), read_qrels(args.rankings / f"{name}.qrels"),
                      config["signal"].get("repeat", False))
    validate, test = window("validate"), window("test")
    ours = general_values(args.rankings, test)
    print(json.dumps({"model": "Sartor general", "test": round(ours.mean(), 4), "half_width": round(interval(ours), 4),
                      "n": len(ours)}), flush=True)
    for name in args.peers:
        fit, space = PEERS[name]
        scores = [(validate.ndcg(fit(validate, **settings)).mean(), settings) for settings in grid(space)]
        best, settings = max(scores, key=lambda pair: pair[0])
        values = test.ndcg(fit(test, **settings))
        difference = ours - values
        print(json.dumps({"model": name, "settings": settings, "tried": len(scores), "validate": round(best, 4),
                          "test": round(values.mean(), 4), "half_width": round(interval(values), 4), "n": len(values),
                          "general_ahead": round(difference.mean(), 4), "ahead_half_width": round(interval(difference), 4)}),
              flush=True)


if __name__ == "__main__":
    main()
