"""Relations as sparse matrices, and what the hierarchy implies: its closure, cycles, and impossible exclusions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.columns.columns import CODE, Edges, ranges

Indices = NDArray[np.int32]
_PAIRS_PER_CONCEPT = 50
_PAIRS = 20_000_000
"""A closure larger than both of these is not kept: a chain of 10,000 concepts alone has 50 million pairs."""


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
        return self.targets[ranges(starts, counts)], np.repeat(np.arange(len(rows), dtype=np.int32), counts)


def starts_of(source: Indices, n: int) -> Indices:
    """(n + 1,) int32 from (k,) ascending sources."""
    starts = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(source, minlength=n), out=starts[1:])
    return starts


class Hierarchy:
    """Ancestors and descendants as Csr rows, or None where they are walked."""

    def __init__(self, broader: Csr, narrower: Csr, *, closures: tuple[Csr | None, Csr | None] | None = None) -> None:
        self.broader = broader
        self.narrower = narrower
        if closures is not None:
            self.ancestors, self.descendants = closures

    @cached_property
    def ancestors(self) -> Csr | None:
        return closure(self.broader, self.narrower)

    @cached_property
    def descendants(self) -> Csr | None:
        return self.ancestors.transposed() if self.ancestors is not None else None

    def above(self, i: int) -> list[int]:
        """Ancestors of `i`, ascending, without itself."""
        rows = self.ancestors
        return rows.row(i) if rows is not None else _walk(self.broader, i)

    def below(self, i: int) -> list[int]:
        """Descendants of `i`, ascending, without itself."""
        rows = self.descendants
        return rows.row(i) if rows is not None else _walk(self.narrower, i)

    def ancestor_row(self, i: int) -> Indices:
        """(k,) int32: `above` as an array."""
        rows = self.ancestors
        return rows[i] if rows is not None else np.array(_walk(self.broader, i), dtype=np.int32)


def closure(broader: Csr, narrower: Csr) -> Csr | None:
    """Ancestors of every row, computed level by level from the top; None for too many pairs."""
    n = len(broader)
    most = max(_PAIRS_PER_CONCEPT * n, _PAIRS)
    pool = np.empty(max(1024, 8 * n), dtype=np.int32)
    filled = 0
    start, size = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for level in levels(broader, narrower):
        parent, child = broader.gather(level)
        own = size[parent]
        if filled + len(parent) + int(own.sum()) > most:
            return None
        key = np.concatenate([child, np.repeat(child, own)]).astype(np.int64) * n
        key += np.concatenate([parent, pool[ranges(start[parent], own)]])
        key.sort()
        first = np.ones(len(key), dtype=bool)
        first[1:] = key[1:] != key[:-1]
        child, found = np.divmod(key[first], max(1, n))
        if filled + len(found) > len(pool):
            pool = np.concatenate([pool[:filled], np.empty(max(len(pool), len(found)), dtype=np.int32)])
        pool[filled : filled + len(found)] = found
        size[level] = np.bincount(child, minlength=len(level))
        start[level] = filled + np.cumsum(size[level]) - size[level]
        filled += len(found)
    starts = np.concatenate([[0], np.cumsum(size)])
    return Csr(starts.astype(np.int32), pool[ranges(start, size)])


def levels(broader: Csr, narrower: Csr) -> list[Indices]:
    """Rows by level: those without a parent, then those whose parents are in earlier levels (Kahn's algorithm)."""
    waiting = np.diff(broader.starts)
    front: Indices = np.flatnonzero(waiting == 0).astype(np.int32)
    levels = []
    while len(front):
        levels.append(front)
        reached, _ = narrower.gather(front)
        child, times = np.unique(reached, return_counts=True)
        waiting[child] -= times.astype(np.int32)
        front = child[waiting[child] == 0]
    return levels


def _walk(rows: Csr, i: int) -> list[int]:
    seen: set[int] = set()
    todo = [i]
    while todo:
        new = [j for j in rows.row(todo.pop()) if j not in seen]
        seen.update(new)
        todo += new
    return sorted(seen)


def cycles(broader: Csr) -> list[list[int]]:
    """Strongly connected components with more than one row, each ascending, by first row."""
    n = len(broader)
    if sum(map(len, levels(broader, broader.transposed()))) == n:
        return []
    # Imported here: hardly any taxonomy has a cycle, and SciPy's sparse graphs take long to import.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    edges = csr_array((np.ones(len(broader.targets), dtype=np.int8), broader.targets, broader.starts), shape=(n, n))
    _, component = connected_components(edges, connection="strong")
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.bincount(component)[component] > 1).tolist():
        groups.setdefault(int(component[row]), []).append(row)
    return sorted(groups.values())


def unsatisfiable(edges: Edges, hierarchy: Hierarchy) -> Iterator[tuple[int, int | None]]:
    """(edge, the first concept below both ends, or None when one end is above the other)."""
    below, joints = hierarchy.descendants, None
    if below is not None:  # Where two branches meet, a concept has several parents: only such ones need checking.
        several = (np.diff(hierarchy.broader.starts) > 1)[below.targets]
        joints = Csr.sorted(len(below), below.sources[several], below.targets[several])
    for k in np.flatnonzero(edges.type == CODE["excludes"]).tolist():
        a, b = int(edges.source[k]), int(edges.target[k])
        if b in hierarchy.above(a) or a in hierarchy.above(b):
            yield k, None
        elif joints is not None and not len(np.intersect1d(joints[a], joints[b], assume_unique=True)):
            continue
        elif both := set(hierarchy.below(a)) & set(hierarchy.below(b)):
            yield k, min(both)
