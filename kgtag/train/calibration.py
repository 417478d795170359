"""Fitting what turns scores into probabilities: logistic and isotonic regression, and a temperature.

One convex solver (scipy's L-BFGS) serves all: scikit-learn's LogisticRegression knows neither soft targets nor a prior
elsewhere than at zero, and an extractor's few dev spans need the prior at "no change".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit

Floats = NDArray[np.float64]
_FEWEST = 20
"""Decisions from which on a calibration is fitted."""


def fit_logistic(
    features: Floats, target: Floats, *, penalty: float | Sequence[float], prior: float | Sequence[float] = 0.0
) -> Floats:
    """Fit a logistic regression of `target` (n,) in [0, 1] on `features` (n, k): (k + 1,) weights, the intercept last.

    `penalty` is the strength of a Gaussian prior, and `prior` the weights without data, each a number or (k + 1,).
    """
    x = np.column_stack([features, np.ones(len(features))])
    start, strength = (np.broadcast_to(np.asarray(part, dtype=np.float64), x.shape[1]) for part in (prior, penalty))

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds, change = x @ weights, weights - start
        value = np.sum(np.logaddexp(0.0, odds) - target * odds) + 0.5 * np.sum(strength * change**2)
        return float(value), x.T @ (expit(odds) - target) + strength * change

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 1e-15, "maxiter": 1000})
    return np.asarray(found.x, dtype=np.float64)


def fit_platt(probability: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit (slope, intercept) on the log-odds of probabilities; (1, 0), no change, for fewer than 20.

    A weak prior pulls towards no change, so that few decisions don't decide much.
    """
    if len(probability) < _FEWEST:
        return 1.0, 0.0
    odds = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    slope, intercept = fit_logistic(odds[:, None], right.astype(np.float64), penalty=1.0, prior=(1.0, 0.0)).tolist()
    return max(round(slope, 6), 0.05), round(intercept, 6)


def fit_isotonic(probability: Floats, right: Floats) -> Floats:
    """Fit a rising step function: (2, m) knots, probability in and out, to be interpolated."""
    order = np.argsort(probability, kind="stable")
    # One pseudo-count of each outcome per end keeps the steps away from 0 and 1.
    smoothed = (right[order] * (len(right) - 2) + 1) / len(right)
    fitted, x = np.asarray(isotonic_regression(smoothed).x, dtype=np.float64), probability[order]
    steps = np.flatnonzero(np.diff(fitted))
    ends = np.unique(np.r_[steps, steps + 1, 0, len(x) - 1])
    return np.stack([np.maximum.accumulate(x[ends]), fitted[ends]])


def fit_temperature(margins: Floats, outcomes: NDArray[np.int64], *, prior: float, strength: float) -> float:
    """Fit the factor with which a softmax over `margins` (n, k) gives the frequencies of the true columns, `outcomes`
    (n,).

    `prior` is the factor without data, `strength` its weight, in rows.
    """
    rows = np.arange(len(margins))

    def loss(log_factor: float) -> float:
        likelihood = log_softmax(np.exp(log_factor) * margins, axis=1)[rows, outcomes].sum()
        return float(strength * (log_factor - np.log(prior)) ** 2 - likelihood)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(200.0)), method="bounded", options={"maxiter": 60})
    return round(float(np.exp(found.x)), 4)
