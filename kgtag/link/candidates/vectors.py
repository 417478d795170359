"""Vectors of all label texts, encoded once and cached on disk; searched whole or, when many, by an IVF index.

An inverted file (IVF, Jégou et al. 2011) reads the nearest cells only, of two levels of spherical k-means: building it
costs about 2 · sqrt(cells) products a vector, searching it reads as many rows of a million vectors as of a hundred
thousand.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgtag.compute import unit
from kgtag.link.candidates.label_table import Flags, Ids, digest
from kgtag.link.candidates.ngrams import Hits, top
from kgtag.link.encoder import SentenceEncoder, Vectors

_READ = 32_768
"""Rows read per query: what keeps a million labels as fast as a hundred thousand."""
EXACT_UP_TO = 4 * _READ
"""Below so many vectors one product with all of them is as fast, and exact."""
_ROUNDS = 6
_SAMPLE = 96
"""Vectors per centre that k-means learns from."""
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class IvfIndex:
    """`order` (vectors,) int32: the vectors cell by cell; cell `c` is `order[starts[c]:starts[c + 1]]`. `rows`
    (vectors, dim) float32 are the vectors in that order, `centres` (cells, dim) float32 of length 1."""

    centres: Vectors
    starts: NDArray[np.int64]
    order: Ids
    rows: Vectors

    @classmethod
    def of(cls, matrix: Vectors) -> IvfIndex:
        """`matrix` (vectors, dim) float32, rows of length 1. The same cells whenever it is the same."""
        side = max(2, round(1.4 * len(matrix) ** 0.25))
        coarse = _nearest(matrix, _means(matrix, side))
        cell = np.zeros(len(matrix), dtype=np.int64)
        made = 0
        for region in range(side):
            members = np.flatnonzero(coarse == region)
            if not len(members):
                continue
            inside = matrix[members]
            fine = _nearest(inside, _means(inside, min(side, len(members))))
            _, fine = np.unique(fine, return_inverse=True)
            cell[members] = made + fine
            made += int(fine.max()) + 1
        order = np.argsort(cell, kind="stable").astype(np.int32)
        starts = np.searchsorted(cell[order], np.arange(made + 1))
        rows = matrix[order]
        return cls(unit(np.add.reduceat(rows, starts[:-1])), starts, order, rows)

    def search(self, queries: Vectors, allowed: Flags | None = None) -> list[tuple[Ids, NDArray[np.float32]]]:
        """For each row of `queries` (n, dim): the numbers of vectors in the nearest cells, and their cosines. Cells are
        read until they have offered enough vectors that are `allowed` (vectors,) bool; None: all are."""
        asked = allowed[self.order] if allowed is not None else None
        ends = self.starts[1:]
        offered = np.diff(self.starts) if asked is None else np.add.reduceat(asked.astype(np.int64), self.starts[:-1])
        readers: dict[int, list[int]] = {}
        for number, near in enumerate(queries @ self.centres.T):
            cells = np.argsort(-near, kind="stable")
            enough = int(np.searchsorted(np.cumsum(offered[cells]), _READ)) + 1
            for cell in cells[:enough].tolist():
                if offered[cell]:
                    readers.setdefault(cell, []).append(number)
        texts: list[list[Ids]] = [[] for _ in queries]
        cosines: list[list[NDArray[np.float32]]] = [[] for _ in queries]
        for cell, numbers in readers.items():
            at = slice(int(self.starts[cell]), int(ends[cell]))
            rows, names = self.rows[at], self.order[at]
            if asked is not None:
                rows, names = rows[asked[at]], names[asked[at]]
            for number, found in zip(numbers, queries[numbers] @ rows.T, strict=True):
                texts[number].append(names)
                cosines[number].append(found)
        return [
            (np.concatenate(found), np.concatenate(near)) if found else (self.order[:0], self.rows[:0, 0])
            for found, near in zip(texts, cosines, strict=True)
        ]


def _means(matrix: Vectors, k: int) -> Vectors:
    """(k, dim) centres of length 1, fitted on an evenly spaced sample. `k` is at most the number of vectors."""
    step = max(1, len(matrix) // (k * _SAMPLE))
    sample = np.ascontiguousarray(matrix[::step])
    centres = sample[np.linspace(0, len(sample) - 1, k).astype(np.int64)]
    for _ in range(_ROUNDS):
        nearest = _nearest(sample, centres)
        order = np.argsort(nearest, kind="stable")
        taken, starts = np.unique(nearest[order], return_index=True)
        centres = centres.copy()
        centres[taken] = unit(np.add.reduceat(sample[order], starts))
    return centres


def _nearest(matrix: Vectors, centres: Vectors) -> NDArray[np.int64]:
    """(vectors,) the number of the centre with the highest cosine."""
    found = np.zeros(len(matrix), dtype=np.int64)
    for start in range(0, len(matrix), _CHUNK):
        at = slice(start, start + _CHUNK)
        found[at] = np.argmax(matrix[at] @ centres.T, axis=1)
    return found


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
        """From the cache when these very texts are there; else what neither it nor `earlier` has is encoded. A cache
        that can't be written is done without."""
        digests = np.array([digest(text) for text in texts], dtype=np.uint64)
        name = hashlib.sha256(digests.tobytes()).hexdigest()[:16]
        stored = _read(cache / name, encoder.dim) if cache is not None else None
        if stored is not None and np.array_equal(stored.digests, digests):
            return stored
        stems = _stems(cache) if cache is not None and cache.is_dir() else []
        before = [found for found in (earlier, *(_read(stem, encoder.dim) for stem in stems)) if found is not None]
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
