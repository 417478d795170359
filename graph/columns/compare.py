"""Rows in which two taxonomies differ, found column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.columns import Coded, Columns, Flags, Longs, ranges


@dataclass(frozen=True, slots=True)
class Differing:
    """Ascending rows: `added` of `b`, `removed` of `a`, `changed` (k, 2) of both.

    An edge whose `primary` differs is in both `edges_added` and `edges_removed`.
    """

    added: Longs
    removed: Longs
    changed: NDArray[np.int64]
    edges_added: Longs
    edges_removed: Longs

    def __bool__(self) -> bool:
        return any(map(len, (self.added, self.removed, self.changed, self.edges_added, self.edges_removed)))


def compare(a: Columns, b: Columns) -> Differing:
    """The rows that turn `a` into `b`."""
    at = pc.fill_null(pc.index_in(b.ids, a.ids), -1).to_numpy().astype(np.int64)
    added, common = np.flatnonzero(at < 0), np.flatnonzero(at >= 0)
    gone = np.ones(len(a), dtype=bool)
    gone[at[common]] = False
    rows = np.stack([at[common], common], axis=1)
    edges_added, edges_removed = _edges(a, b, at, np.flatnonzero(gone))
    return Differing(added, np.flatnonzero(gone), rows[_differ(a, b, rows)], edges_added, edges_removed)


def same(a: Columns, b: Columns) -> bool:
    """Whether both hold the same rows."""
    return a is b or ((a.dangling, a.unknown) == (b.dangling, b.unknown) and not compare(a, b))


def _differ(a: Columns, b: Columns, rows: NDArray[np.int64]) -> Flags:
    left, right = rows.T
    differ = np.zeros(len(rows), dtype=bool)
    for one, other in ((a.scheme, b.scheme), (a.kind, b.kind), (a.status, b.status), (a.choice, b.choice)):
        differ |= one.codes[left] != _recoded(other, one)[right]
    differ |= _unequal(a.notation.take(pa.array(left)), b.notation.take(pa.array(right)))
    count = np.diff(a.texts.starts)[left]
    differ |= count != np.diff(b.texts.starts)[right]
    still = np.flatnonzero(~differ)
    owners = np.repeat(still, count[still])
    ours, theirs = (
        ranges(texts.starts[side[still]], count[still]) for texts, side in ((a.texts, left), (b.texts, right))
    )
    unequal = a.texts.kind[ours] != b.texts.kind[theirs]
    unequal |= a.texts.lang.codes[ours] != _recoded(b.texts.lang, a.texts.lang)[theirs]
    unequal |= _unequal(a.texts.text.take(pa.array(ours)), b.texts.text.take(pa.array(theirs)))
    differ[owners[unequal]] = True
    return differ


def _edges(a: Columns, b: Columns, at: Longs, gone: Longs) -> tuple[Longs, Longs]:
    """Added and removed edges, compared by keys in one space of rows: those of `b`, then those of `a` alone."""
    space = len(b) + len(gone)
    row = np.empty(len(a), dtype=np.int64)
    row[at[at >= 0]] = np.flatnonzero(at >= 0)
    row[gone] = len(b) + np.arange(len(gone))

    def keys(columns: Columns, place: Longs | None) -> Longs:
        edges = columns.edges
        source, target = edges.source.astype(np.int64), edges.target.astype(np.int64)
        if place is not None:
            source, target = place[source], place[target]
        return ((edges.type.astype(np.int64) * space + source) * space + target) * 2 + edges.primary

    before, after = keys(a, row), keys(b, None)
    added: Longs = np.flatnonzero(np.isin(after, before, invert=True))
    removed: Longs = np.flatnonzero(np.isin(before, after, invert=True))
    return added, removed


def _recoded(column: Coded, like: Coded) -> NDArray[np.int64]:
    """The column's codes in terms of the values of `like`, -1 for other values."""
    code = {value: i for i, value in enumerate(like.values)}
    known = np.array([code.get(value, -1) for value in column.values] or [-1], dtype=np.int64)
    return known[column.codes]


def _unequal(a: pa.Array, b: pa.Array) -> Flags:
    """(n,) whether rows differ; a null equals only a null."""
    missing = pc.xor(pc.is_null(a), pc.is_null(b))
    found: Flags = pc.or_(pc.fill_null(pc.not_equal(a, b), False), missing).to_numpy(zero_copy_only=False)
    return found
