"""Fitting what turns scores into probabilities: logistic and isotonic regression, a temperature; graph embeddings'.

One convex solver (scipy's L-BFGS) serves all: scikit-learn's LogisticRegression knows neither soft targets nor a prior
elsewhere than at zero, and an extractor's few dev spans need the prior at "no change".

A held-out triple is set against a corruption of the same type: its head or tail replaced by another entity that
occurs on that side of that relation, of the same kind and attribute where those are known, such that the result is not
a known triple. A logistic regression per relation (or over all, for relations with few triples) reads three features of
a triple; where there is plenty of data an isotonic step follows. The prior is one to one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit

from kgtag.embed.triples import Triples
from kgtag.embed.vectors import FEATURES, OTHERS, Array, Calibration, Curve, Ids, References, Vectors, triple_features
from kgtag.evaluation.calibration import Reliability, reliability

Floats = NDArray[np.float64]
_ATTEMPTS = 20
_FEWEST = 20
"""Decisions from which on a calibration is fitted."""
_PLATT_MIN, _ISOTONIC_MIN, _REFERENCES = 60, 800, 256


def fit_logistic(
    features: Floats, target: Floats, *, penalty: float | Sequence[float], prior: float | Sequence[float] = 0.0
) -> Floats:
    """Fit a logistic regression of `target` (n,) in [0, 1] on `features` (n, k): (k + 1,) weights, the intercept last.
    `penalty` is the strength of a Gaussian prior, and `prior` the weights without data, each a number or (k + 1,)."""
    x = np.column_stack([features, np.ones(len(features))])
    start, strength = (np.broadcast_to(np.asarray(part, dtype=np.float64), x.shape[1]) for part in (prior, penalty))

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds, change = x @ weights, weights - start
        value = np.sum(np.logaddexp(0.0, odds) - target * odds) + 0.5 * np.sum(strength * change**2)
        return float(value), x.T @ (expit(odds) - target) + strength * change

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 1e-15, "maxiter": 1000})
    return np.asarray(found.x, dtype=np.float64)


def fit_platt(probability: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit (slope, intercept) on the log-odds of probabilities; (1, 0), no change, for fewer than 20. A weak prior pulls
    towards no change, so that few decisions don't decide much."""
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
    (n,). `prior` is the factor without data, `strength` its weight, in rows."""
    rows = np.arange(len(margins))

    def loss(log_factor: float) -> float:
        likelihood = log_softmax(np.exp(log_factor) * margins, axis=1)[rows, outcomes].sum()
        return float(strength * (log_factor - np.log(prior)) ** 2 - likelihood)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(200.0)), method="bounded", options={"maxiter": 60})
    return round(float(np.exp(found.x)), 4)


def fit_named(margins: Floats, named: NDArray[np.bool_] | Floats, outcomes: NDArray[np.int64]) -> tuple[float, float]:
    """Fit (slope, named) of a softmax over slope * `margins` + named * `named`, both (n, k), to the true columns
    `outcomes` (n,). Weak priors: a slope of 5, and a name that makes a column 20 times as likely."""
    rows, start, strength = np.arange(len(margins)), np.log([5.0, 20.0]), np.array([1.0, 0.1])

    def loss(x: Floats) -> tuple[float, Floats]:
        slope, worth = np.exp(x[0]), x[1]
        scores = slope * margins + worth * named
        off = np.exp(log_softmax(scores, axis=1))
        likelihood = log_softmax(scores, axis=1)[rows, outcomes].sum()
        off[rows, outcomes] -= 1.0
        gradient = np.array([slope * np.sum(off * margins), np.sum(off * named)])
        off_prior = x - start
        return float(off_prior**2 @ strength - likelihood), gradient + 2 * strength * off_prior

    bounds = [(np.log(0.05), np.log(200.0)), (0.0, 12.0)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return round(float(np.exp(found.x[0])), 4), round(float(found.x[1]), 4)


def sample_references(triples: Ids, num_relations: int, *, seed: int = 0) -> References:
    """(R, 2, k) int32: up to 256 entities that occur on each side of each relation, drawn evenly; -1 fills up."""
    rng = np.random.default_rng(seed)
    references = np.full((num_relations, 2, _REFERENCES), -1, dtype=np.int32)
    for relation in range(num_relations):
        of_relation = triples[triples[:, 1] == relation]
        for side, column in ((0, 0), (1, 2)):
            chosen = np.sort(rng.permutation(np.unique(of_relation[:, column]))[:_REFERENCES])
            references[relation, side, : len(chosen)] = chosen
    return references


def corrupt(positives: Ids, triples: Triples, *, seed: int = 0) -> Ids:
    """(m, 3), m ≤ n: one type-matched corruption of each positive, where there is one that isn't a known triple. Heads
    and tails are replaced in turn; when one side has no other like entity the other is tried."""
    rng = np.random.default_rng(seed)
    known = set(map(tuple, triples.known.tolist()))
    pools: dict[tuple[int, int, str], Ids] = {}
    groups = np.array(triples.groups or [""] * len(triples.entities), dtype=object)
    occurring = {
        (r, column): np.unique(triples.train[triples.train[:, 1] == r, column])
        for r in range(len(triples.relations))
        for column in (0, 2)
    }
    found = []
    for i, positive in enumerate(positives.tolist()):
        for column in (0, 2) if i % 2 else (2, 0):
            key = (positive[1], column, str(groups[positive[column]]))
            if key not in pools:
                everything = occurring[key[:2]]
                like = groups[everything] == key[2]
                pools[key] = everything[like] if like.sum() > 1 else everything
            if (corrupted := _replace(positive, column, pools[key], known, rng)) is not None:
                found.append(corrupted)
                break
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _replace(
    triple: list[int], column: int, pool: Ids, known: set[tuple[int, ...]], rng: np.random.Generator
) -> list[int] | None:
    if not len(pool):
        return None
    for entity in pool[rng.integers(len(pool), size=_ATTEMPTS)].tolist():
        other = [*triple[:column], entity, *triple[column + 1 :]]
        if tuple(other) not in known and other[0] != other[2]:
            return other
    return None


def calibrate(vectors: Vectors, triples: Triples, held_out: Ids, *, seed: int = 0) -> Calibration:
    """Fit on held-out triples (n, 3) that `vectors` weren't trained on. With none of them every probability is 0.5."""
    references = sample_references(triples.train, len(triples.relations), seed=seed)
    both, labels = _with_corruptions(held_out, triples, seed)
    features = triple_features(vectors, both, references)
    curves = {OTHERS: _fit(features, labels)}
    for relation in np.unique(both[:, 1]):
        rows = both[:, 1] == relation
        if labels[rows].sum() >= _PLATT_MIN and (1 - labels[rows]).sum() >= _PLATT_MIN:
            curves[int(relation)] = _fit(features[rows], labels[rows])
    return Calibration(curves, references)


