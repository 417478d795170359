"""Batches of products to annotate: uncertainty-weighted facility location.

Annotating a product informs about every similar product, so the batch covers as much uncertainty as it can. An outlier
covers only itself; two similar products cover little more than one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtag.compute import unit
from kgtag.discover.active_learning.uncertainty import Uncertainty, Vector
from kgtag.extract.decode import Floats
from kgtag.types import Product

_KEEP = 20
"""Size of the pool, in batches."""
_FEWEST = 500
_SHOWN = 3
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Selected:
    """A product of the batch.

    `score` is the expected errors, in this and similar products, that nothing selected before or annotated covers;
    `novelty` in [0, 1] the dissimilarity to the nearest of those, whose id is `nearest`.
    """

    product: Product
    uncertainty: Uncertainty
    score: float
    novelty: float
    nearest: str | None

    def to_dict(self) -> dict[str, Any]:
        """The row of `kgtag select`: the product, `score` and `reason`."""
        reason = {
            "expected_errors": round(self.uncertainty.expected_errors, 4),
            "doubtful": [{"attribute": name, "doubt": p} for name, p in self.uncertainty.attributes[:_SHOWN]],
            "novelty": round(self.novelty, 4),
            "nearest": self.nearest,
        }
        return self.product.to_dict() | {"score": round(self.score, 4), "reason": reason}


class Pool:
    """The most uncertain of all products that were added, each title once."""

    def __init__(self, count: int) -> None:
        self._most = max(_KEEP * count, _FEWEST)
        self._kept: list[tuple[Product, Uncertainty]] = []
        self._titles: set[str] = set()

    def add(self, found: Iterable[tuple[Product, Uncertainty]]) -> None:
        for product, uncertainty in found:
            if product.title not in self._titles:
                self._titles.add(product.title)
                self._kept.append((product, uncertainty))
        if len(self._kept) > 2 * self._most:
            self.products()

    def products(self) -> list[tuple[Product, Uncertainty]]:
        """Most uncertain first; ties by id."""
        self._kept.sort(key=lambda pair: (-round(pair[1].expected_errors, 6), pair[0].id))
        del self._kept[self._most :]
        return list(self._kept)


def select_batch(
    pool: Sequence[tuple[Product, Uncertainty]], count: int, *, annotated: Sequence[tuple[str, Vector]] = ()
) -> list[Selected]:
    """Select at most `count` products, the most valuable first, deterministically.

    Greedy, which is within 1 - 1/e of the best batch: the product that adds most to the sum, over the pool, of
    uncertainty × similarity to the nearest product that is selected or `annotated` (id, vector). Similarity is the
    cosine of centred vectors, 0 where negative.
    """
    if not pool:
        return []
    vectors = np.stack([one.vector for _, one in pool])
    mean = vectors.mean(axis=0)
    vectors = unit(vectors - mean)  # without their large common mean, distances show
    weights = np.array([one.expected_errors for _, one in pool])
    covered = np.zeros(len(pool))
    nearest: list[str | None] = [None] * len(pool)
    for id, vector in annotated:
        _cover(covered, nearest, _similarities(vectors, unit(vector - mean)), id)
    # Gains only fall as products are selected: one that still leads after an update is the best.
    waiting = [(-gain, number) for number, gain in enumerate(_gains(vectors, weights, covered))]
    heapq.heapify(waiting)
    selected: list[Selected] = []
    while waiting and len(selected) < count:
        _, best = heapq.heappop(waiting)
        similarities = _similarities(vectors, vectors[best])
        similarities[best] = 1.0
        gain = round(float((np.maximum(similarities - covered, 0) * weights).sum()), 6)
        if waiting and -gain > waiting[0][0]:
            heapq.heappush(waiting, (-gain, best))
            continue
        product, own = pool[best]
        selected.append(Selected(product, own, gain, float(1 - covered[best]), nearest[best]))
        _cover(covered, nearest, similarities, product.id)
    return selected


def _gains(vectors: Vector, weights: Floats, covered: Floats) -> list[float]:
    """The gain of each product as the first, by blocks; a product covers itself, even without a vector."""
    gains = np.zeros(len(vectors))
    for start in range(0, len(vectors), _ROWS):
        at = slice(start, start + _ROWS)
        similarities = np.maximum(vectors[at] @ vectors.T, 0).astype(np.float64)
        similarities[np.arange(len(similarities)), np.arange(start, start + len(similarities))] = 1.0
        gains[at] = np.maximum(similarities - covered, 0) @ weights
    return [round(gain, 6) for gain in gains.tolist()]


def _similarities(vectors: Vector, one: Vector) -> Floats:
    return np.clip((vectors @ one).astype(np.float64), 0.0, 1.0)


def _cover(covered: Floats, nearest: list[str | None], similarities: Floats, id: str) -> None:
    for number in np.flatnonzero(similarities > covered).tolist():
        nearest[number] = id
    np.maximum(covered, similarities, out=covered)
