"""Which tokens of a text are hidden: whole words, and runs of characters where a script has no words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.tokens import Tokens

SHARE = 0.15
_LONGEST_RUN = 4
_GO_ON = 0.5
"""Chance that a hidden run of characters takes in the next one, too."""
IGNORED = -100
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What masking must know of it: ids of the special tokens, and how many tokens there are."""

    cls: int
    sep: int
    pad: int
    mask: int
    size: int


@dataclass(frozen=True, slots=True)
class Text:
    """ids: (T,) int64 without special tokens; words: (first, last) tokens of each word, last exclusive;
    scriptless: for each word whether it is a character of a script without words."""

    ids: Ints
    words: tuple[tuple[int, int], ...]
    scriptless: tuple[bool, ...]


def as_text(title: str, tokens: Tokens, *, longest: int) -> Text:
    """The first `longest` tokens."""
    count = min(len(tokens), longest)
    firsts = [n for n in range(count) if n == 0 or not tokens.continues[n]]
    words = tuple(zip(firsts, [*firsts[1:], count], strict=True))
    surfaces = [title[int(tokens.starts[first]) : int(tokens.ends[last - 1])] for first, last in words]
    return Text(tokens.ids[:count], words, tuple(_scriptless(surface) for surface in surfaces))


def hide(text: Text, vocabulary: Vocabulary, rng: random.Random) -> tuple[list[int], list[int]]:
    """(input ids, labels) with [CLS] and [SEP]; labels are IGNORED but where something is hidden.

    About SHARE of the tokens, at least one word. A hidden word is [MASK] 8 times of 10, random tokens once, itself
    once. Runs of characters of a script without words are hidden together.
    """
    ids, labels = text.ids.tolist(), [IGNORED] * len(text.ids)
    wanted = max(1.0, SHARE * len(ids))
    order = list(range(len(text.words)))
    rng.shuffle(order)
    hidden = 0
    for start in order:
        if hidden >= wanted:
            break
        for number in _run(text, start, rng):
            first, last = text.words[number]
            if labels[first] != IGNORED or (hidden and hidden + last - first > wanted + 1):
                break
            labels[first:last] = ids[first:last]
            ids[first:last] = _replaced(ids[first:last], vocabulary, rng)
            hidden += last - first
    return [vocabulary.cls, *ids, vocabulary.sep], [IGNORED, *labels, IGNORED]


def padded(rows: Sequence[tuple[list[int], list[int]]], vocabulary: Vocabulary) -> tuple[Ints, Ints, Ints]:
    """ids, mask and labels, all (B, L) int64."""
    longest = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), longest), vocabulary.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    labels = np.full_like(ids, IGNORED)
    for number, (row, wanted) in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
        labels[number, : len(row)] = wanted
    return ids, mask, labels


def _run(text: Text, start: int, rng: random.Random) -> list[int]:
    """The word, or the run of characters that begins there."""
    run = [start]
    while (
        text.scriptless[start]
        and len(run) < _LONGEST_RUN
        and run[-1] + 1 < len(text.words)
        and text.scriptless[run[-1] + 1]
        and rng.random() < _GO_ON
    ):
        run.append(run[-1] + 1)
    return run


def _replaced(ids: list[int], vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    chance = rng.random()
    if chance < 0.8:
        return [vocabulary.mask] * len(ids)
    return [rng.randrange(vocabulary.size) for _ in ids] if chance < 0.9 else ids


def _scriptless(surface: str) -> bool:
    """One letter without case: a character of Chinese, kana, and the like."""
    return len(surface) == 1 and surface.isalpha() and surface.lower() == surface.upper()
