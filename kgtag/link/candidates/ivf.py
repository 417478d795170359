"""An inverted-file index of vectors: a search reads the nearest cells only.

An inverted file (IVF, Jégou et al. 2011) over two levels of spherical k-means: building it costs about 2 · sqrt(cells)
products a vector, searching it reads as many rows of a million vectors as of a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.compute import unit
from kgtag.link.candidates.label_table import Flags, Ids
from kgtag.link.encoder import Vectors

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
    """`order` (vectors,) int32: the vectors cell by cell; cell `c` is `order[starts[c]:starts[c + 1]]`.

    `rows` (vectors, dim) float32 are the vectors in that order, `centres` (cells, dim) float32 of length 1.
    """

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
        """For each row of `queries` (n, dim): the numbers of vectors in the nearest cells, and their cosines.

        Cells are read until they have offered enough vectors that are `allowed` (vectors,) bool; None: all are.
        """
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
