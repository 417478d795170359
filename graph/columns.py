"""A taxonomy as columns: what stores read into, what snapshots are made of, and what a snapshot file maps.

Arrow holds the texts, numpy the numbers. A million concepts are some dozens of arrays instead of as many objects;
`graph.model` values are made of them one at a time, when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.model import (
    CHOICES,
    KINDS,
    RELATION_TYPES,
    STATUSES,
    SYMMETRIC,
    Choice,
    Concept,
    Kind,
    Relation,
    RelationType,
    Status,
)

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]
Flags = NDArray[np.bool_]

TYPES: tuple[RelationType, ...] = tuple(sorted(RELATION_TYPES))
"""Relation types by their code in `Edges.type`; ascending, so that edges sorted by code are sorted by name."""
SYMMETRIC_CODES = np.array([type in SYMMETRIC for type in TYPES])
PREF, ALT, HIDDEN, DEFINITION = range(4)
"""What a text is to its concept, as in `Texts.kind`."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different strings: row `i` is `values[codes[i]]`; values ascending, codes (n,) int32."""

    codes: Ints
    values: tuple[str, ...]

    def __getitem__(self, i: int) -> str:
        return self.values[int(self.codes[i])]

    @classmethod
    def of(cls, column: pa.Array) -> Coded:
        """From an Arrow array of strings without nulls."""
        encoded = pc.dictionary_encode(column)
        values = encoded.dictionary.to_pylist()
        order = sorted(range(len(values)), key=values.__getitem__)
        rank = np.empty(len(values), dtype=np.int32)
        rank[order] = np.arange(len(values), dtype=np.int32)
        codes = rank[encoded.indices.to_numpy(zero_copy_only=False)] if len(values) else np.zeros(0, dtype=np.int32)
        return cls(codes.astype(np.int32), tuple(values[i] for i in order))

    def take(self, rows: Longs) -> Coded:
        return Coded(self.codes[rows], self.values)


@dataclass(frozen=True, slots=True)
class Texts:
    """Every label and definition: (m,) rows, ordered by concept, kind, language, and place within its list.

    Concept `i`'s rows are `starts[i]:starts[i + 1]`; `starts` is (n + 1,) int64.
    """

    starts: Longs
    kind: Bytes
    lang: Coded
    text: pa.LargeStringArray


@dataclass(frozen=True, slots=True)
class Edges:
    """(k,) relations between concepts of the columns: canonical, each once, in order of type, source and target.

    `type` is a code of `TYPES`; `source` and `target` are rows of the concepts.
    """

    type: Bytes
    source: Ints
    target: Ints
    primary: Flags

    def __len__(self) -> int:
        return len(self.type)


