"""Vectors of all label texts, encoded once and cached on disk; searched whole or, when many, by an IVF index."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgtag.compute import unit
from kgtag.link.candidates.ivf import EXACT_UP_TO, IvfIndex
from kgtag.link.candidates.label_table import Ids
from kgtag.link.candidates.ngrams import Hits, top
from kgtag.link.encoder import SentenceEncoder, Vectors

log = logging.getLogger(__name__)

Digests = NDArray[np.uint64]
_HELD = 1 << 25
"""Cosines held at once."""
_KEPT = 2
"""Snapshots whose vectors stay on disk: today's, and yesterday's to copy from."""


class LabelVectors:
    """`matrix` (texts, dim) float32, rows of length 1, in the order of the texts it was made for."""

    def __init__(self, matrix: Vectors, digests: Digests) -> None:
        self.matrix = matrix
        self.digests = digests

    @classmethod
    def load(
        cls,
        texts: Sequence[str],
        encoder: SentenceEncoder,
        *,
        cache: Path | None = None,
        earlier: LabelVectors | None = None,
    ) -> LabelVectors:
        """From the cache when these very texts are there; else what neither it nor `earlier` has is encoded.

        A cache that can't be written is done without.
        """
        digests = np.array([_digest(text) for text in texts], dtype=np.uint64)
        name = hashlib.sha256(digests.tobytes()).hexdigest()[:16]
        stored = _read(cache / name, encoder.dim) if cache is not None else None
        if stored is not None and np.array_equal(stored.digests, digests):
            return stored
        before = [found for found in (earlier, *_others(cache, encoder.dim)) if found is not None]
        made = cls(_fill(texts, digests, encoder, before), digests)
        if cache is not None and len(texts):
            _write(cache, name, made)
        return made

    def search(self, queries: Vectors, within: Sequence[Ids | None], k: int) -> list[Hits]:
        """The k texts of highest cosine for each row of `queries` (n, dim) among `within` (ascending; None: all)."""
        found: list[Hits] = [(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))] * len(queries)
        groups: dict[int, list[int]] = {}
        for number, texts in enumerate(within):
            groups.setdefault(id(texts), []).append(number)
        for numbers in groups.values():
            texts = within[numbers[0]]
            step = max(1, _HELD // min(EXACT_UP_TO, max(1, len(self.matrix if texts is None else texts))))
            for start in range(0, len(numbers), step):
                chunk = numbers[start : start + step]
                for number, (names, cosines) in zip(chunk, self._near(queries[chunk], texts), strict=True):
                    found[number] = top(names, cosines, k)
        return found

    def _near(self, queries: Vectors, texts: Ids | None) -> Iterable[Hits]:
        """For each query the texts worth ranking, of these or of all: every one while they are few."""
        if texts is not None and len(texts) <= EXACT_UP_TO:
            return ((texts, row) for row in queries @ self.matrix[texts].T)
        if self.ivf is None:
            names = np.arange(len(self.matrix), dtype=np.int32)
            return ((names, row) for row in queries @ self.matrix.T)
        if texts is None:
            return self.ivf.search(queries)
        allowed = np.zeros(len(self.matrix), dtype=np.bool_)
        allowed[texts] = True
        return self.ivf.search(queries, allowed)

    def prepare(self) -> LabelVectors:
        """Makes now what the first search would wait for."""
        _ = self.ivf
        return self

    @cached_property
    def ivf(self) -> IvfIndex | None:
        """None while the texts are so few that reading all of them is as fast."""
        return IvfIndex.of(self.matrix) if len(self.matrix) > EXACT_UP_TO else None

    def cosines(self, queries: Vectors, texts: Ids, rows: Ids) -> NDArray[np.float64]:
        """(n,) cosine of row `rows[i]` of `queries` with text `texts[i]`, to five decimals: the same in any batch."""
        products: NDArray[np.float64] = np.zeros(len(texts))
        for start in range(0, len(texts), 4096):
            at = slice(start, start + 4096)
            products[at] = np.einsum("ij,ij->i", queries[rows[at]], self.matrix[texts[at]])
        return np.round(products, 5)


_ROWS = 256


def apply_linear_map(vectors: Vectors, linear_map: Vectors) -> Vectors:
    """(n, dim) rows of length 1, mapped by `linear_map` (dim, dim): v + v @ linear_map. The same in any batch."""
    moved = np.zeros(vectors.shape, dtype=np.float32)
    for start in range(0, len(vectors), _ROWS):
        rows = np.zeros((_ROWS, vectors.shape[1]), dtype=np.float32)
        part = vectors[start : start + _ROWS]
        rows[: len(part)] = part
        rows += rows @ linear_map
        moved[start : start + len(part)] = unit(rows[: len(part)])
    return moved


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _fill(texts: Sequence[str], digests: Digests, encoder: SentenceEncoder, before: Sequence[LabelVectors]) -> Vectors:
    matrix = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    missing = np.ones(len(texts), dtype=np.bool_)
    for known in before:
        if not len(known.digests) or not missing.any():
            continue
        order = np.argsort(known.digests)
        at = order[np.minimum(np.searchsorted(known.digests[order], digests), len(order) - 1)]
        there = missing & (known.digests[at] == digests)
        matrix[there] = known.matrix[at[there]]
        missing &= ~there
    numbers = np.flatnonzero(missing)
    if len(numbers) > 5_000:
        log.info("encoding %d new label texts", len(numbers))
    matrix[numbers] = encoder.encode_uncached([texts[int(number)] for number in numbers])
    return matrix


def _read(stem: Path, dim: int) -> LabelVectors | None:
    """What was written under this name, memory-mapped; None when it isn't there or isn't whole."""
    try:
        digests = np.load(stem.with_suffix(".texts.npy"))
        matrix = np.load(stem.with_suffix(".vectors.npy"), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    if matrix.dtype != np.float32 or matrix.shape != (len(digests), dim) or digests.dtype != np.uint64:
        return None
    return LabelVectors(matrix, digests)


def _others(cache: Path | None, dim: int) -> list[LabelVectors]:
    if cache is None or not cache.is_dir():
        return []
    found = [_read(stem, dim) for stem in _stems(cache)]
    return [vectors for vectors in found if vectors is not None]


def _stems(cache: Path) -> list[Path]:
    """Newest first."""
    files = sorted(cache.glob("*.vectors.npy"), key=lambda path: (-_modified(path), path.name))
    return [path.with_name(path.name.removesuffix(".vectors.npy")) for path in files]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _write(cache: Path, name: str, vectors: LabelVectors) -> None:
    try:
        cache.mkdir(exist_ok=True)
        for suffix, array in ((".texts.npy", vectors.digests), (".vectors.npy", vectors.matrix)):
            handle, temporary = tempfile.mkstemp(dir=cache)
            with os.fdopen(handle, "wb") as file:
                np.save(file, array)
            Path(temporary).replace(cache / (name + suffix))
        for stem in _stems(cache)[_KEPT:]:
            for suffix in (".vectors.npy", ".texts.npy"):
                stem.with_name(stem.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        log.info("label vectors are kept in memory only: %s can't be written (%s)", cache, error)
