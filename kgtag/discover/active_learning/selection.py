"""A batch of products that are worth an annotator's time together: those whose like the extractor doubts most.

Doubt-weighted facility location: annotating a product tells something of every product like it, so the batch is to
cover as much doubt as it can. An outlier, however doubtful, covers only itself; two of a kind cover what one does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtag.discover.active_learning.uncertainty import Doubt, Vector
from kgtag.extract.decode import Floats
from kgtag.numeric import unit
from kgtag.types import Product

_KEEP = 20
"""Of the most doubtful products, so many times the batch are looked at for variety."""
_FEWEST = 500
_SHOWN = 3
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Choice:
    """`score`: expected errors, in this product and its like, that nothing chosen before or annotated already is like;
    higher first. `novelty` in [0, 1]: how unlike the nearest of those, whose id is `nearest`."""

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

    One after the other (which comes within 1 - 1/e of the best batch): the product that adds most to the sum, over the
    pool, of doubt × likeness to the nearest product that is chosen or `annotated` (id, vector) already. Likeness is the
    cosine of centred vectors, 0 where that is negative.
    """
    if not pool:
        return []
    vectors = np.stack([doubt.vector for _, doubt in pool])
    mean = vectors.mean(axis=0)
    vectors = unit(vectors - mean)  # states share a large mean, without which titles are as far apart as they read
    doubt = np.array([one.expected for _, one in pool])
    covered = np.zeros(len(pool))
    nearest: list[str | None] = [None] * len(pool)
    for id, vector in annotated:
        _cover(covered, nearest, _alike(vectors, unit(vector - mean)), id)
    # The gain of a product only falls as others are chosen: whoever leads with a gain of now leads indeed.
    waiting = [(-gain, number) for number, gain in enumerate(_gains(vectors, doubt, covered))]
    heapq.heapify(waiting)
    chosen: list[Choice] = []
    while waiting and len(chosen) < count:
        _, best = heapq.heappop(waiting)
        alike = _alike(vectors, vectors[best])
        alike[best] = 1.0
        gain = round(float((np.maximum(alike - covered, 0) * doubt).sum()), 6)
        if waiting and -gain > waiting[0][0]:
            heapq.heappush(waiting, (-gain, best))
            continue
        product, own = pool[best]
        chosen.append(Choice(product, own, gain, float(1 - covered[best]), nearest[best]))
        _cover(covered, nearest, alike, product.id)
    return chosen


def _gains(vectors: Vector, doubt: Floats, covered: Floats) -> list[float]:
    """Of each as the first, by blocks; a product is wholly like itself, even without a vector."""
    gains = np.zeros(len(vectors))
    for start in range(0, len(vectors), _ROWS):
        at = slice(start, start + _ROWS)
        alike = np.maximum(vectors[at] @ vectors.T, 0).astype(np.float64)
        alike[np.arange(len(alike)), np.arange(start, start + len(alike))] = 1.0
        gains[at] = np.maximum(alike - covered, 0) @ doubt
    return [round(gain, 6) for gain in gains.tolist()]


def _alike(vectors: Vector, one: Vector) -> Floats:
    return np.clip((vectors @ one).astype(np.float64), 0.0, 1.0)


def _cover(covered: Floats, nearest: list[str | None], alike: Floats, id: str) -> None:
    for number in np.flatnonzero(alike > covered).tolist():
        nearest[number] = id
    np.maximum(covered, alike, out=covered)
