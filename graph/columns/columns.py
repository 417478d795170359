"""A taxonomy as columns: stores read into them, snapshots consist of them, snapshot files map them.

Arrow holds the texts, numpy the numbers. A million concepts are some dozens of arrays instead of as many objects;
`graph.model` values are made of them when they are read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.model import RELATION_TYPES, SYMMETRIC, Choice, Concept, Kind, Relation, RelationType, Status, UnknownEdge

pa.array(["now"])
"""Arrow imports pandas with its first list, and fails when two threads do so at once: here the import lock is held."""

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]
Flags = NDArray[np.bool_]
_BULK = 4096
"""Concepts made at a time when all are read."""
_FEW = 50
"""Ids fewer than one in so many rows are found by bisection, more of them in one pass."""

TYPES: tuple[RelationType, ...] = tuple(sorted(RELATION_TYPES))
"""Relation types by their code in `Edges.type`; ascending, so that edges sorted by code are sorted by name."""
SYMMETRIC_CODES = np.array([type in SYMMETRIC for type in TYPES])
CODE: dict[RelationType, int] = {type: code for code, type in enumerate(TYPES)}
PREF, ALT, HIDDEN, DEFINITION = range(4)
"""Kinds of texts, as in `Texts.kind`."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A dictionary-encoded column: row `i` is `values[codes[i]]`, codes (n,) int32.

    `values` are those that occur, ascending, so that equal columns have equal codes.
    """

    codes: Ints
    values: tuple[str, ...]

    def __getitem__(self, i: int) -> str:
        return self.values[int(self.codes[i])]

    @classmethod
    def of(cls, column: pa.Array) -> Coded:
        """The column of an Arrow array of strings without nulls, plain or dictionary-encoded."""
        encoded = pc.dictionary_encode(column)
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        return cls.compact(codes.astype(np.int32), encoded.dictionary.to_pylist())

    @classmethod
    def compact(cls, codes: Ints, values: Sequence[str]) -> Coded:
        """The column of codes into values that may be unsorted, repeated or unused."""
        used = np.flatnonzero(np.bincount(codes, minlength=len(values))).tolist()
        kept = sorted({values[i] for i in used})
        if tuple(values) == tuple(kept):
            return cls(codes, tuple(kept))
        place = {value: rank for rank, value in enumerate(kept)}
        rank = np.zeros(len(values), dtype=np.int32)
        rank[used] = [place[values[i]] for i in used]
        return cls(rank[codes], tuple(kept))

    def take(self, rows: Longs | Flags) -> Coded:
        return Coded.compact(self.codes[rows], self.values)

    def where(self, value: str) -> Flags:
        """(n,) whether a row has the value."""
        found: Flags = self.codes == (self.values.index(value) if value in self.values else -1)
        return found


@dataclass(frozen=True, slots=True)
class Texts:
    """Every label and definition: (m,) rows, ordered by concept, kind, language, and place within its list.

    One preferred label and one definition a language.
    Concept `i`'s rows are `starts[i]:starts[i + 1]`; `starts` is (n + 1,) int64.
    """

    starts: Longs
    kind: Bytes
    lang: Coded
    text: pa.LargeStringArray

    def of(self, rows: Longs) -> Texts:
        """The texts of the concepts `rows`, in that order."""
        counts = np.diff(self.starts)[rows]
        taken = ranges(self.starts[rows], counts)
        starts = np.concatenate([[0], np.cumsum(counts)])
        return Texts(starts, self.kind[taken], self.lang.take(taken), self.text.take(pa.array(taken)))


@dataclass(frozen=True, slots=True)
class Edges:
    """(k,) relations between concepts of the columns: canonical, each once, in order of type, source and target.

    `type` is a code of `TYPES`; `source` and `target` are rows of the concepts.
    """

    type: Bytes
    source: Ints
    target: Ints
    primary: Flags

    @classmethod
    def none(cls) -> Edges:
        ends = np.zeros(0, dtype=np.int32)
        return cls(ends.astype(np.int8), ends, ends, ends.astype(bool))

    def __len__(self) -> int:
        return len(self.type)

    def select(self, kept: Flags, place: Ints | None = None) -> Edges:
        """The kept edges; `place` has each concept's new row when rows have moved."""
        if place is None and kept.all():
            return self
        source, target = self.source[kept], self.target[kept]
        if place is not None:
            source, target = place[source], place[target]
        return Edges(self.type[kept], source, target, self.primary[kept])


