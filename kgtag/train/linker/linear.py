"""A conditional logit over the candidates of each query, which little gold is enough for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from kgtag.link.features.candidate_set import Floats
from kgtag.link.models import Layer
from kgtag.train.linker.dataset import RankData

_RIDGE = 1.0
"""Penalty of the squared weights, in log-likelihood of one query."""
_STEPS = 200


def fit_linear(data: RankData, features: NDArray[np.float32]) -> Layer:
    """Fit one layer whose score is the log-odds of a candidate against NIL, whose score is zero.

    Args:
        data: Queries with their candidates; those that teach nothing are passed over.
        features: (n, features) scaled.

    Returns:
        Weights (features, 1) and bias (1,) float64.
    """
    gold = np.zeros(len(data.nil), dtype=np.bool_)
    gold[data.lookup[data.right]] = True
    usable = gold | data.nil
    kept = data.counts & usable[data.lookup]
    queries, lookup = np.unique(data.lookup[kept], return_inverse=True)
    rows = np.concatenate([features[kept].astype(np.float64), np.ones((int(kept.sum()), 1))], axis=1)
    right = data.right[kept] & ~data.nil[data.lookup[kept]]
    weight = data.weight[queries].astype(np.float64)
    found = minimize(_objective(rows, lookup, right, weight), np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B",
                     options={"maxiter": _STEPS})  # fmt: skip
    fitted = np.round(found.x, 6)
    return fitted[:-1, None], fitted[-1:]


def _objective(
    rows: Floats, lookup: NDArray[np.integer], right: NDArray[np.bool_], weight: Floats
) -> Callable[[Floats], tuple[float, Floats]]:
    """Penalised negative log-likelihood, and its gradient; the bias is free."""
    penalised = np.append(np.full(rows.shape[1] - 1, _RIDGE), 0.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = rows @ weights
        highest = np.zeros(len(weight))
        np.maximum.at(highest, lookup, scores)
        grown = np.exp(scores - highest[lookup])
        total = np.bincount(lookup, grown, minlength=len(weight)) + np.exp(-highest)
        likelihood = np.bincount(lookup[right], scores[right], minlength=len(weight)) - highest - np.log(total)
        residual = (grown / total[lookup] - right) * weight[lookup]
        value = -float(weight @ likelihood) + float(penalised @ weights**2)
        return value, rows.T @ residual + 2 * penalised * weights

    return loss
