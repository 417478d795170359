"""Sparse matrices of concept numbers in CSR form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int32]


class Csr:
    """Row `i` is `targets[starts[i]:starts[i + 1]]`, both int32; rows are ascending, without repeats.

    `first` and `flat` are memoryviews of the two: they give Python numbers several times as fast as arrays do.
    """

    __slots__ = ("first", "flat", "starts", "targets")

    def __init__(self, starts: Indices, targets: Indices) -> None:
        self.starts = starts
        self.targets = targets
        self.first, self.flat = starts.data, targets.data

    @classmethod
    def of(cls, rows: Sequence[Iterable[int]]) -> Csr:
        ordered = [sorted(set(row)) for row in rows]
        starts = np.zeros(len(rows) + 1, dtype=np.int32)
        np.cumsum([len(row) for row in ordered], out=starts[1:])
        return cls(starts, np.fromiter((t for row in ordered for t in row), dtype=np.int32, count=int(starts[-1])))

    @classmethod
    def sorted(cls, n: int, source: Indices, target: Indices) -> Csr:
        """The matrix of distinct pairs, ordered by source and target."""
        return cls(starts_of(source, n), np.ascontiguousarray(target, dtype=np.int32))

    @classmethod
    def pairs(cls, n: int, source: Indices, target: Indices) -> Csr:
        """The matrix of pairs in any order, perhaps repeated."""
        source, target = np.divmod(np.unique(source.astype(np.int64) * n + target), max(1, n))
        return cls.sorted(n, source, target)

    @classmethod
    def empty(cls, n: int) -> Csr:
        return cls(np.zeros(n + 1, dtype=np.int32), np.zeros(0, dtype=np.int32))

    def __getitem__(self, row: int) -> Indices:
        return self.targets[self.first[row] : self.first[row + 1]]

    def row(self, row: int) -> list[int]:
        """The row as Python numbers."""
        return self.flat[self.first[row] : self.first[row + 1]].tolist()

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sources(self) -> Indices:
        """The row of each target."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def transposed(self) -> Csr:
        """The transpose of a square matrix."""
        n = len(self)
        key = np.sort(self.targets.astype(np.int64) * n + self.sources)  # Faster than to sort places by their values.
        target, source = np.divmod(key, max(1, n))
        return Csr.sorted(n, target, source)

    def gather(self, rows: Indices) -> tuple[Indices, Indices]:
        """The targets of several rows, row by row, and the place in `rows` of each."""
        starts = self.starts[rows].astype(np.int64)
        counts = self.starts[rows + 1] - starts
        ends = np.cumsum(counts)
        taken = np.repeat(starts - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)
        return self.targets[taken], np.repeat(np.arange(len(rows), dtype=np.int32), counts)


def starts_of(source: Indices, n: int) -> Indices:
    """(n + 1,) int32 from (k,) ascending sources."""
    starts = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(source, minlength=n), out=starts[1:])
    return starts
