"""Titles as tokens with exact character offsets, and what each token looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

SHAPES = 41
"""How many shape codes there are; 0 is for tokens that are not of the title."""

_WORD = re.compile(r"\S+")


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
        while start < end and title[start].isspace():
            start += 1
        while start < end and title[end - 1].isspace():
            end -= 1
        if start < end:
            kept.append((token, start, end, word))
    columns = list(zip(*kept, strict=True)) or [(), (), (), ()]
    carried = [False, *(a == b and a is not None for a, b in pairwise(columns[3]))]
    return Tokens(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.int64),
        np.array(_shapes(title, columns[1], columns[2]), dtype=np.int64),
        np.array(carried[: len(kept)], dtype=bool),
    )


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