@dataclass(frozen=True, slots=True)
class Columns:
    """(n,) concepts by id, ascending by code point and each id once, with their texts and relations.

    `strays` are relations with an end that is no concept here; `doubles` the ids that stood more than once (the first
    row was kept).
    """

    ids: pa.LargeStringArray
    scheme: Coded
    kind: Coded
    status: Coded
    choice: Coded
    notation: pa.LargeStringArray
    texts: Texts
    edges: Edges
    strays: tuple[Relation, ...] = ()
    doubles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def concept(self, i: int) -> Concept:
        """Row `i` as a value."""
        start, stop = int(self.texts.starts[i]), int(self.texts.starts[i + 1])
        by_kind: tuple[dict[str, list[str]], ...] = ({}, {}, {}, {})
        texts = self.texts.text.slice(start, stop - start).to_pylist()
        for row, text in enumerate(texts, start):
            by_kind[self.texts.kind[row]].setdefault(self.texts.lang[row], []).append(text)
        return Concept(
            id=self.ids[i].as_py(),
            scheme=self.scheme[i],
            kind=cast(Kind, self.kind[i]),
            pref_label={tag: found[0] for tag, found in by_kind[PREF].items()},
            alt_label={tag: tuple(found) for tag, found in by_kind[ALT].items()},
            hidden_label={tag: tuple(found) for tag, found in by_kind[HIDDEN].items()},
            definition={tag: found[0] for tag, found in by_kind[DEFINITION].items()},
            notation=self.notation[i].as_py(),
            status=cast(Status, self.status[i]),
            choice=cast(Choice, self.choice[i]),
        )

    def relation(self, k: int) -> Relation:
        """Edge `k` as a value."""
        edges = self.edges
        source, target = self.ids[int(edges.source[k])].as_py(), self.ids[int(edges.target[k])].as_py()
        return Relation(TYPES[edges.type[k]], source, target, bool(edges.primary[k]))


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Texts in any order: `owner` (m,) int64 is the row of the concept in the order it was given.

    Texts of one owner, kind and language keep the order in which they stand here.
    """

    owner: Longs
    kind: Bytes
    lang: pa.Array
    text: pa.LargeStringArray


@dataclass(frozen=True, slots=True)
class RawEdges:
    """Relations in any order, drawn either way and perhaps several times: ends are rows as given, -1 for no concept."""

    type: Bytes
    source: Longs
    target: Longs
    primary: Flags


def assemble(
    *,
    ids: pa.LargeStringArray,
    scheme: pa.Array,
    kind: pa.Array,
    status: pa.Array,
    choice: pa.Array,
    notation: pa.LargeStringArray,
    texts: RawTexts,
    edges: RawEdges,
    strays: Iterable[Relation] = (),
) -> Columns:
    """Rows in any order, put in order. All arrays but `notation` are without nulls."""
    rows, place, doubles = _by_id(ids)
    return Columns(
        ids=ids.take(pa.array(rows)),
        scheme=Coded.of(scheme.take(pa.array(rows))),
        kind=Coded.of(kind.take(pa.array(rows))),
        status=Coded.of(status.take(pa.array(rows))),
        choice=Coded.of(choice.take(pa.array(rows))),
        notation=notation.take(pa.array(rows)),
        texts=_ordered_texts(texts, place, len(rows)),
        edges=_ordered_edges(edges, place),
        strays=tuple(sorted({edge.canonical() for edge in strays})),
        doubles=doubles,
    )


def columns_of(concepts: Sequence[Concept], relations: Iterable[Relation]) -> Columns:
    """From values."""
    row_of = {concept.id: row for row, concept in enumerate(concepts)}
    texts = _texts_of(concepts)
    ends: list[tuple[int, int, int, bool]] = []
    strays = []
    for edge in relations:
        source, target = row_of.get(edge.source), row_of.get(edge.target)
        if source is None or target is None:
            strays.append(edge)
        else:
            ends.append((_CODE[edge.type], source, target, edge.primary))
    table: NDArray[Any] = np.array(ends, dtype=np.int64).reshape(-1, 4)
    return assemble(
        ids=pa.array([c.id for c in concepts], pa.large_string()),
        scheme=pa.array([c.scheme for c in concepts], pa.string()),
        kind=pa.array([c.kind for c in concepts], pa.string()),
        status=pa.array([c.status for c in concepts], pa.string()),
        choice=pa.array([c.choice for c in concepts], pa.string()),
        notation=pa.array([c.notation for c in concepts], pa.large_string()),
        texts=texts,
        edges=RawEdges(table[:, 0].astype(np.int8), table[:, 1], table[:, 2], table[:, 3].astype(bool)),
        strays=strays,
    )


_CODE = {type: code for code, type in enumerate(TYPES)}
KNOWN_KINDS, KNOWN_STATUSES, KNOWN_CHOICES = frozenset(KINDS), frozenset(STATUSES), frozenset(CHOICES)


def _texts_of(concepts: Sequence[Concept]) -> RawTexts:
    owner: list[int] = []
    kind: list[int] = []
    lang: list[str] = []
    text: list[str] = []
    for row, concept in enumerate(concepts):
        found = [(PREF, tag, one) for tag, one in concept.pref_label.items()]
        found += [(ALT, tag, one) for tag, many in concept.alt_label.items() for one in many]
        found += [(HIDDEN, tag, one) for tag, many in concept.hidden_label.items() for one in many]
        found += [(DEFINITION, tag, one) for tag, one in concept.definition.items()]
        for what, tag, one in found:
            owner.append(row)
            kind.append(what)
            lang.append(tag)
            text.append(one)
    return RawTexts(
        np.array(owner, dtype=np.int64),
        np.array(kind, dtype=np.int8),
        pa.array(lang, pa.string()),
        pa.array(text, pa.large_string()),
    )


def _by_id(ids: pa.LargeStringArray) -> tuple[Longs, Longs, tuple[str, ...]]:
    """Given rows in the order of their ids, each id once; the new row of each given one; ids that stood twice."""
    order = pc.array_sort_indices(ids).to_numpy().astype(np.int64)  # Stable, by UTF-8 bytes, which is by code point.
    ranked = ids.take(pa.array(order))
    fresh = np.ones(len(order), dtype=bool)
    if len(order) > 1:
        fresh[1:] = pc.not_equal(ranked[1:], ranked[:-1]).to_numpy(zero_copy_only=False)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    doubles = tuple(dict.fromkeys(ranked.filter(pa.array(~fresh)).to_pylist()))
    return order[fresh], place, doubles


def _ordered_texts(raw: RawTexts, place: Longs, n: int) -> Texts:
    lang = Coded.of(raw.lang)
    owner = place[raw.owner]
    order = np.lexsort((lang.codes, raw.kind, owner))  # Stable: within one list, the order that was given.
    starts = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=n), out=starts[1:])
    return Texts(starts, raw.kind[order], lang.take(order), raw.text.take(pa.array(order)))


def _ordered_edges(raw: RawEdges, place: Longs) -> Edges:
    source, target = place[raw.source], place[raw.target]
    turned = SYMMETRIC_CODES[raw.type] & (source > target) if len(raw.type) else np.zeros(0, dtype=bool)
    source, target = np.where(turned, target, source), np.where(turned, source, target)
    # The primary one of several equal edges comes first, and is the one that stays.
    order = np.lexsort((~raw.primary, target, source, raw.type))
    type, source, target, primary = raw.type[order], source[order], target[order], raw.primary[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (type[1:] != type[:-1]) | (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    return Edges(
        type[fresh].astype(np.int8), source[fresh].astype(np.int32), target[fresh].astype(np.int32), primary[fresh]
    )
