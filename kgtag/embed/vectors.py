"""Trained vectors, scored by entity and relation number; and the map from texts to vectors for new entities.

For four models there is a query vector `q` of the two known parts of a triple such that its score is `q · e`, or minus
a distance between `q` and `e`, over the entity `e` that is looked for. Complex vectors are stored as float32 rows
`[re_0 … re_d-1, im_0 … im_d-1]`, so every array here is real.

    ComplEx    q = h ⊙ r          (tail)   r̄ ⊙ t   (head)    score  Re⟨q, ē⟩ = q · e
    DistMult   q = h ⊙ r                    r ⊙ t             score  q · e
    TransE     q = h + r                    t - r             score  -‖q - e‖_p
    RotatE     q = h ⊙ r                    r̄ ⊙ t   (|r|=1)   score  -‖q - e‖_2

Other models have a formula in `kgtag.embed.interactions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import expit

from kgtag.compute import log_sum_exp
from kgtag.embed.interactions import Parts

Floats = NDArray[np.float32]
ModelName = Literal[
    "ComplEx", "DistMult", "TransE", "RotatE", "AutoSF", "BoxE", "ConvKB", "CP", "CrossE", "DistMA", "ERMLP", "HolE",
    "KG2E", "LineaRE", "MultiLinearTucker", "MuRE", "NTN", "PairRE", "ProjE", "QuatE", "RESCAL", "SE", "SimplE",
    "TorusE", "TransD", "TransF", "TransH", "TransR", "TripleRE", "TuckER", "UM",
]  # fmt: skip
"""PyKEEN's names. Of its interactions three are missing, see `UNSERVED`."""
UNSERVED: tuple[str, ...] = ("ConvE", "ERMLPE", "Transformer")
"""Networks whose score is not a short formula."""
MODELS: tuple[ModelName, ...] = get_args(ModelName)
COMPLEX: frozenset[str] = frozenset({"ComplEx", "RotatE"})
BILINEAR: frozenset[str] = frozenset({"ComplEx", "DistMult"})
Ids = NDArray[np.int64]
Array = NDArray[np.float64]
References = NDArray[np.int32]
FEATURES = 3
OTHERS = -1
"""Number of the curve for relations without one of their own."""


def width(model: ModelName, dim: int) -> int:
    """Columns of an entity or relation row."""
    return 2 * dim if model in COMPLEX else dim


@dataclass(frozen=True, slots=True)
class Vectors:
    """`entity` (E, width) and `relation` (R, width) float32, laid out as above, or of `parts`; `norm` is TransE's p.
    Higher scores are more plausible; they rank within one model and are not probabilities."""

    model: ModelName
    entity: Floats
    relation: Floats
    norm: int = 1
    parts: Parts | None = None

    def score(self, triples: Ids) -> Floats:
        """(n, 3) of (head, relation, tail) → (n,) float32."""
        heads, tails = np.asarray(self.entity[triples[:, 0]]), np.asarray(self.entity[triples[:, 2]])
        if self.parts is not None:
            relations = np.asarray(self.relation[triples[:, 1]])
            return self.parts.scores(self.model, heads[:, None], relations, tails[:, None])[:, 0]
        query = self._query(heads, triples[:, 1])
        if self.model in BILINEAR:
            scores: Floats = np.einsum("nw,nw->n", query, tails)
            return scores
        distances: Floats = np.linalg.norm(query - tails, ord=1 if self._city_block else 2, axis=-1)
        return -distances

    def tails(self, heads: Ids, relations: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m) for the m entities `among`."""
        return self._compare(self.entity[heads], relations, among)

    def heads(self, relations: Ids, tails: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m)."""
        return self._compare(self.entity[tails], relations, among, backwards=True)

    @property
    def _city_block(self) -> bool:
        return self.model == "TransE" and self.norm == 1

    def _query(self, known: Floats, relations: Ids, *, backwards: bool = False) -> Floats:
        """(n, width), (n,) → (n, width): what the tails are compared with, or `backwards` the heads."""
        relation = self.relation[relations]
        if self.model == "TransE":
            return known - relation if backwards else known + relation
        if self.model == "DistMult":
            return known * relation
        half = known.shape[-1] // 2
        re, im = known[..., :half], known[..., half:]
        by_re, by_im = relation[..., :half], -relation[..., half:] if backwards else relation[..., half:]
        return np.concatenate([re * by_re - im * by_im, re * by_im + im * by_re], axis=-1)

    def _compare(self, known: Floats, relations: Ids, among: Ids | None, *, backwards: bool = False) -> Floats:
        entities = self.entity if among is None else np.asarray(self.entity[among])
        if self.parts is not None:
            by = np.asarray(self.relation[relations])
            return self.parts.compare(self.model, known, by, entities, backwards=backwards)
        query = self._query(known, relations, backwards=backwards)
        if self.model in BILINEAR:
            scores: Floats = query @ entities.T
            return scores
        return (-cdist(query, entities, "cityblock" if self._city_block else "euclidean")).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Folds:
    """Vectors trained without part of the triples, to score those triples with. `held_out` (n, 5) int64: fold, head,
    relation, tail, and the head's degree in other relations."""

    vectors: tuple[Vectors, ...]
    held_out: Ids


@dataclass(frozen=True, slots=True)
class TextMap:
    """`weights` (k + 1, width) float32, the last row the intercept; `r2` is the share of the entities'
    vectors that it explains."""

    weights: Floats
    r2: float

    def __call__(self, text: Floats) -> Floats:
        """(n, k) float32 text embeddings → (n, width) float32 entity vectors."""
        mapped: Floats = (text @ self.weights[:-1] + self.weights[-1]).astype(np.float32)
        return mapped


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
    Side 0 are heads, side 1 tails; -1 fills up."""

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
    """(n, 3) → (n, FEATURES): the score, and its log share among like tails, and among like heads. The log share is the
    score minus the log of the summed exponentials of its own and of the references' scores."""
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
