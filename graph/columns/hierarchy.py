"""Transitive `broader` without cycles: rows of ancestors and descendants, or a walk where rows would be too many."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from graph.columns.csr import Csr, Indices

_PAIRS_PER_CONCEPT = 50
_PAIRS = 20_000_000
"""A closure larger than both of these is not kept: a line of 10,000 concepts alone has 50 million pairs."""


class Hierarchy:
    """Who stands above and below whom; `ancestors` and `descendants` hold Csr rows, or None when they are walked."""

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
        if rows is None:
            return _walk(self.broader, i)
        first = rows.first
        return rows.flat[first[i] : first[i + 1]].tolist()

    def below(self, i: int) -> list[int]:
        """Descendants of `i`, ascending, without itself."""
        rows = self.descendants
        if rows is None:
            return _walk(self.narrower, i)
        first = rows.first
        return rows.flat[first[i] : first[i + 1]].tolist()

    def ancestor_row(self, i: int) -> Indices:
        """(k,) int32: `above` as an array."""
        rows = self.ancestors
        return rows[i] if rows is not None else np.array(_walk(self.broader, i), dtype=np.int32)


def closure(broader: Csr, narrower: Csr, *, most: int | None = None) -> Csr | None:
    """Ancestors of every row; None when there would be more than `most` pairs.

    One level of the hierarchy at a time, from the top: a row's ancestors are its parents and theirs.
    """
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
            fresh = np.ones(len(key), dtype=bool)
            fresh[1:] = key[1:] != key[:-1]
            key = key[fresh]
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
    """Rows without a parent, then those whose parents have all been, and so on (Kahn's order, a front at a time)."""
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
        fresh = [j for j in rows.row(todo.pop()) if j not in seen]
        seen.update(fresh)
        todo += fresh
    return sorted(seen)
