"""From scores to probabilities: 0.8 means that of 100 triples of that probability 80 hold, when half of all are false.

A held-out triple is set against a corruption of the same type: its head or tail replaced by another entity that
occurs on that side of that relation, of the same kind and attribute where those are known, such that the result is no
known triple. A logistic regression per relation (or over all, for relations with few triples) reads three features of
a triple; where there is plenty of data an isotonic step follows. The prior is one to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from kgtag.embed.triples import Triples
from kgtag.embed.vectors import Ids, Vectors
from kgtag.numeric import log_sum_exp

Array = NDArray[np.float64]
References = NDArray[np.int32]
FEATURES = 3
_GLOBAL = -1
_PLATT_MIN, _ISOTONIC_MIN, _REFERENCES = 60, 800, 256


@dataclass(frozen=True, slots=True)
class Curve:
    """Logistic `weights` (FEATURES + 1,), the last the intercept; then `knots` (2, k), probability in and out."""

    weights: Array
    knots: Array | None = None

    def __call__(self, features: Array) -> Array:
        """(n, FEATURES) → (n,) in [0, 1]."""
        probability: Array = expit(features @ self.weights[:-1] + self.weights[-1])
        return probability if self.knots is None else np.interp(probability, self.knots[0], self.knots[1])


@dataclass(frozen=True, slots=True)
class Calibration:
    """`curves` by relation number, -1 for all others; `references` (R, 2, k) int32 of entities by relation and side.

    Side 0 are heads, side 1 tails; -1 fills up.
    """

    curves: Mapping[int, Curve]
    references: References

    def probability(self, vectors: Vectors, triples: Ids) -> Array:
        """(n, 3) → (n,) in [0, 1]."""
        features = triple_features(vectors, triples, self.references)
        found = np.zeros(len(triples))
        for relation in np.unique(triples[:, 1]):
            rows = triples[:, 1] == relation
            found[rows] = self.curves.get(int(relation), self.curves[_GLOBAL])(features[rows])
        return found

    def to_json(self) -> dict[str, object]:
        return {
            str(relation): {
                "weights": curve.weights.tolist(),
                "knots": None if curve.knots is None else curve.knots.tolist(),
            }
            for relation, curve in sorted(self.curves.items())
        }

    @classmethod
    def from_json(cls, curves: Mapping[str, Mapping[str, object]], references: References) -> Calibration:
        """Raises KeyError, TypeError or ValueError when the mapping isn't what `to_json` wrote."""
        read = {}
        for relation, curve in curves.items():
            weights = np.array(curve["weights"], dtype=np.float64)
            knots = None if curve["knots"] is None else np.array(curve["knots"], dtype=np.float64)
            if weights.shape != (FEATURES + 1,) or not np.isfinite(weights).all():
                raise ValueError(f"calibration of relation {relation} needs {FEATURES + 1} finite weights")
            read[int(relation)] = Curve(weights, knots)
        read[_GLOBAL]
        return cls(read, references)


def triple_features(vectors: Vectors, triples: Ids, references: References) -> Array:
    """(n, 3) → (n, FEATURES): the score, and its log share among like tails, and among like heads.

    The log share is the score minus the log of the summed exponentials of its own and of the references' scores.
    """
    features = np.zeros((len(triples), FEATURES))
    for relation in np.unique(triples[:, 1]):
        rows = np.flatnonzero(triples[:, 1] == relation)
        part = triples[rows]
        score = vectors.score(part).astype(np.float64)
        features[rows, 0] = score
        for side, asked in ((1, 2), (0, 0)):
            like = references[relation, side]
            like = like[like >= 0].astype(np.int64)
            if side == 1:
                scores = vectors.tails(part[:, 0], part[:, 1], among=like).astype(np.float64)
            else:
                scores = vectors.heads(part[:, 1], part[:, 2], among=like).astype(np.float64)
            scores[like[None, :] == part[:, asked, None]] = -np.inf
            features[rows, 2 - side] = score - log_sum_exp(np.column_stack([score, scores]), axis=1)
    return features


def sample_references(triples: Ids, num_relations: int, *, seed: int = 0) -> References:
    """(R, 2, k) int32: up to 256 entities that occur on each side of each relation, drawn evenly; -1 fills up."""
    rng = np.random.default_rng(seed)
    references = np.full((num_relations, 2, _REFERENCES), -1, dtype=np.int32)
    for relation in range(num_relations):
        of_relation = triples[triples[:, 1] == relation]
        for side, column in ((0, 0), (1, 2)):
            occurring = np.unique(of_relation[:, column])
            chosen = np.sort(rng.permutation(occurring)[:_REFERENCES])
            references[relation, side, : len(chosen)] = chosen
    return references


def corrupt(positives: Ids, triples: Triples, *, seed: int = 0, attempts: int = 20) -> Ids:
    """(m, 3), m ≤ n: one type-matched corruption of each positive, where there is one that isn't a known triple.

    Heads and tails are replaced in turn; when one side has no other like entity the other is tried.
    """
    rng = np.random.default_rng(seed)
    known = set(map(tuple, triples.known.tolist()))
    pools: dict[tuple[int, int, str], Ids] = {}
    occurring = {
        (r, column): np.unique(triples.train[triples.train[:, 1] == r, column])
        for r in range(len(triples.relations))
        for column in (0, 2)
    }
    found = []
    for i, positive in enumerate(positives.tolist()):
        for column in (0, 2) if i % 2 else (2, 0):
            group = triples.groups[positive[column]] if triples.groups is not None else ""
            key = (positive[1], column, group)
            if key not in pools:
                pools[key] = _pool(occurring[key[:2]], triples, group)
            corrupted = _replace(positive, column, pools[key], known, rng, attempts)
            if corrupted is not None:
                found.append(corrupted)
                break
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _pool(occurring: Ids, triples: Triples, group: str) -> Ids:
    if triples.groups is None:
        return occurring
    groups = triples.groups
    same = np.array([e for e in occurring.tolist() if groups[e] == group], dtype=np.int64)
    return same if len(same) > 1 else occurring


