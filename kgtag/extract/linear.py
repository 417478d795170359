"""Linear models over hashed n-grams of product text, served without torch: one column of weights for each outcome."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
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
Grams = tuple[Ints, Floats]
"""Buckets (N,) and weights (N,) of a text; see `grams`."""


def grams(text: str, category: str | None) -> Grams:
    """(buckets (N,) int64 ascending, weights (N,) float32): 1 + log of how often each gram occurs, not yet scaled.
    Words, pairs of words, pieces of words of 2 to 5 characters, and the category as one gram, all without case."""
    hashed = [crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in _grams(text)]
    buckets, counts = np.unique(np.array(hashed, dtype=np.int64), return_counts=True)
    return with_category((buckets, 1 + np.log(counts.astype(np.float32))), category)


def with_category(text: Grams, category: str | None) -> Grams:
    """Add a category to the grams of a text."""
    if not category:
        return text
    buckets, weights = text
    own = crc32(f"c\t{category.casefold()}".encode("utf-8", "replace")) % BUCKETS
    at = int(np.searchsorted(buckets, own))
    if at < len(buckets) and buckets[at] == own:  # another gram fell into the same bucket
        return text
    return np.insert(buckets, at, own), np.insert(weights, at, np.float32(1.0))


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


def feature_rows(rows: Sequence[Grams], inverse_frequency: Floats) -> csr_matrix:
    """Weigh rows of `grams` and scale them to length 1: (len(rows), BUCKETS) float32."""
    columns = np.concatenate([buckets for buckets, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
    cells = np.concatenate([counts for _, counts in rows]) if rows else np.zeros(0, dtype=np.float32)
    ends = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    cells = cells * inverse_frequency[columns]
    squares = np.add.reduceat(np.append(cells**2, 0.0), ends[:-1]) if rows else np.zeros(0)
    squares[ends[:-1] == ends[1:]] = 0.0
    scaled = cells / np.repeat(np.sqrt(np.maximum(squares, 1e-12)), np.diff(ends))
    return csr_matrix((scaled.astype(np.float32), columns, ends), shape=(len(rows), BUCKETS))


def seen_shares(rows: Sequence[Grams], inverse_frequency: Floats) -> NDArray[np.float64]:
    """(len(rows),): the share of each row's weight, squared, in grams that training had. Others weigh as the rarest."""
    rarest = float(inverse_frequency.max(initial=1.0))
    found = np.zeros(len(rows))
    for number, (buckets, counts) in enumerate(rows):
        own = inverse_frequency[buckets]
        squares = (counts * np.where(own > 0, own, rarest)) ** 2
        found[number] = squares[own > 0].sum() / max(float(squares.sum()), 1e-9)
    return found


@dataclass(frozen=True, slots=True)
class Head:
    """One attribute. `values` in the order of `weights`' columns, None for none of them; `weights` (BUCKETS, K)
    float32 and `offsets` (K,) float32 give margins, `slope` turns margins into log-odds; `categories` are those of the
    training products, casefolded, empty for any; `resemblance` does for cosines to names what `slope` does, or None
    when no encoder was there to fit it; `named` is the log of how much likelier a value is for being named in the text,
    0 where that was not fitted."""

    values: tuple[str | None, ...]
    weights: csr_matrix
    offsets: Floats
    slope: float
    categories: frozenset[str] = frozenset()
    resemblance: float | None = None
    named: float = 0.0

    def margins(self, features: csr_matrix) -> NDArray[np.float64]:
        """(n, K) of (n, BUCKETS) rows."""
        found = np.asarray((features @ self.weights).todense(), dtype=np.float64)
        return found + self.offsets.astype(np.float64)

    def odds(self, features: csr_matrix, named: Sequence[Collection[str]] = ()) -> NDArray[np.float64]:
        """(n, K): the logarithms of the values' probabilities, but for a number by row. `named`: of each row the values
        that its title names."""
        odds = self.slope * self.margins(features)
        for row, values in enumerate(named):
            for value in values:
                odds[row, self.values.index(value)] += self.named
        return odds

    def applies_to(self, category: str | None) -> bool:
        return category is None or not self.categories or category.casefold() in self.categories


def head_arrays(name: str, head: Head) -> dict[str, Any]:
    """A head's weights as arrays of one file, called after `name`."""
    weights = head.weights.tocsr()
    return {
        f"{name}.data": weights.data.astype(np.float16),
        f"{name}.columns": weights.indices.astype(np.uint16),
        f"{name}.rows": np.repeat(np.arange(BUCKETS, dtype=np.int32), np.diff(weights.indptr)),
        f"{name}.offsets": head.offsets,
    }


def read_weights(name: str, arrays: Any, outcomes: int) -> tuple[csr_matrix, Floats]:
    """Weights (BUCKETS, outcomes) and offsets (outcomes,) of `head_arrays`. Raises KeyError, ValueError."""
    places = (arrays[f"{name}.rows"], arrays[f"{name}.columns"].astype(np.int32))
    cells = (arrays[f"{name}.data"].astype(np.float32), places)
    return csr_matrix(cells, shape=(BUCKETS, outcomes)), arrays[f"{name}.offsets"]
