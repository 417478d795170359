"""Batches of products to annotate: uncertainty-weighted facility location.

Annotating a product informs about every similar product, so the batch covers as much uncertainty as it can. An outlier
covers only itself; two similar products cover little more than one.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError, TextError
from kgtag.compute import unit
from kgtag.data import attempt_products
from kgtag.extract.decode import Chain, Floats, forward_backward, viterbi
from kgtag.extract.inputs import Piece
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import clean_product
from kgtag.types import Product

_DECODED = 2_048
_LEAST = 0.05
"""Uncertainty about an attribute below which it is not listed."""

Vector = NDArray[np.float32]
_KEEP = 20
"""Size of the pool, in batches."""
_FEWEST = 500
_SHOWN = 3
_ROWS = 1024
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How many attributes of a title the model expects to get wrong, and which, as (name, probability of an error).
    `vector`, (d,) float32 of length 1, is the title in the model's space; zeros without a readable token."""

    expected_errors: float
    attributes: tuple[tuple[str, float], ...]
    vector: Vector


def uncertainties(extractor: SequenceExtractor, products: Sequence[Product]) -> list[Uncertainty]:
    """One per clean product (`kgtag.text.clean_product`), in order."""
    readings = extractor.read(products)
    flat = [reading for windows in readings for reading in windows]
    width = next((reading.vector.size for reading in flat if reading.vector.size), 1)
    wrong = iter(path_uncertainties([reading.emissions for reading in flat], extractor.chain))
    pairs = [[(reading, next(wrong)) for reading in windows] for windows in readings]
    return [_uncertainty(windows, extractor.attributes, width) for windows in pairs]


def path_uncertainties(titles: Sequence[NDArray[np.float32]], chain: Chain) -> list[Floats]:
    """For every title, (A, T, 5) emissions, the probability of all paths but the best: (A,) float64."""
    sizes = [len(emissions) if emissions.size else 0 for emissions in titles]
    rows = [row for emissions, size in zip(titles, sizes, strict=True) for row in emissions[:size]]
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    order = np.argsort(lengths, kind="stable")
    result = np.zeros(len(rows))
    for start in range(0, len(rows), _DECODED):
        block = order[start : start + _DECODED]
        emissions = np.zeros((len(block), int(lengths[block].max()), 5))
        for at, number in enumerate(block):
            emissions[at, : lengths[number]] = rows[number]
        result[block] = 1 - np.exp(np.minimum(_best_score(emissions, lengths[block], chain), 0.0))
    return np.split(result, np.cumsum(sizes)[:-1]) if sizes else []


def _best_score(emissions: Floats, lengths: NDArray[np.int64], chain: Chain) -> Floats:
    """The log probability of each row's best path."""
    path = viterbi(emissions, lengths, chain)
    inside = np.arange(emissions.shape[1]) < lengths[:, None]
    steps = np.take_along_axis(emissions, path[:, :, None], axis=2)[:, :, 0]
    steps[:, 1:] += chain.transitions[path[:, :-1], path[:, 1:]]
    last = path[np.arange(len(path)), lengths - 1]
    best = (steps * inside).sum(axis=1) + chain.start[path[:, 0]] + chain.end[last]
    score: Floats = best - forward_backward(emissions, lengths, chain)[2]
    return score


def _uncertainty(windows: Sequence[tuple[Piece, Floats]], names: Sequence[str], width: int) -> Uncertainty:
    wrong: dict[str, float] = defaultdict(float)
    vector = np.zeros(width, dtype=np.float32)
    for reading, probabilities in windows:
        for attribute, probability in zip(reading.attributes, probabilities.tolist(), strict=True):
            wrong[names[attribute]] = max(wrong[names[attribute]], probability)
        if reading.vector.size:
            vector = vector + reading.vector
    named = sorted(((n, round(p, 4)) for n, p in wrong.items() if p >= _LEAST), key=lambda pair: (-pair[1], pair[0]))
    length = max(float(np.linalg.norm(vector)), 1e-9)
    return Uncertainty(float(sum(wrong.values())), tuple(named), (vector / length).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Selected:
    """A product of the batch. `score` is the expected errors, in this and similar products, that nothing selected
    before or annotated covers; `novelty` in [0, 1] the dissimilarity to the nearest of those, whose id is `nearest`."""

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
    """Select at most `count` products, the most valuable first, deterministically. Greedy, which is within 1 - 1/e of
    the best batch: the product that adds most to the sum, over the pool, of uncertainty × similarity to the nearest
    product that is selected or `annotated` (id, vector). Similarity is the cosine of centred vectors, 0 where negative.
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


@dataclass(frozen=True, slots=True)
class SelectReport:
    """The selection, and how many products the file has, were annotated already, and are unreadable."""

    selected: list[Selected]
    products: int
    annotated: int
    unreadable: int


def select_products(
    extractor: SequenceExtractor, source: Path, *, count: int, annotated: Sequence[Path] = (), lang: str | None = None
) -> SelectReport:
    """Select the products of a file to annotate next. Products with a title of an `annotated` file are left out, and
    cover similar ones. Raises InputError for a file that does not read as a whole."""
    done: list[Product] = []
    for file in annotated:
        done += (found := [row for row in attempt_products(file, lang=lang) if isinstance(row, Product)])
        if not found:  # all of `source` would seem new
            raise InputError(f"{file}: no row is a product with a title; give annotated products, or products")
    titles = {product.title for product in done}
    pool = Pool(count)
    total = known = unreadable = 0
    rows = attempt_products(source, lang=lang)
    while chunk := list(islice(rows, _CHUNK)):
        products = [row for row in chunk if isinstance(row, Product)]
        fresh = [product for product in products if product.title not in titles]
        read = list(_readable(fresh))
        total, known = total + len(chunk), known + len(products) - len(fresh)
        unreadable += len(chunk) - len(products) + len(fresh) - len(read)
        pool.add(zip(read, uncertainties(extractor, read), strict=True))
    selected = select_batch(pool.products(), count, annotated=list(_vectors(extractor, done)))
    return SelectReport(selected, total, known, unreadable)


def _vectors(extractor: SequenceExtractor, products: Sequence[Product]) -> Iterator[tuple[str, Vector]]:
    read = list(_readable(products))
    for start in range(0, len(read), _CHUNK):
        part = read[start : start + _CHUNK]
        for product, found in zip(part, uncertainties(extractor, part), strict=True):
            yield product.id, found.vector


def _readable(products: Sequence[Product]) -> Iterator[Product]:
    for product in products:
        try:
            yield clean_product(product)
        except TextError:
            continue
