"""From a triple's score to its probability: 0.8 means that 80 of 100 such triples hold, when half of all are false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from kgtag.compute import log_sum_exp
from kgtag.embed.vectors import Ids, Vectors

Array = NDArray[np.float64]
References = NDArray[np.int32]
FEATURES = 3
OTHERS = -1
"""Number of the curve for relations without one of their own."""


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
            found[rows] = self.curves.get(int(relation), self.curves[OTHERS])(features[rows])
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
        read[OTHERS]
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
            tails, (head, of, tail) = side == 1, part.T
            found = vectors.tails(head, of, among=like) if tails else vectors.heads(of, tail, among=like)
            scores = found.astype(np.float64)
            scores[like[None, :] == part[:, asked, None]] = -np.inf
            features[rows, 2 - side] = score - log_sum_exp(np.column_stack([score, scores]), axis=1)
    return features
