"""The numbers of src/sartor/models/item_knn_test.cc: similarities of implicit 0.7.3 on a small matrix.

Run: pip install implicit==0.7.3; python3 tests/reference/item_knn.py
"""
import warnings

import implicit.nearest_neighbours as nn
import numpy as np
import scipy.sparse as sp

warnings.simplefilter("ignore")
# Six users, five items: how often.
X = np.array([[1, 3, 0, 0, 0],
              [2, 1, 1, 0, 0],
              [0, 1, 4, 0, 1],
              [0, 0, 1, 2, 0],
              [1, 0, 0, 1, 0],
              [0, 2, 0, 1, 1]], float)

for name, matrix in (("binary", np.sign(X)), ("counts", X)):
    for model in (nn.CosineRecommender(K=5), nn.TFIDFRecommender(K=5), nn.BM25Recommender(K=5),
                  nn.BM25Recommender(K=5, K1=100, B=0.8)):
        model.fit(sp.csr_matrix(matrix), show_progress=False)
        similarity = model.similarity.toarray()
        np.fill_diagonal(similarity, 0)
        print(name, type(model).__name__, getattr(model, "K1", ""), "of item 1:", similarity[1].round(8).tolist())