def _replace(
    triple: list[int], column: int, pool: Ids, known: set[tuple[int, ...]], rng: np.random.Generator, attempts: int
) -> list[int] | None:
    if not len(pool):
        return None
    for entity in pool[rng.integers(len(pool), size=attempts)].tolist():
        other = [*triple]
        other[column] = entity
        if tuple(other) not in known and other[0] != other[2]:
            return other
    return None


def calibrate(vectors: Vectors, triples: Triples, held_out: Ids, *, seed: int = 0) -> Calibration:
    """Fit on held-out triples (n, 3) that `vectors` weren't trained on. With none of them every probability is 0.5."""
    references = sample_references(triples.train, len(triples.relations), seed=seed)
    negatives = corrupt(held_out, triples, seed=seed)
    both = np.concatenate([held_out, negatives])
    labels = np.r_[np.ones(len(held_out)), np.zeros(len(negatives))]
    features = triple_features(vectors, both, references)
    curves = {_GLOBAL: _fit(features, labels)}
    for relation in np.unique(both[:, 1]):
        rows = both[:, 1] == relation
        if labels[rows].sum() >= _PLATT_MIN and (1 - labels[rows]).sum() >= _PLATT_MIN:
            curves[int(relation)] = _fit(features[rows], labels[rows])
    return Calibration(curves, references)


def _fit(features: Array, labels: Array) -> Curve:
    if not len(labels) or labels.min() == labels.max():
        return Curve(np.zeros(FEATURES + 1))
    curve = Curve(_logistic(features, labels))
    if labels.sum() < _ISOTONIC_MIN:
        return curve
    probability = curve(features)
    order = np.argsort(probability, kind="stable")
    # One pseudo-count of each kind per end keeps the steps away from 0 and 1.
    smoothed = (labels[order] * (len(labels) - 2) + 1) / len(labels)
    fitted = np.asarray(isotonic_regression(smoothed).x, dtype=np.float64)
    x = probability[order]
    ends = np.unique(np.r_[np.flatnonzero(np.diff(fitted)), np.flatnonzero(np.diff(fitted)) + 1, 0, len(x) - 1])
    x, y = x[ends], fitted[ends]
    return Curve(curve.weights, np.stack([np.maximum.accumulate(x), y]))


def _logistic(features: Array, labels: Array, *, penalty: float = 1.0, steps: int = 50) -> Array:
    """Newton's method on standardised features, with a ridge of `penalty`; targets smoothed as Platt does."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    positives, negatives = labels.sum(), (1 - labels).sum()
    target = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    ridge = np.diag([*[penalty] * FEATURES, 1e-9])
    w = np.zeros(FEATURES + 1)
    for _ in range(steps):
        p = expit(x @ w)
        gradient = x.T @ (p - target) + ridge @ w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge + 1e-9 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step * min(1.0, 10.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    slopes = w[:-1] / scale
    return np.array([*slopes, w[-1] - slopes @ mean])


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far probabilities can be taken at their word, on `n` triples that neither training nor fitting saw.

    `ece` is the expected calibration error over ten equal-width bins; `brier` the mean squared error, 0.25 for a coin.
    `bins` are (mean probability, share that holds, triples).
    """

    n: int
    ece: float
    brier: float
    log_loss: float
    auc: float
    bins: tuple[tuple[float, float, int], ...] = field(default=())

    def to_json(self) -> dict[str, object]:
        named = [{"probability": p, "observed": o, "n": n} for p, o, n in self.bins]
        return {
            "n": self.n,
            "ece": self.ece,
            "brier": self.brier,
            "log_loss": self.log_loss,
            "auc": self.auc,
            "bins": named,
        }


def measure(
    calibration: Calibration, vectors: Vectors, triples: Triples, held_out: Ids, *, seed: int = 1
) -> Reliability:
    """Reliability on further held-out triples and their corruptions."""
    negatives = corrupt(held_out, triples, seed=seed)
    both = np.concatenate([held_out, negatives])
    labels = np.r_[np.ones(len(held_out)), np.zeros(len(negatives))]
    return reliability(calibration.probability(vectors, both), labels)


def reliability(probability: Array, labels: Array, *, bins: int = 10) -> Reliability:
    """(n,), (n,) of 0 and 1."""
    n = len(labels)
    if not n:
        return Reliability(0, 0.0, 0.0, 0.0, 0.0)
    which = np.minimum((probability * bins).astype(int), bins - 1)
    table = []
    for b in range(bins):
        rows = which == b
        if rows.any():
            table.append((float(probability[rows].mean()), float(labels[rows].mean()), int(rows.sum())))
    ece = sum(abs(p - o) * count for p, o, count in table) / n
    clipped = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    log_loss = float(np.mean(np.logaddexp(0, np.where(labels > 0, -clipped, clipped))))
    brier = float(np.mean((probability - labels) ** 2))
    return Reliability(n, float(ece), brier, log_loss, _auc(probability, labels), tuple(table))


def _auc(probability: Array, labels: Array) -> float:
    positives, negatives = probability[labels > 0], np.sort(probability[labels <= 0])
    if not len(positives) or not len(negatives):
        return 0.5
    below = np.searchsorted(negatives, positives)
    upto = np.searchsorted(negatives, positives, side="right")
    return float(((below + upto) / 2).mean() / len(negatives))
