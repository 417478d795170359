"""Indexes derived from sound columns, computed at first use or read from a snapshot file."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.columns import CODE, SYMMETRIC_CODES, TYPES, Coded, Columns
from graph.columns.csr import Csr, Indices
from graph.columns.hierarchy import Hierarchy
from graph.columns.label_index import LabelIndex
from graph.columns.sorted_texts import SortedTexts, offsets
from graph.model import RelationType

Adjacency = dict[tuple[RelationType, bool], Csr]


class Derived:
    """Indexes of one snapshot. `adjacency` has a Csr by relation and direction; symmetric relations share one."""

    def __init__(self, columns: Columns, *, hierarchy: Hierarchy | None = None) -> None:
        self.columns = columns
        self.ids = SortedTexts(columns.ids)
        if self.ids.small:
            self.ids.warm()
        self._hierarchy = hierarchy

    def warm(self) -> None:
        _ = self.hierarchy.descendants, self.labels, self.primary, self.depths, self.revision

    @cached_property
    def adjacency(self) -> Adjacency:
        n, edges = len(self.columns), self.columns.edges
        bounds = np.searchsorted(edges.type, np.arange(len(TYPES) + 1))
        nothing = Csr.empty(n)
        rows: Adjacency = {}
        for type, start, stop in zip(TYPES, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            source, target = edges.source[start:stop], edges.target[start:stop]
            if start == stop:
                forward = backward = nothing
            elif SYMMETRIC_CODES[CODE[type]]:
                forward = backward = Csr.pairs(n, np.concatenate([source, target]), np.concatenate([target, source]))
            else:
                forward = Csr.sorted(n, source, target)
                backward = forward.transposed()
            rows[type, True], rows[type, False] = forward, backward
        return rows

    @cached_property
    def hierarchy(self) -> Hierarchy:
        return self._hierarchy or Hierarchy(self.adjacency["broader", True], self.adjacency["broader", False])

    @cached_property
    def primary_parents(self) -> Indices:
        """(n,) int32: the primary broader concept, -1 at the top."""
        edges = self.columns.edges
        ours = edges.primary & (edges.type == CODE["broader"])
        parents: Indices = np.full(len(self.columns), -1, dtype=np.int32)
        parents[edges.source[ours]] = edges.target[ours]
        return parents

    @cached_property
    def primary(self) -> memoryview[int]:
        """`primary_parents` for access to single rows."""
        return self.primary_parents.data

    @cached_property
    def depths(self) -> Indices:
        """(n,) int32: steps to the top, by pointer doubling."""
        n = len(self.columns)
        above = np.append(np.where(self.primary_parents < 0, n, self.primary_parents), n)
        depth = (above != n).astype(np.int32)
        while (above != n).any():
            depth = depth + depth[above]
            above = above[above]
        depths: Indices = depth[:-1]
        return depths

    @cached_property
    def labels(self) -> LabelIndex:
        return LabelIndex.of(self.columns)

    @cached_property
    def revision(self) -> str:
        return revision_of(self.columns)


def revision_of(columns: Columns) -> str:
    """16 hex digits: a hash of the columns in canonical form, zeros when they are empty."""
    if not len(columns):
        return "0" * 16
    digest = hashlib.blake2b(digest_size=8)

    def add(*arrays: np.ndarray) -> None:
        for array in arrays:
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(len(plain).to_bytes(8, "little"))
            digest.update(plain.data.cast("B") if plain.size else b"")

    def add_texts(texts: pa.LargeStringArray) -> None:
        starts = offsets(texts)
        add(np.diff(starts))
        data = texts.buffers()[2]
        digest.update(memoryview(data or b"")[int(starts[0]) : int(starts[-1])])

    def add_coded(column: Coded) -> None:
        add_texts(pa.array(column.values, pa.large_string()))
        add(column.codes)

    add_texts(columns.ids)
    for column in (columns.scheme, columns.kind, columns.status, columns.choice, columns.texts.lang):
        add_coded(column)
    add(columns.notation.is_null().to_numpy(zero_copy_only=False))
    add_texts(pc.fill_null(columns.notation, ""))
    add(columns.texts.starts, columns.texts.kind)
    add_texts(columns.texts.text)
    add(columns.edges.type, columns.edges.source, columns.edges.target, columns.edges.primary)
    return digest.hexdigest()
