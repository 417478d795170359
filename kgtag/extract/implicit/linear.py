"""The linear part of the model of implicit values, and its directory's files (see `kgtag.artifacts`).

config.json       format, and by attribute: values (null is none of them), categories, calibration, resemblance
weights.npz       inverse frequencies of grams, and by attribute the linear model's weights, sparse
metrics.json      how training went (not part of the version)
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from kgtag.artifacts import Kind, ModelDirectory, write_json

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


FORMAT = 1
DIRECTORY = "multilabel"
"""Name within a model's directory."""
CONFIG, WEIGHTS = "config.json", "weights.npz"
VALUES = Kind("implicit values", (CONFIG, WEIGHTS), CONFIG, FORMAT, "train it with: kgtag train extractor --out DIR")


@dataclass(frozen=True, slots=True)
class Head:
    """One attribute. `values` in the order of `weights`' columns, None for none of them; `weights` (BUCKETS, K)
    float32 and `offsets` (K,) float32 give margins, `slope` turns margins into log-odds; `categories` are those of the
    training products, casefolded, empty for any; `resemblance` does for cosines to names what `slope` does, or None
    when no encoder was there to fit it."""

    values: tuple[str | None, ...]
    weights: csr_matrix
    offsets: Floats
    slope: float
    categories: frozenset[str] = frozenset()
    resemblance: float | None = None

    def margins(self, features: csr_matrix) -> NDArray[np.float64]:
        """(n, K) of (n, BUCKETS) rows."""
        found = np.asarray((features @ self.weights).todense(), dtype=np.float64)
        return found + self.offsets.astype(np.float64)

    def probabilities(self, features: csr_matrix) -> NDArray[np.float64]:
        """(n, K), rows sum to 1."""
        return np.asarray(softmax(self.slope * self.margins(features), axis=1))

    def applies_to(self, category: str | None) -> bool:
        return category is None or not self.categories or category.casefold() in self.categories


def write_values(directory: Path, heads: Mapping[str, Head], inverse_frequency: Floats) -> None:
    """Both files that are served, into a directory that exists."""
    used = np.flatnonzero(inverse_frequency)
    arrays: dict[str, Any] = {"used": used.astype(np.int32), "frequency": inverse_frequency[used]}
    for number, (_, head) in enumerate(sorted(heads.items())):
        weights = head.weights.tocsr()
        arrays |= {
            f"{number}.data": weights.data.astype(np.float16),
            f"{number}.columns": weights.indices.astype(np.uint16),
            f"{number}.rows": np.repeat(np.arange(BUCKETS, dtype=np.int32), np.diff(weights.indptr)),
            f"{number}.offsets": head.offsets,
        }
    np.savez_compressed(directory / WEIGHTS, **arrays)
    about = {
        name: {"values": head.values, "categories": sorted(head.categories), "slope": head.slope}
        | {"resemblance": head.resemblance}
        for name, head in heads.items()
    }
    write_json(directory / CONFIG, {"format": FORMAT, "attributes": about})


def read_values(directory: Path) -> tuple[dict[str, Head], Floats, str]:
    """Heads by attribute, inverse frequencies, and the version: 12 hexadecimal digits over what is served.

    Raises InputError when a file is missing, was changed, or was written by another format.
    """
    found = ModelDirectory.open(directory, VALUES)
    heads, frequency = {}, np.zeros(BUCKETS, dtype=np.float32)
    try:
        with np.load(directory / WEIGHTS) as arrays:
            frequency[arrays["used"]] = arrays["frequency"]
            for number, (name, about) in enumerate(sorted(found.config["attributes"].items())):
                values = tuple(about["values"])
                places = (arrays[f"{number}.rows"], arrays[f"{number}.columns"].astype(np.int32))
                cells = (arrays[f"{number}.data"].astype(np.float32), places)
                weights, offsets = csr_matrix(cells, shape=(BUCKETS, len(values))), arrays[f"{number}.offsets"]
                categories = frozenset(about["categories"])
                heads[name] = Head(values, weights, offsets, about["slope"], categories, about["resemblance"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise found.damaged(WEIGHTS, error) from error
    return heads, frequency, found.version