def _fit(features: Array, labels: Array) -> Curve:
    """Regress on standardised features, with targets smoothed as Platt does."""
    if not len(labels) or labels.min() == labels.max():
        return Curve(np.zeros(FEATURES + 1))
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    positives, negatives = labels.sum(), (1 - labels).sum()
    target = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weights = fit_logistic((features - mean) / scale, target, penalty=[*[1.0] * FEATURES, 1e-9])
    slopes = weights[:-1] / scale
    curve = Curve(np.array([*slopes, weights[-1] - slopes @ mean]))
    return curve if labels.sum() < _ISOTONIC_MIN else Curve(curve.weights, fit_isotonic(curve(features), labels))


def measure(calibration: Calibration, vectors: Vectors, triples: Triples, held: Ids, *, seed: int = 1) -> Reliability:
    """Reliability on further held-out triples and their corruptions."""
    both, labels = _with_corruptions(held, triples, seed)
    return reliability(calibration.probability(vectors, both), labels)


def _with_corruptions(positives: Ids, triples: Triples, seed: int) -> tuple[Ids, Array]:
    """The triples and their corruptions, (n, 3), and which is which, (n,) of 1 and 0."""
    negatives = corrupt(positives, triples, seed=seed)
    return np.concatenate([positives, negatives]), np.repeat([1.0, 0.0], [len(positives), len(negatives)])
