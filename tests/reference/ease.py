"""The numbers of src/sartor/models/ease_test.cc: EASE (Steck 2019) in double precision by numpy.

Run: python3 tests/reference/ease.py
"""
import numpy as np

# Six users, five items.
X = np.array([[1, 1, 0, 0, 0],
              [1, 1, 1, 0, 0],
              [0, 1, 1, 0, 1],
              [0, 0, 1, 1, 0],
              [1, 0, 0, 1, 0],
              [0, 1, 0, 1, 1]], float)
user_weights = np.array([1, 1, 1, 1, 1, 3], float)


def ease(x, weights, regularization):
    gram = x.T @ (x * weights[:, None])
    p = np.linalg.inv(gram + regularization * np.eye(len(gram)))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b


for name, weights in (("plain", np.ones(6)), ("weighted", user_weights)):
    b = ease(X, weights, 2.0)
    print(name, "scores of user 1:", (X[1] @ b).round(8).tolist())
    print(name, "scores of item 3 alone:", b[3].round(8).tolist())
