"""How unsure an extractor is of a title: what the CRF leaves to paths other than its best."""

from __future__ import annotations

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
"""Doubt about an attribute below which it is not worth naming."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Doubt:
    """`expected`: how many of the title's attributes the best reading is expected to get wrong, by the model's own
    probabilities; `attributes`: (name, probability of being wrong), most doubtful first; `vector`: (d,) float32 of
    length 1, near for titles that read alike; zeros where nothing could be looked for."""

    expected: float
    attributes: tuple[tuple[str, float], ...]
    vector: Vector


def doubts(extractor: SequenceExtractor, products: Sequence[Product]) -> list[Doubt]:
    """One for each product, in order. The products are clean (`kgtag.text.clean_product`)."""
    readings = extractor.read(products)
    width = next((reading.vector.size for windows in readings for reading in windows if reading.vector.size), 1)
    flat = [reading for windows in readings for reading in windows]
    wrong = iter(path_doubts([reading.emissions for reading in flat], extractor.chain))
    pairs = [[(reading, next(wrong)) for reading in windows] for windows in readings]
    return [_doubt(windows, extractor.attributes, width) for windows in pairs]


def path_doubts(titles: Sequence[NDArray[np.float32]], chain: Chain) -> list[Floats]:
    """Of every title's rows, (A, T, 5) emissions each, the probability of all paths but the best: (A,) float64."""
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
        result[block] = _doubts(emissions, lengths[block], chain)
    ends = np.cumsum(sizes)
    return [result[end - size : end] for end, size in zip(ends.tolist(), sizes, strict=True)]


def _doubts(emissions: Floats, lengths: NDArray[np.int64], chain: Chain) -> Floats:
    path = viterbi(emissions, lengths, chain)
    inside = np.arange(emissions.shape[1]) < lengths[:, None]
    steps = np.take_along_axis(emissions, path[:, :, None], axis=2)[:, :, 0]
    steps[:, 1:] += chain.transitions[path[:, :-1], path[:, 1:]]
    last = path[np.arange(len(path)), lengths - 1]
    best = (steps * inside).sum(axis=1) + chain.start[path[:, 0]] + chain.end[last]
    _, _, partition = forward_backward(emissions, lengths, chain)
    doubt: Floats = 1 - np.exp(np.minimum(best - partition, 0.0))
    return doubt


def _doubt(windows: Sequence[tuple[Reading, Floats]], names: Sequence[str], width: int) -> Doubt:
    wrong: dict[str, float] = {}
    total: Vector | None = None
    for reading, doubt in windows:
        for attribute, probability in zip(reading.attributes, doubt.tolist(), strict=True):
            name = names[attribute]
            wrong[name] = max(wrong.get(name, 0.0), probability)
        if reading.vector.size:
            total = reading.vector if total is None else total + reading.vector
    named = sorted(((n, round(p, 4)) for n, p in wrong.items() if p >= _LEAST), key=lambda pair: (-pair[1], pair[0]))
    vector = np.zeros(width, dtype=np.float32) if total is None else total
    norm = float(np.linalg.norm(vector))
    return Doubt(float(sum(wrong.values())), tuple(named), (vector / max(norm, 1e-9)).astype(np.float32))
