"""A conditional logit over the candidates of each query: what little gold is enough for.

A few hundred queries teach networks of 80 features little, and queries made of labels, which outnumber them, teach that
likeness of words decides and usage doesn't matter.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from kgtag.link.features.candidate_set import Floats
from kgtag.link.models import CLIP, RankModel
from kgtag.train.linker.dataset import Found

_RIDGE = 1.0
"""Penalty of the squared weights, in log-likelihood of one query."""
_STEPS = 200


def with_linear(model: RankModel, found: Found) -> RankModel:
    """The model with a linear layer that weighs as much as its networks together, fitted on `found` (given queries).

    It ranks candidates and leaves NIL to the networks: the best candidate of a query gets zero from it on average.
    Without any query whose gold is among its candidates, the model as it is.
    """
    rows = np.clip((found.features - model.mean) / model.spread, -CLIP, CLIP)
    taught = np.zeros(len(found.pairs), dtype=np.bool_)
    taught[found.lookup[found.right]] = True
    kept = found.counts & taught[found.lookup]
    if not kept.any():
        return model
    lookup = np.unique(found.lookup[kept], return_inverse=True)[1]
    start = np.zeros(rows.shape[1])
    loss = _loss(rows[kept], lookup, found.right[kept])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    best = np.full(int(lookup.max()) + 1, -np.inf)
    np.maximum.at(best, lookup, rows[kept] @ weights)
    count = len(model.networks)
    layer = (np.round(count * weights[:, None], 6), np.round(-count * best.mean(keepdims=True), 6))
    return replace(model, networks=(*model.networks, (layer,)))


def _loss(
    rows: Floats, lookup: NDArray[np.integer], right: NDArray[np.bool_]
) -> Callable[[Floats], tuple[float, Floats]]:
    """Penalised negative log-likelihood of the gold among the candidates, and its gradient."""

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = rows @ weights
        highest = np.full(int(lookup.max()) + 1, -np.inf)
        np.maximum.at(highest, lookup, scores)
        grown = np.exp(scores - highest[lookup])
        total = np.bincount(lookup, grown)
        likelihood = scores[right] - highest[lookup[right]] - np.log(total[lookup[right]])
        residual = grown / total[lookup] - right
        value = -float(likelihood.sum()) + _RIDGE * float(weights @ weights)
        return value, rows.T @ residual + 2 * _RIDGE * weights

    return loss
