"""The numbers of src/sartor/models/content_test.cc: cosines of TF-IDF vectors by scikit-learn.

Run: python3 tests/reference/content.py   (needs scikit-learn)
"""
from sklearn.feature_extraction.text import TfidfVectorizer

TEXTS = ["Red cake tin, red lid",
         "red CAKE stand",
         "blue cake tin",
         "Wooden heart",
         "wooden heart blue blue heart",
         "Größe 5 Tin"]

# The default pattern drops words of one character; ours keeps them.
vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
x = vectors.fit_transform(TEXTS)
print("of text 0:", (x @ x[0].T).toarray().ravel().round(8).tolist())
print("of text 4:", (x @ x[4].T).toarray().ravel().round(8).tolist())
both = x[0] + 0.5 * x[4]
both = both / (both.multiply(both).sum() ** 0.5)
print("of text 0 today and text 4 a half-life ago:",
      (x @ both.T).toarray().ravel().round(8).tolist())
