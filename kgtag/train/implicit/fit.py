"""Linear heads over n-grams, and what turns their margins, and cosines to names, into probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from kgtag.extract.implicit.linear import Head
from kgtag.extract.implicit.ngrams import BUCKETS, Floats
from kgtag.train.calibration import fit_temperature

_SMALLEST = 0.02
"""Weights smaller than that change no answer and make up most of the file."""
_PRIOR_ROWS = 20.0
_COST = 1.0


def inverse_frequencies(rows: Sequence[NDArray[np.int64]]) -> Floats:
    """(BUCKETS,) float32 of the texts' buckets; 0 for grams in none."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for buckets in rows:
        counts[buckets] += 1
    found = np.where(counts > 0, np.log((1 + len(rows)) / (1 + counts)) + 1, 0.0)
    return found.astype(np.float32)


def fit_head(features: csr_matrix, outcomes: NDArray[np.int64], values: tuple[str | None, ...], *, seed: int) -> Head:
    """Margins of one outcome against the rest. features: (n, BUCKETS); outcomes: (n,) indices into `values`."""
    used = np.unique(features.indices)
    model = LinearSVC(C=_COST, random_state=seed).fit(features[:, used], outcomes)
    weights = np.zeros((len(used), len(values)), dtype=np.float32)
    offsets = np.full(len(values), -1.0, dtype=np.float32)
    if len(model.classes_) == 2:  # scikit-learn keeps one margin, of the second
        halves = np.array([-0.5, 0.5])
        weights[:, model.classes_] = model.coef_.T * halves
        offsets[model.classes_] = model.intercept_ * halves
    else:
        weights[:, model.classes_] = model.coef_.T
        offsets[model.classes_] = model.intercept_
    weights[np.abs(weights) < _SMALLEST] = 0.0
    picked = csr_matrix((np.ones(len(used), dtype=np.float32), (used, np.arange(len(used)))), (BUCKETS, len(used)))
    return Head(values, (picked @ csr_matrix(weights)).tocsr(), offsets, slope=1.0)


def fit_temperatures(
    margins: dict[str, NDArray[np.float64]], outcomes: dict[str, NDArray[np.int64]]
) -> dict[str, float]:
    """By attribute; those with few rows stay near what all attributes together say."""
    starts = [
        fit_temperature(margins[name], outcomes[name], prior=2.0, strength=1.0)
        for name in margins
        if len(margins[name])
    ]
    shared = float(np.exp(np.mean(np.log(starts)))) if starts else 2.0
    return {
        name: fit_temperature(found, outcomes[name], prior=shared, strength=_PRIOR_ROWS)
        for name, found in margins.items()
    }
