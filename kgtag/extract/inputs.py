"""Titles as the arrays the sequence model reads: windows over long titles, categories behind them, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.tokens import Tokens

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens first..last-1 of a title, read together; it answers for mentions beginning in own_first..own_last-1."""

    first: int
    last: int
    own_first: int
    own_last: int


def windows(length: int, size: int) -> list[Window]:
    """Windows of at most `size` tokens over `length` of them, overlapping by half, each token owned by exactly one."""
    if length <= size:
        return [Window(0, length, 0, length)]
    stride = size // 2
    firsts = [*range(0, length - size, stride), length - size]
    owned = [0, *(first + stride // 2 for first in firsts[1:]), length]
    return [Window(first, first + size, owned[n], owned[n + 1]) for n, first in enumerate(firsts)]


def slice_tokens(tokens: Tokens, window: Window) -> Tokens:
    """The window's part of the title."""
    cut = slice(window.first, window.last)
    continues = tokens.continues[cut].copy()
    if len(continues):
        continues[0] = False
    return Tokens(tokens.ids[cut], tokens.starts[cut], tokens.ends[cut], tokens.shapes[cut], continues)


def encoder_inputs(
    titles: Sequence[Tokens], suffixes: Sequence[Sequence[int]], special: tuple[int, int, int]
) -> tuple[Ints, Ints, Ints]:
    """ids, shapes and mask, all (B, L) int64: [CLS] title [SEP], and suffix [SEP] where the suffix isn't empty."""
    cls, sep, pad = special
    lengths = [len(t) + 2 + (len(s) + 1 if s else 0) for t, s in zip(titles, suffixes, strict=True)]
    ids = np.full((len(titles), max(lengths)), pad, dtype=np.int64)
    shapes = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, (title, suffix, length) in enumerate(zip(titles, suffixes, lengths, strict=True)):
        ids[row, :length] = [cls, *title.ids.tolist(), sep, *suffix, *([sep] if suffix else [])]
        shapes[row, 1 : len(title) + 1] = title.shapes
        mask[row, :length] = 1
    return ids, shapes, mask


def attribute_inputs(attributes: Sequence[Sequence[int]], codes: Sequence[Ints], tokens: int) -> tuple[Ints, Ints]:
    """Attribute rows (B, A) int64, 0 for padding, and lexicon codes (B, A, `tokens`) int64."""
    most = max((len(found) for found in attributes), default=0)
    rows = np.zeros((len(attributes), most), dtype=np.int64)
    lexicon = np.zeros((len(attributes), most, tokens), dtype=np.int64)
    for number, (found, code) in enumerate(zip(attributes, codes, strict=True)):
        rows[number, : len(found)] = np.asarray(found, dtype=np.int64) + 1
        lexicon[number, : len(found), : code.shape[1]] = code
    return rows, lexicon
