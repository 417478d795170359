"""Windows of titles on their way through the model, and which of them go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.inputs import Window
from kgtag.extract.tokens import Tokens

Floats = NDArray[np.float32]

_BATCH_TOKENS = 512
_PADDING = 2
"""Tokens that titles of one batch may differ by: a processor gains nothing from filling a batch up with padding."""
_CELLS = 4_000
_NONE = np.zeros((1, 1, 0), dtype=np.float32)


@dataclass(slots=True)
class Piece:
    """One window of one product's title: states (T, d), while they are needed; emissions (A, T, 5); the mean state."""

    product: int
    window: Window
    tokens: Tokens
    category: str | None
    attributes: tuple[int, ...] = ()
    states: Floats | None = None
    emissions: Floats = field(default_factory=lambda: _NONE)
    vector: Floats = field(default_factory=lambda: _NONE[0, 0])


@dataclass(frozen=True, slots=True)
class Reading:
    """A window of a title: attribute indices (A), their tag scores (A, T, 5) float32, unnormalised, and the mean state
    of its tokens, (d,) float32, empty where no attribute is looked for."""

    attributes: tuple[int, ...]
    emissions: Floats
    vector: Floats


def batches(pieces: Sequence[Piece], lengths: Sequence[int]) -> list[list[Piece]]:
    """Pieces of like length together, shortest first. `lengths`: of the encoder's inputs, in tokens."""
    made: list[list[Piece]] = []
    shortest = 0
    for number in sorted(range(len(pieces)), key=lambda n: lengths[n]):
        length = lengths[number]
        if not made or (len(made[-1]) + 1) * length > _BATCH_TOKENS or length > shortest + _PADDING:
            made.append([])
            shortest = length
        made[-1].append(pieces[number])
    return made


def parts(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """A batch in parts whose attributes × tokens fit the processor's cache; like counts of attributes together."""
    kept = sorted(pieces, key=lambda piece: len(piece.attributes))
    longest = max((len(piece.tokens) for piece in kept), default=0)
    while kept:
        count = len(kept)
        while count > 1 and count * len(kept[count - 1].attributes) * longest > _CELLS:
            count = (count + 1) // 2
        yield kept[:count]
        kept = kept[count:]
