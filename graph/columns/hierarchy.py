"""Transitive closure of `broader`, kept as rows or, where it would be too large, walked."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from graph.columns.csr import Csr, Indices

_PAIRS_PER_CONCEPT = 50
_PAIRS = 20_000_000
"""A closure larger than both of these is not kept: a chain of 10,000 concepts alone has 50 million pairs."""


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


def closure(broader: Csr, narrower: Csr, *, most: int | None = None) -> Csr | None:
    """Ancestors of every row, computed level by level from the top; None for more than `most` pairs."""
    n = len(broader)
    most = max(_PAIRS_PER_CONCEPT * n, _PAIRS) if most is None else most
    pool = np.empty(max(1024, 8 * n), dtype=np.int32)
    filled = 0
    start, size = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for level in levels(broader, narrower):
        parent, child = broader.gather(level)
        own, theirs = size[parent], np.cumsum(size[parent])
        if filled + len(parent) + (int(theirs[-1]) if len(theirs) else 0) > most:
            return None
        taken = np.repeat(start[parent] - theirs + own, own) + np.arange(theirs[-1] if len(theirs) else 0)
        key = np.concatenate([child, np.repeat(child, own)]).astype(np.int64) * n
        key += np.concatenate([parent, pool[taken]])
        key.sort()
        if len(key):
            first = np.ones(len(key), dtype=bool)
            first[1:] = key[1:] != key[:-1]
            key = key[first]
        child, found = np.divmod(key, max(1, n))
        if filled + len(found) > len(pool):
            pool = np.concatenate([pool[:filled], np.empty(max(len(pool), len(found)), dtype=np.int32)])
        pool[filled : filled + len(found)] = found
        size[level] = np.bincount(child, minlength=len(level))
        start[level] = filled + np.cumsum(size[level]) - size[level]
        filled += len(found)
    starts = np.concatenate([[0], np.cumsum(size)])
    taken = np.repeat(start - starts[:-1], size) + np.arange(filled)
    return Csr(starts.astype(np.int32), pool[taken])


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
