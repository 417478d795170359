"""Linear heads over n-grams, and what turns their margins, and cosines to names, into probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from kgtag.extract.implicit.linear import Head
from kgtag.extract.implicit.ngrams import BUCKETS, Floats

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


def fit_slope(margins: NDArray[np.float64], outcomes: NDArray[np.int64], *, prior: float, strength: float) -> float:
    """What margins (n, K) are multiplied with so that the softmax says how often each outcome comes true.

    `prior` is where it stays without data; `strength` in rows.
    """
    rows = np.arange(len(margins))

    def loss(log_slope: float) -> float:
        logits = np.exp(log_slope) * margins
        logits = logits - logits.max(axis=1, keepdims=True)
        said = logits[rows, outcomes] - np.log(np.exp(logits).sum(axis=1))
        return float(-said.sum() + strength * (log_slope - np.log(prior)) ** 2)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(200.0)), method="bounded", options={"maxiter": 60})
    return round(float(np.exp(found.x)), 4)


def fit_slopes(margins: dict[str, NDArray[np.float64]], outcomes: dict[str, NDArray[np.int64]]) -> dict[str, float]:
    """By attribute; those with few rows stay near what all attributes together say."""
    starts = [
        fit_slope(margins[name], outcomes[name], prior=2.0, strength=1.0) for name in margins if len(margins[name])
    ]
    shared = float(np.exp(np.mean(np.log(starts)))) if starts else 2.0
    return {
        name: fit_slope(found, outcomes[name], prior=shared, strength=_PRIOR_ROWS) for name, found in margins.items()
    }
