"""The numbers of src/sartor/models/due_again_test.cc, from the formulas of due_again.h by numpy.

Run: python3 tests/reference/due_again.py
"""
from math import lgamma, log

import numpy as np

USERS, ITEMS, AS_OF = 5, 6, 100.0
SHAPES = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]
EDGES = np.concatenate([[0.0], 2 ** (0.5 * np.arange(23)), [np.inf]])

GAPS = [4, 9, 30, 45, 70]  # days between a pair's takings
rows = []
for u in range(USERS):
    for i in range(ITEMS):
        if (u + i) % 3:
            days = np.arange((u * 13 + i * 7) % 20 + 0.25, AS_OF, GAPS[(u * 2 + i) % 5])
            rows += [(u, i, day) for day in days]
pairs = {}  # (user, item) -> intervals (days, age of the end, closed)
for user in range(USERS):
    for item in range(ITEMS):
        days = [r[2] for r in rows if r[:2] == (user, item)]
        if days:
            gaps = [(b - a, AS_OF - b, True) for a, b in zip(days, days[1:])]
            assert all(gap[0] >= 0.5 for gap in gaps)
            pairs[user, item] = gaps + [(AS_OF - days[-1], 0.0, False)]


def at_risk(days):
    """Days spent in each bin by somebody who waits for `days`."""
    return np.clip(days - EDGES[:-1], 0, np.diff(EDGES))


def fit_hazard(frailty):
    repeats, risk = np.zeros(24), np.zeros(24)
    for pair, intervals in pairs.items():
        for days, _, closed in intervals:
            risk += frailty[pair] * at_risk(days)
            if closed:
                repeats[np.searchsorted(EDGES, days, side="right") - 1] += 1
    mean = (repeats.sum() + 1) / (risk.sum() + 365)
    return (repeats + 1) / (risk + 1 / mean)


def likeliest(evidence):
    def value(a):
        return sum(a * log(a / (m + a)) + lgamma(n + a) - lgamma(a) - n * log(m + a)
                   for n, m in evidence)
    return max(SHAPES, key=value)


def level(evidence):
    """As many expected as there were."""
    n, m = np.sum(evidence, axis=0)
    factor = n / m if n > 0 and m > 0 else 1.0
    return factor, [(n, m * factor) for n, m in evidence]


def posterior(n, m, a):
    return (n + a) / (m + a)


def expect(hazard):
    n = {pair: sum(closed for *_, closed in intervals) for pair, intervals in pairs.items()}
    m = {pair: sum(hazard @ at_risk(days) for days, *_ in intervals)
         for pair, intervals in pairs.items()}
    per_item = [(sum(n[p] for p in pairs if p[1] == i), sum(m[p] for p in pairs if p[1] == i))
                for i in range(ITEMS)]
    item_level, per_item = level(per_item)
    item_shape = likeliest(per_item)
    items = [item_level * posterior(*e, item_shape) for e in per_item]
    m = {p: m[p] * items[p[1]] for p in pairs}
    per_user = [(sum(n[p] for p in pairs if p[0] == u), sum(m[p] for p in pairs if p[0] == u))
                for u in range(USERS)]
    user_level, per_user = level(per_user)
    items = [user_level * i for i in items]
    user_shape = likeliest(per_user)
    users = [posterior(*e, user_shape) for e in per_user]
    m = {p: m[p] * user_level * users[p[0]] for p in pairs}
    pair_shape = likeliest([(n[p], m[p]) for p in pairs])
    frailty = {p: users[p[0]] * items[p[1]] * posterior(n[p], m[p], pair_shape) for p in pairs}
    return items, user_shape, pair_shape, frailty


hazard = fit_hazard({p: 1.0 for p in pairs})
for _ in range(4):
    *_, frailty = expect(hazard)
    hazard = fit_hazard(frailty)
items, user_shape, pair_shape, _ = expect(hazard)
print("shapes", user_shape, pair_shape, "items", np.round(items, 4).tolist())


def scores(user, half_life, horizon=7.0):
    left = lambda age: 1.0 if half_life is None else 0.5 ** (age / half_life)
    evidence = {}
    for (u, i), intervals in pairs.items():
        if u == user:
            evidence[i] = (sum(left(age) for _, age, closed in intervals if closed),
                           sum(left(age + days / 2) * items[i] * (hazard @ at_risk(days))
                               for days, age, _ in intervals))
    often = posterior(*np.sum(list(evidence.values()), axis=0), user_shape)
    out = np.zeros(ITEMS)
    for i, (n, m) in evidence.items():
        since = pairs[user, i][-1][0]
        ahead = hazard @ (at_risk(since + horizon) - at_risk(since))
        out[i] = 1 - np.exp(-often * items[i] * posterior(n, often * m, pair_shape) * ahead)
    return out


for user in (0, 3):
    print("user", user, "never fades:", scores(user, None).round(6).tolist())
    print("user", user, "half-life 20:", scores(user, 20.0).round(6).tolist())
