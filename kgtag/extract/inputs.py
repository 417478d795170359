"""Titles as the sequence model reads them: tokens with exact offsets, windows over long titles, padded arrays."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

SHAPES = 41
"""How many shape codes there are; 0 is for tokens that are not of the title."""

_WORD = re.compile(r"\S+")
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
_BATCH_TOKENS = 512
_PADDING = 2
"""Tokens that titles of one batch may differ by: a processor gains nothing from filling a batch up with padding."""
_CELLS = 4_000
_NONE = np.zeros((1, 1, 0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One title. All arrays are (T,): ids int64, starts and ends int64 half-open offsets in characters,
    shapes int64 in 1..SHAPES-1, continues bool (the token carries on the word of the one before)."""

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    shapes: NDArray[np.int64]
    continues: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def tokenize(tokenizer: Tokenizer, titles: list[str]) -> list[Tokens]:
    """Tokens without special ones. Text that spells a special token ('[SEP]') is text."""
    tokenizer.encode_special_tokens = True
    encodings = tokenizer.encode_batch(titles, add_special_tokens=False)
    return [
        _tokens(title, encoding.ids, encoding.offsets, encoding.word_ids)
        for title, encoding in zip(titles, encodings, strict=True)
    ]


def _tokens(title: str, ids: list[int], offsets: list[tuple[int, int]], words: list[int | None]) -> Tokens:
    kept = []
    for token, (start, end), word in zip(ids, offsets, words, strict=True):
        surface = title[start:end]
        start += len(surface) - len(surface.lstrip())
        end -= len(surface) - len(surface.rstrip())
        if start < end:
            kept.append((token, start, end, word))
    columns = list(zip(*kept, strict=True)) or [(), (), (), ()]
    carried = [False, *(a == b and a is not None for a, b in pairwise(columns[3]))]
    shapes = _shapes(title, columns[1], columns[2])
    tokens, first, last = (np.array(column, dtype=np.int64) for column in columns[:3])
    return Tokens(tokens, first, last, np.array(shapes, dtype=np.int64), np.array(carried[: len(kept)], dtype=bool))


def _shapes(title: str, starts: tuple[int, ...], ends: tuple[int, ...]) -> list[int]:
    """Case and script of the token (10) × its blank-separated word mixes letters and digits × it follows a blank."""
    mixed = np.zeros(len(title), dtype=bool)
    for word in _WORD.finditer(title):
        surface = word.group()
        if any(c.isdigit() for c in surface) and any(c.isalpha() for c in surface):
            mixed[word.start() : word.end()] = True
    return [
        1 + 4 * _shape(title[start:end]) + 2 * int(mixed[start]) + int(start == 0 or title[start - 1].isspace())
        for start, end in zip(starts, ends, strict=True)
    ]


def _shape(surface: str) -> int:
    if surface.isdigit():
        return 0 if len(surface) < 3 else 1
    if not any(c.isalnum() for c in surface):
        return 2
    if surface.isalpha() and surface.lower() == surface.upper():
        return 3
    if any(c.isdigit() for c in surface):
        return 4
    if surface.islower():
        return 5
    if surface.isupper():
        return 6 if len(surface) == 1 else 7
    return 8 if surface[0].isupper() and surface[1:].islower() else 9


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


@dataclass(slots=True)
class Piece:
    """One window of one product's title: states (T, d), while they are needed; tag scores (A, T, 5), unnormalised, of
    the attributes looked for; and the mean state of its tokens, (d,), empty where no attribute is looked for."""

    product: int
    window: Window
    tokens: Tokens
    category: str | None
    attributes: tuple[int, ...] = ()
    states: Floats | None = None
    emissions: Floats = field(default_factory=lambda: _NONE)
    vector: Floats = field(default_factory=lambda: _NONE[0, 0])


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
