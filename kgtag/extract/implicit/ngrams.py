"""Hashed n-grams of a text, the features of implicit values in training and in serving.

The hash is part of every trained model, so these differ from the n-grams of `kgtag.link.candidates.ngrams`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

BUCKETS = 1 << 18
_WORD = re.compile(r"\S+")
_SHORTEST, _LONGEST = 2, 5
"""Characters of a piece of a word, the blanks around the word included."""
_MOST_CHARACTERS = 2_000

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def grams(text: str, category: str | None) -> tuple[Ints, Floats]:
    """(buckets (N,) int64 ascending, weights (N,) float32): 1 + log of how often each gram occurs, not yet scaled.

    Words, pairs of words, pieces of words of 2 to 5 characters, and the category as one gram, all without case.
    """
    counts: Counter[int] = Counter(crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in _grams(text))
    if category:
        counts[crc32(f"c\t{category.casefold()}".encode("utf-8", "replace")) % BUCKETS] += 1
    buckets = np.fromiter(sorted(counts), dtype=np.int64, count=len(counts))
    found = np.fromiter((counts[bucket] for bucket in buckets.tolist()), dtype=np.float32, count=len(counts))
    return buckets, 1 + np.log(found)


def _grams(text: str) -> Iterator[str]:
    words = _WORD.findall(text[:_MOST_CHARACTERS].casefold())
    for number, word in enumerate(words):
        yield f"w\t{word}"
        if number:
            yield f"p\t{words[number - 1]} {word}"
        padded = f" {word} "
        for size in range(_SHORTEST, _LONGEST + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def feature_rows(rows: Sequence[tuple[NDArray[np.int64], Floats]], inverse_frequency: Floats) -> csr_matrix:
    """Weigh rows of `grams` and scale them to length 1: (len(rows), BUCKETS) float32."""
    columns = np.concatenate([buckets for buckets, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
    cells = np.concatenate([counts for _, counts in rows]) if rows else np.zeros(0, dtype=np.float32)
    ends = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    cells = cells * inverse_frequency[columns]
    squares = np.add.reduceat(np.append(cells**2, 0.0), ends[:-1]) if rows else np.zeros(0)
    squares[ends[:-1] == ends[1:]] = 0.0
    scaled = cells / np.repeat(np.sqrt(np.maximum(squares, 1e-12)), np.diff(ends))
    return csr_matrix((scaled.astype(np.float32), columns, ends), shape=(len(rows), BUCKETS))
