"""The numbers of src/sartor/models/trend_test.cc, new_items_test.cc and context_popularity_test.cc,
straight from the formulas of their headers by numpy.

Run: python3 tests/reference/popularity_family.py
"""
import numpy as np

ITEMS, AS_OF = 6, 100.0
k = np.arange(60)
user, item, day = k * 7 % 5, k * k // 7 % 6, k * 37 % 97 + 0.25
age = AS_OF - day


def sums(half_life, rows=slice(None)):
    return np.bincount(item[rows], 0.5 ** (age[rows] / half_life), ITEMS)


# Trend, half-life 10 days, baseline 4 times as long.
now = sums(10)
past = sums(40) - now
expected = past * now.sum() / past.sum()
print("trend, prior 2: ", np.log((now + 2) / (expected + 2)).round(6).tolist())
excess = ((now - expected) ** 2 - expected).sum()
prior = np.clip((expected ** 2).sum() / excess, 0.1, 1e6) if excess > 0 else 1e6
print("trend, fitted:  ", np.log((now + prior) / (expected + prior)).round(6).tolist(), prior)

# New items: 14 items, item j first seen on day 5 j; taken j % 4 times in its first days, then
# three times more in its first three weeks if j is even.
first = 5.0 * np.arange(14)
takings = [(j, first[j] + 1 + n) for j in range(14) for n in range(j % 4)]
takings += [(j, first[j] + 12 + n) for j in range(0, 14, 2) for n in range(3)]
takings = [(j, t) for j, t in takings if t < 70]
which = np.array([t[0] for t in takings])
when = np.array([t[1] for t in takings])
as_of, young, half_life = 70.0, 7.0, 20.0
start = when.min()
lived = as_of - np.maximum(first, start)
rate = np.log(2) / half_life
days = (1 - 0.5 ** (lived / half_life)) / rate
taken = np.bincount(which, 0.5 ** ((as_of - when) / half_life), 14)
known = (lived >= young) & (lived <= lived.max() - young)
counts = np.array([((which == j) & (as_of - when >= lived[j] - young)).sum()
                   for j in np.flatnonzero(known)], float)
mean, variance = counts.mean(), counts.var(ddof=1)
shape = mean ** 2 / (variance - mean) if variance > mean else 1000.0
shape = np.clip(shape, 0.01, 1000)
print("new_items:", ((shape + taken) / (shape * young / mean + days)).round(6).tolist(),
      "known", int(known.sum()), "mean", mean, "variance", variance)

# Context: country k % 3, half-life 30 days, prior 5; user 2 and the moment's country 1.
country = k % 3
p = sums(30) / sums(30).sum()
in_country = np.array([sums(30, country == c) for c in range(3)])
given = (in_country + 5 * p) / (in_country.sum(1, keepdims=True) + 5)
common = in_country.sum(1) / in_country.sum()
q = np.bincount(country[user == 2], minlength=3)
q = (q + common) / (q.sum() + 1)
print("country, user 2:   ", (q @ given).round(6).tolist())
print("country 1 of moment:", given[1].round(6).tolist())
# The hour is always 6, so everybody's; category: items 0, 1 / 2, 3 / 4, 5.
category = np.arange(ITEMS) // 2
in_category = np.array([sums(30) * (category == c) for c in range(3)])
given = (in_category + 5 * p) / (in_category.sum(1, keepdims=True) + 5)
common = in_category.sum(1) / in_category.sum()
q = np.bincount(category[item[user == 2]], minlength=3)
q = (q + common) / (q.sum() + 1)
print("category, user 2:  ", (q @ given).round(6).tolist())
