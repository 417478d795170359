"""Calibrating graph embeddings on held-out triples.

A held-out triple is set against a corruption of the same type: its head or tail replaced by another entity that
occurs on that side of that relation, of the same kind and attribute where those are known, such that the result is not
a known triple. A logistic regression per relation (or over all, for relations with few triples) reads three features of
a triple; where there is plenty of data an isotonic step follows. The prior is one to one.
"""

from __future__ import annotations

import numpy as np

from kgtag.embed.calibration import FEATURES, OTHERS, Array, Calibration, Curve, References, triple_features
from kgtag.embed.triples import Triples
from kgtag.embed.vectors import Ids, Vectors
from kgtag.evaluation.calibration import Reliability, reliability
from kgtag.train.calibration import fit_isotonic, fit_logistic

_PLATT_MIN, _ISOTONIC_MIN, _REFERENCES = 60, 800, 256


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
    groups = np.array(triples.groups or [""] * len(triples.entities), dtype=object)
    occurring = {
        (r, column): np.unique(triples.train[triples.train[:, 1] == r, column])
        for r in range(len(triples.relations))
        for column in (0, 2)
    }
    found = []
    for i, positive in enumerate(positives.tolist()):
        for column in (0, 2) if i % 2 else (2, 0):
            group = str(groups[positive[column]])
            key = (positive[1], column, group)
            if key not in pools:
                everything = occurring[key[:2]]
                like = groups[everything] == group
                pools[key] = everything[like] if like.sum() > 1 else everything
            corrupted = _replace(positive, column, pools[key], known, rng, attempts)
            if corrupted is not None:
                found.append(corrupted)
                break
    return np.array(found, dtype=np.int64).reshape(-1, 3)


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


def measure(
    calibration: Calibration, vectors: Vectors, triples: Triples, held_out: Ids, *, seed: int = 1
) -> Reliability:
    """Reliability on further held-out triples and their corruptions."""
    both, labels = _with_corruptions(held_out, triples, seed)
    return reliability(calibration.probability(vectors, both), labels)


def _with_corruptions(positives: Ids, triples: Triples, seed: int) -> tuple[Ids, Array]:
    """The triples and their corruptions, (n, 3), and which is which, (n,) of 1 and 0."""
    negatives = corrupt(positives, triples, seed=seed)
    return np.concatenate([positives, negatives]), np.repeat([1.0, 0.0], [len(positives), len(negatives)])
