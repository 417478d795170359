"""A batch of products that are worth an annotator's time together: doubtful, and unlike each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtag.extract.decode import Floats
from kgtag.select.doubt import Doubt, Vector
from kgtag.types import Product

_KEEP = 20
"""Of the most doubtful products, so many times the batch are looked at for variety."""
_FEWEST = 500
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """`score`: doubt × novelty, higher first; `novelty` in [0, 1]: how unlike the nearest product that was chosen
    before or is annotated already, whose id is `nearest`."""

    product: Product
    doubt: Doubt
    score: float
    novelty: float
    nearest: str | None

    def row(self) -> dict[str, Any]:
        """One line out: the product, `score` and `reason`."""
        product = self.product
        fields = {"id": product.id, "title": product.title, "text": product.text}
        fields |= {"category": product.category, "lang": product.lang}
        reason = {
            "expected_errors": round(self.doubt.expected, 4),
            "doubtful": [{"attribute": name, "doubt": p} for name, p in self.doubt.attributes[:_SHOWN]],
            "novelty": round(self.novelty, 4),
            "nearest": self.nearest,
        }
        named = {name: value for name, value in fields.items() if value is not None}
        return named | {"score": round(self.score, 4), "reason": reason}


class Pool:
    """The products still worth a look, however many pass by: the most doubtful, each title once."""

    def __init__(self, count: int) -> None:
        self._most = max(_KEEP * count, _FEWEST)
        self._kept: list[tuple[Product, Doubt]] = []
        self._titles: set[str] = set()

    def add(self, found: Iterable[tuple[Product, Doubt]]) -> None:
        for product, doubt in found:
            if product.title not in self._titles:
                self._titles.add(product.title)
                self._kept.append((product, doubt))
        if len(self._kept) > 2 * self._most:
            self._prune()

    def products(self) -> list[tuple[Product, Doubt]]:
        """Most doubtful first; equals by id."""
        self._prune()
        return list(self._kept)

    def _prune(self) -> None:
        self._kept.sort(key=lambda pair: (-round(pair[1].expected, 6), pair[0].id))
        del self._kept[self._most :]


def choose(
    pool: Sequence[tuple[Product, Doubt]], count: int, *, annotated: Sequence[tuple[str, Vector]] = ()
) -> list[Choice]:
    """At most `count`, in the order in which they are best annotated; the same pool gives the same choice.

    One after the other: the product with the highest doubt × novelty, where novelty is the distance (half of 1 less the
    cosine of the centred vectors) to the nearest product that is chosen or `annotated` (id, vector) already.
    """
    if not pool:
        return []
    vectors = np.stack([doubt.vector for _, doubt in pool])
    mean = vectors.mean(axis=0)
    vectors = vectors - mean  # states share a large mean, without which titles are as far apart as they read
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    doubt = np.array([one.expected for _, one in pool])
    nearest: list[str | None] = [None] * len(pool)
    novelty = np.ones(len(pool))
    for id, vector in annotated:
        own = (vector - mean) / max(float(np.linalg.norm(vector - mean)), 1e-9)
        _cover(novelty, nearest, _distance(vectors, own), id)
    free = np.ones(len(pool), dtype=bool)
    chosen: list[Choice] = []
    while len(chosen) < min(count, len(pool)):
        score = np.where(free, doubt * novelty, -1.0)
        best = int(score.round(9).argmax())
        product, own_doubt = pool[best]
        chosen.append(Choice(product, own_doubt, float(score[best]), float(novelty[best]), nearest[best]))
        free[best] = False
        _cover(novelty, nearest, _distance(vectors, vectors[best]), product.id)
    return chosen


def _distance(vectors: Vector, one: Vector) -> Floats:
    """Half of 1 - cosine: 0 for the same direction, 1 for the opposite."""
    return np.clip((1 - (vectors @ one).astype(np.float64)) / 2, 0.0, 1.0)


def _cover(novelty: Floats, nearest: list[str | None], distance: Floats, id: str) -> None:
    for number in np.flatnonzero(distance < novelty).tolist():
        nearest[number] = id
    np.minimum(novelty, distance, out=novelty)
