"""The distinct words of all labels: found by prefix, in spite of a typing error, or from inside, with their labels."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from graph.columns.hierarchy import Csr

_PREFIX = 7
"""Letters of a word of which one may be missing, as in SymSpell (Garbe 2012): what is compared are the deletions."""
_SHORTEST = 4
"""Letters of a word that may have an error."""
_MOST = 100
"""Words compared with a misspelt one."""
_LAST = "\U0010ffff"


class WordIndex:
    """`array`: the texts. `vocabulary`: distinct words, ascending. `texts`: numbers of the texts that each is in.
    `sizes` (texts,) int32: words of each text."""

    def __init__(self, texts: pa.LargeStringArray) -> None:
        """Index texts in their typed form, whose words are set apart by spaces."""
        self.array = texts
        lists = pc.split_pattern(texts, " ")
        starts = np.asarray(lists.offsets)
        encoded = lists.flatten().dictionary_encode()
        order = pc.array_sort_indices(encoded.dictionary).to_numpy()
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        self.vocabulary: Sequence[str] = encoded.dictionary.take(pa.array(order)).to_pylist()
        self.sizes = np.diff(starts).astype(np.int32)
        word = rank[encoded.indices.to_numpy()]
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), self.sizes)
        places = np.argsort(word, kind="stable")
        self.texts = Csr.sorted(len(order), word[places], owner[places])

    def starting_with(self, prefix: str) -> range:
        """Numbers of the words that begin so."""
        return range(bisect_left(self.vocabulary, prefix), bisect_left(self.vocabulary, prefix + _LAST))

    def near(self, word: str, *, unfinished: bool = False, shortest: int = _SHORTEST) -> list[int]:
        """Numbers of the words that are this one but for an error, two in long words, nearest first. `unfinished`: the
        word is still being typed, so that the other may be longer. `shortest`: letters of a word that may have one."""
        if len(word) < shortest or not word.isascii() or not word.isalpha():
            return []
        keys, words = self._deletions
        asked = np.unique(_deletions(np.array([_head(word)], dtype=np.uint64)))
        open_end = np.array([_open(int(key)) for key in asked], dtype=np.uint64) if unfinished else asked
        first, last = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, open_end, "right")
        spans = [words[a : min(b, a + _MOST)] for a, b in zip(first.tolist(), last.tolist(), strict=True) if b > a]
        if not spans:
            return []
        most = 1 if len(word) < 2 * _SHORTEST else 2
        numbers = np.unique(np.concatenate(spans)).tolist()
        others = [self.vocabulary[number] for number in numbers]
        ends = (len(word) - 1, len(word), len(word) + 1) if unfinished else (None,)
        begun = [other[:end] for end in ends for other in others]
        distances = cdist([word], begun, scorer=OSA.distance, score_cutoff=most, dtype=np.uint8).reshape(
            -1, len(others)
        )
        distance = distances.min(axis=0)
        found = [
            (int(distance[at]), abs(len(others[at]) - len(word)), numbers[at])
            for at in np.flatnonzero(distance <= most).tolist()
        ]
        return [number for *_, number in sorted(found)]

    def containing(self, part: str, limit: int) -> list[int]:
        """Numbers of the first words that have the part inside, not at their start."""
        blob, starts = self._joined
        found: list[int] = []
        for match in re.finditer(re.escape(part), blob):
            number = int(np.searchsorted(starts, match.start(), "right")) - 1
            if match.start() > starts[number] and (not found or found[-1] != number):
                found.append(number)
                if len(found) == limit:
                    break
        return found

    @cached_property
    def _joined(self) -> tuple[str, NDArray[np.int64]]:
        lengths = np.fromiter(map(len, self.vocabulary), dtype=np.int64, count=len(self.vocabulary)) + 1
        return "\n".join(self.vocabulary), np.cumsum(lengths) - lengths

    @cached_property
    def _deletions(self) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """Sorted keys, and the word of each."""
        plain = [i for i, word in enumerate(self.vocabulary) if len(word) >= _SHORTEST - 1 and word.isascii()]
        heads = np.array([_head(self.vocabulary[i]) for i in plain], dtype=np.uint64)
        keys = _deletions(heads)
        words = np.tile(np.array(plain, dtype=np.int32), len(keys) // max(1, len(plain)))
        order = np.argsort(keys, kind="stable")
        return keys[order], words[order]

    def warm(self) -> None:
        """Build now what the first misspelt word would wait for."""
        _ = self._deletions, self._joined


def _head(word: str) -> int:
    return int.from_bytes(word[:_PREFIX].encode().ljust(8, b"\0"), "big")


def _open(key: int) -> int:
    """The last key that begins with the letters of this one."""
    used = 8 - (key & -key).bit_length() // 8 if key else 0
    return key | (1 << 8 * max(0, 8 - used)) - 1 if used < 8 else key


def _deletions(heads: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(8 * n,) each head, then each without its first letter, its second, and so on."""
    found = [heads]
    for at in range(_PREFIX):
        kept = 8 * (8 - at)
        left = heads >> np.uint64(kept) << np.uint64(kept) if at else np.zeros_like(heads)
        rest = heads << np.uint64(8 * (at + 1)) >> np.uint64(8 * at)
        found.append(left | rest)
    return np.concatenate(found)
