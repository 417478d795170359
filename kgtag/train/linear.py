"""Fitting linear models over hashed n-grams; see `kgtag.extract.linear`."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from kgtag.extract.linear import BUCKETS, Floats, Head

Ints = NDArray[np.int64]
_SMALLEST = 0.02
"""Weights smaller than that change no answer and make up most of the file."""
_COST = 1.0


def inverse_frequencies(rows: Sequence[NDArray[np.int64]]) -> Floats:
    """(BUCKETS,) float32 of the texts' buckets; 0 for grams in none."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for buckets in rows:
        counts[buckets] += 1
    return np.where(counts > 0, np.log((1 + len(rows)) / (1 + counts)) + 1, 0.0).astype(np.float32)


def fit_head(
    features: csr_matrix, outcomes: Ints, values: tuple[str | None, ...], *, seed: int, tolerance: float = 1e-4
) -> Head:
    """Margins of one outcome against the rest. features: (n, BUCKETS); outcomes: (n,) indices into `values`;
    `tolerance`: of the optimiser, larger for models that only measure."""
    used = np.unique(features.indices)
    model = LinearSVC(C=_COST, random_state=seed, tol=tolerance).fit(features[:, used], outcomes)
    weights = np.zeros((len(used), len(values)), dtype=np.float32)
    offsets = np.full(len(values), -1.0, dtype=np.float32)
    # Of two outcomes scikit-learn keeps one margin, of the second.
    shares = np.array([-0.5, 0.5]) if len(model.classes_) == 2 else np.ones(len(model.classes_))
    weights[:, model.classes_] = model.coef_.T * shares
    offsets[model.classes_] = model.intercept_ * shares
    weights[np.abs(weights) < _SMALLEST] = 0.0
    picked = csr_matrix((np.ones(len(used), dtype=np.float32), (used, np.arange(len(used)))), (BUCKETS, len(used)))
    return Head(values, (picked @ csr_matrix(weights)).tocsr(), offsets, slope=1.0)
