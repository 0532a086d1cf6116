"""The numbers of src/sartor/evaluation/impression_metrics_test.cc, by scikit-learn.

Run: python3 tests/reference/impression_metrics.py   (needs numpy and scikit-learn)
"""
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, roc_auc_score

# Ties within and between labels, a certain hit and a certain miss, users with one label only.
scores = np.array([.1, .4, .35, .8, .4, .4, 1, 0, .05, .9, .2, .2, .2, .7, .65, .3, .3, .55, .15, .6], np.float32)
labels = np.array([0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0])
users = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 4, 5, 5, 5, 5, 5])
certain = np.array([1, 0, .5], np.float32)  # the first two are wrong
certain_labels = np.array([0, 1, 1])

print("auc", repr(roc_auc_score(labels, scores)))
total = weight = 0
for user in np.unique(users):
    mine = users == user
    if len(set(labels[mine])) == 2:
        value = roc_auc_score(labels[mine], scores[mine])
        print("  user", user, mine.sum(), repr(value))
        total += mine.sum() * value
        weight += mine.sum()
print("gauc", repr(total / weight))
print("logloss", repr(log_loss(labels, scores.clip(1e-3, 1 - 1e-3).astype(float))))
print("logloss of certain errors", repr(log_loss(certain_labels, certain.astype(float).clip(2**-23, 1 - 2**-23))))
for bins in (1, 3, 4, 7, 40):
    observed, predicted = calibration_curve(labels, scores.astype(float), n_bins=bins, strategy="quantile")
    edges = np.percentile(scores.astype(float), np.linspace(0, 100, bins + 1))
    counts = np.bincount(np.searchsorted(edges[1:-1], scores.astype(float)), minlength=bins)
    counts = counts[counts > 0]
    print("calibration", bins, counts.tolist(), "error", repr((counts * abs(observed - predicted)).sum() / len(scores)))
    print("  predicted", predicted.tolist())
    print("  observed", observed.tolist())
print("ratio", repr(scores.astype(float).sum() / labels.sum()))
