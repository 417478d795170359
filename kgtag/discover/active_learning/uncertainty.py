"""An extractor's uncertainty about a title: the probability that the CRF gives to paths other than its best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.decode import Chain, Floats, forward_backward, viterbi
from kgtag.extract.pieces import Reading
from kgtag.extract.sequence import SequenceExtractor
from kgtag.types import Product

_ROWS = 2_048
_LEAST = 0.05
"""Uncertainty about an attribute below which it is not listed."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How many attributes of a title the model expects to get wrong, and which, as (name, probability of an error).

    `vector`, (d,) float32 of length 1, is the title in the model's space; zeros without a readable token.
    """

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
    for start in range(0, len(rows), _ROWS):
        block = order[start : start + _ROWS]
        emissions = np.zeros((len(block), int(lengths[block].max()), 5))
        for at, number in enumerate(block):
            emissions[at, : lengths[number]] = rows[number]
        result[block] = _beside_best(emissions, lengths[block], chain)
    return np.split(result, np.cumsum(sizes)[:-1]) if sizes else []


def _beside_best(emissions: Floats, lengths: NDArray[np.int64], chain: Chain) -> Floats:
    path = viterbi(emissions, lengths, chain)
    inside = np.arange(emissions.shape[1]) < lengths[:, None]
    steps = np.take_along_axis(emissions, path[:, :, None], axis=2)[:, :, 0]
    steps[:, 1:] += chain.transitions[path[:, :-1], path[:, 1:]]
    last = path[np.arange(len(path)), lengths - 1]
    best = (steps * inside).sum(axis=1) + chain.start[path[:, 0]] + chain.end[last]
    _, _, partition = forward_backward(emissions, lengths, chain)
    found: Floats = 1 - np.exp(np.minimum(best - partition, 0.0))
    return found


def _uncertainty(windows: Sequence[tuple[Reading, Floats]], names: Sequence[str], width: int) -> Uncertainty:
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
