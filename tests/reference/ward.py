"""The numbers of src/sartor/segments/ward_test.cc: scipy 1.17 and fastcluster 1.3 on a small matrix.

Run: pip install scipy fastcluster; python3 tests/reference/ward.py

The rows come from a formula that the test repeats, so that no table has to be kept: value j of row i is
((i + 1) * (j + 2) * 7919 + i * i * 104729) mod 1009, over 100.
"""
import fastcluster
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

ROWS, COLUMNS = 40, 5
i, j = np.arange(ROWS)[:, None], np.arange(COLUMNS)[None, :]
x = (((i + 1) * (j + 2) * 7919 + i * i * 104729) % 1009).astype(np.float32) / np.float32(100)

tree = linkage(x.astype(float), "ward")
other = fastcluster.linkage_vector(x.astype(float), "ward")
print("largest relative difference of the two", np.abs(tree[:, 2] / other[:, 2] - 1).max())
for a, b, height, size in tree:
    print(f"{{{a:.0f}, {b:.0f}, {height!r}, {size:.0f}}},".replace("np.float64(", "").replace(")", ""))
print("cut into 6", (fcluster(tree, 6, "maxclust")).tolist())

# Rows that stand for several: the tree above them is that of the rows repeated.
weights = 1 + np.arange(12) % 4
repeated = linkage(np.repeat(x[:12].astype(float), weights, axis=0), "ward")
print("weighted", repeated[repeated[:, 2] > 0, 2].tolist())