@dataclass(frozen=True, slots=True)
class Columns:
    """(n,) concepts by id, ascending by code point and each id once, with their texts and relations.

    `dangling` are relations with an end that is missing; `duplicates` ids that several rows had (the first was kept);
    `unknown` edges whose type the taxonomy does not have.
    """

    ids: pa.LargeStringArray
    scheme: Coded
    kind: Coded
    status: Coded
    choice: Coded
    notation: pa.LargeStringArray
    texts: Texts
    edges: Edges
    dangling: tuple[Relation, ...] = ()
    duplicates: tuple[str, ...] = ()
    unknown: tuple[UnknownEdge, ...] = ()

    @property
    def coded(self) -> tuple[Coded, Coded, Coded, Coded]:
        return self.scheme, self.kind, self.status, self.choice

    def __len__(self) -> int:
        return len(self.ids)

    def concept(self, i: int) -> Concept:
        """Row `i` as a value."""
        return next(self.concepts(i, i + 1))

    def concepts(self, start: int = 0, stop: int | None = None) -> Iterator[Concept]:
        """Rows as values, made some thousands at a time."""
        stop = len(self) if stop is None else stop
        for first in range(start, stop, _BULK):
            yield from self._concepts(first, min(first + _BULK, stop))

    def concepts_at(self, rows: Longs) -> Iterator[Concept]:
        """Rows in any order, as values."""
        if len(rows) and bool(np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))):
            yield from self.concepts(int(rows[0]), int(rows[-1]) + 1)
            return
        for first in range(0, len(rows), _BULK):
            yield from self._only(rows[first : first + _BULK]).concepts()

    def _only(self, rows: Longs) -> Columns:
        """The concepts of the rows, in their order, without relations."""
        ids, notation = (texts.take(pa.array(rows)) for texts in (self.ids, self.notation))
        scheme, kind, status, choice = (column.take(rows) for column in self.coded)
        return Columns(ids, scheme, kind, status, choice, notation, self.texts.of(rows), Edges.none())

    def _concepts(self, start: int, stop: int) -> Iterator[Concept]:
        size = stop - start
        starts = self.texts.starts[start : stop + 1].tolist()
        offset = starts[0]
        strings = self.texts.text.slice(offset, starts[-1] - offset).to_pylist()
        tags = [self.texts.lang.values[code] for code in self.texts.lang.codes[offset : starts[-1]].tolist()]
        texts = list(zip(self.texts.kind[offset : starts[-1]].tolist(), tags, strings, strict=True))
        coded = [[column.values[code] for code in column.codes[start:stop].tolist()] for column in self.coded]
        ids, notations = self.ids.slice(start, size).to_pylist(), self.notation.slice(start, size).to_pylist()
        for i, (id, notation, scheme, kind, status, choice) in enumerate(zip(ids, notations, *coded, strict=True)):
            single: tuple[dict[str, str], dict[str, str]] = ({}, {})
            lists: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
            for role, tag, text in texts[starts[i] - offset : starts[i + 1] - offset]:
                if role in (PREF, DEFINITION):
                    single[role == DEFINITION][tag] = text
                else:
                    lists[role == HIDDEN].setdefault(tag, []).append(text)
            yield Concept(
                id=id,
                scheme=scheme,
                kind=cast(Kind, kind),
                pref_label=single[0],
                alt_label={tag: tuple(labels) for tag, labels in lists[0].items()},
                hidden_label={tag: tuple(labels) for tag, labels in lists[1].items()},
                definition=single[1],
                notation=notation,
                status=cast(Status, status),
                choice=cast(Choice, choice),
            )

    def relation(self, k: int) -> Relation:
        """Edge `k` as a value."""
        return next(self.relations(k, k + 1))

    def relations(self, start: int = 0, stop: int | None = None) -> Iterator[Relation]:
        """Edges as values, without dangling ones."""
        return self.relations_at(np.arange(start, len(self.edges) if stop is None else stop))

    def relations_at(self, rows: Longs) -> Iterator[Relation]:
        """Edges in any order, as values."""
        edges = self.edges
        for first in range(0, len(rows), _BULK):
            part = rows[first : first + _BULK]
            types = [TYPES[code] for code in edges.type[part].tolist()]
            ends = [self.ids.take(pa.array(end[part])).to_pylist() for end in (edges.source, edges.target)]
            yield from map(Relation, types, *ends, edges.primary[part].tolist())

    def select(self, concepts: Flags, edges: Flags) -> Columns:
        """Columns of (n,) `concepts` and (k,) `edges` alone, without dangling relations and duplicates.

        Edges of a concept that is left out must be left out as well.
        """
        kept, place = self, None
        if not concepts.all():
            place = np.cumsum(concepts, dtype=np.int32) - 1
            kept = self._only(np.flatnonzero(concepts))
        chosen = self.edges.select(edges, place)
        if kept is self and chosen is self.edges and not self.dangling and not self.duplicates:
            return self
        return replace(kept, edges=chosen, dangling=(), duplicates=())


def ranges(start: Longs, count: Longs) -> Longs:
    """The `count[0]` numbers from `start[0]` on, then those from `start[1]` on, and so on."""
    end = np.cumsum(count)
    found: Longs = np.repeat(start - end + count, count) + np.arange(end[-1] if len(end) else 0)
    return found


def owners(texts: Texts) -> Ints:
    """(m,) the concept of each text."""
    return np.repeat(np.arange(len(texts.starts) - 1, dtype=np.int32), np.diff(texts.starts))


def find(columns: Columns, id: str) -> int | None:
    """The row of an id, None when it is missing; by bisection."""
    row = first_from(columns, id)
    return row if row < len(columns) and columns.ids[row].as_py() == id else None


def find_all(columns: Columns, ids: Sequence[str]) -> Longs:
    """The row of each id, -1 when it is missing."""
    if len(ids) * _FEW < len(columns):
        rows = (find(columns, id) for id in ids)
        return np.array([-1 if row is None else row for row in rows], dtype=np.int64)
    found = pc.index_in(pa.array(ids, columns.ids.type), value_set=columns.ids)
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def first_from(columns: Columns, id: str) -> int:
    """The first row whose id is not below `id`."""
    return bisect_left(range(len(columns)), id, key=lambda row: columns.ids[row].as_py())


def first_from_all(columns: Columns, ids: Sequence[str]) -> Longs:
    """`first_from` for each id."""
    if len(ids) * _FEW < len(columns):
        return np.array([first_from(columns, id) for id in ids], dtype=np.int64)
    known = columns.ids.to_pylist()
    return np.array([bisect_left(known, id) for id in ids], dtype=np.int64)
