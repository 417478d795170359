"""Columns from the rows of a store or a file, in any order, and columns with a version."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.columns import (
    ALT,
    CODE,
    DEFINITION,
    HIDDEN,
    PREF,
    SYMMETRIC_CODES,
    Bytes,
    Coded,
    Columns,
    Edges,
    Flags,
    Longs,
    Texts,
)
from graph.model import Concept, Relation, UnknownEdge
from graph.model.changes import lone_surrogate


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Texts in any order; `owner` (m,) int64 is the concept's row as given.

    Texts of one owner, kind and language keep the order in which they stand here.
    """

    owner: Longs
    kind: Bytes
    lang: pa.Array
    text: pa.LargeStringArray

    @classmethod
    def joined(cls, parts: Sequence[RawTexts]) -> RawTexts:
        """The texts of all parts; there must be one."""
        return cls(
            np.concatenate([part.owner for part in parts]),
            np.concatenate([part.kind for part in parts]),
            pa.concat_arrays([part.lang for part in parts]),
            pa.concat_arrays([part.text for part in parts]),
        )

    def take(self, rows: Longs) -> RawTexts:
        index = pa.array(rows)
        return RawTexts(self.owner[rows], self.kind[rows], self.lang.take(index), self.text.take(index))


@dataclass(frozen=True, slots=True)
class RawEdges:
    """Relations in any order, direction and number; ends are rows as given, -1 for no concept."""

    type: Bytes
    source: Longs
    target: Longs
    primary: Flags


def assemble(
    concepts: Sequence[pa.Array],
    texts: RawTexts,
    edges: RawEdges,
    *,
    dangling: Iterable[Relation] = (),
    unknown: Iterable[UnknownEdge] = (),
) -> Columns:
    """Put rows in order; `concepts` are ids, schemes, kinds, statuses, choices and notations, which alone may be null.

    Of rows with one id the first is kept, with its texts; relations of the others become its relations.
    """
    given = len(concepts[0])
    rows, place, duplicates = _by_id(concepts[0])
    if len(rows) < given:
        first = np.zeros(given, dtype=bool)
        first[rows] = True
        texts = texts.take(np.flatnonzero(first[texts.owner]))
    if not _in_place(rows, given):
        concepts = [column.take(pa.array(rows)) for column in concepts]
    ids, *coded, notation = concepts
    scheme, kind, status, choice = map(Coded.of, coded)
    ordered = _ordered_texts(texts, place, len(rows)), _ordered_edges(edges, place, len(rows))
    odd = tuple(sorted(set(unknown)))
    return Columns(ids, scheme, kind, status, choice, notation, *ordered, distinct(dangling), duplicates, odd)


def columns_of(concepts: Sequence[Concept], relations: Iterable[Relation]) -> Columns:
    """Columns from values. Raises InputError for text with lone surrogates."""
    relations = relations if isinstance(relations, Sequence) else tuple(relations)
    names = ("id", "scheme", "kind", "status", "choice", "notation")
    try:
        texts = _texts_of(concepts)
        columns = [pa.array([getattr(concept, name) for concept in concepts], pa.large_string()) for name in names]
        source, target = (
            pc.index_in(pa.array([getattr(edge, end) for edge in relations], pa.large_string()), columns[0])
            for end in ("source", "target")
        )
    except UnicodeEncodeError as error:
        raise lone_surrogate(error) from None
    inside = pc.and_(source.is_valid(), target.is_valid()).to_numpy(zero_copy_only=False)
    type = np.array([CODE[edge.type] for edge in relations], dtype=np.int8)
    primary = np.array([edge.primary for edge in relations], dtype=bool)
    first, second = (rows.fill_null(-1).to_numpy().astype(np.int64)[inside] for rows in (source, target))
    raw = RawEdges(type[inside], first, second, primary[inside])
    return assemble(columns, texts, raw, dangling=[relations[k] for k in np.flatnonzero(~inside).tolist()])


def _texts_of(concepts: Sequence[Concept]) -> RawTexts:
    runs = array("q")  # three numbers for each kind and language: owner, kind, number of texts
    lang: list[str] = []
    text: list[str] = []
    for row, concept in enumerate(concepts):
        for kind, single in ((PREF, concept.pref_label), (DEFINITION, concept.definition)):
            if single:
                runs.extend((row, kind, len(single)))
                lang += single
                text += single.values()
        for kind, lists in ((ALT, concept.alt_label), (HIDDEN, concept.hidden_label)):
            for tag, many in lists.items():
                runs.extend((row, kind, len(many)))
                lang += [tag] * len(many)
                text += many
    owner, kinds, count = np.array(runs, dtype=np.int64).reshape(-1, 3).T
    return RawTexts(
        np.repeat(owner, count),
        np.repeat(kinds.astype(np.int8), count),
        pa.array(lang, pa.string()),
        pa.array(text, pa.large_string()),
    )


def _by_id(ids: pa.LargeStringArray) -> tuple[Longs, Longs, tuple[str, ...]]:
    """Given rows by id, each id once; the new row of each given one; ids that repeat."""
    n = len(ids)
    if n < 2 or pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        return np.arange(n), np.arange(n), ()
    order = pc.array_sort_indices(ids).to_numpy().astype(np.int64)  # Stable, by UTF-8 bytes, which is by code point.
    ranked = ids.take(pa.array(order))
    first = np.ones(n, dtype=bool)
    first[1:] = pc.not_equal(ranked[1:], ranked[:-1]).to_numpy(zero_copy_only=False)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.cumsum(first) - 1
    duplicates = tuple(dict.fromkeys(ranked.filter(pa.array(~first)).to_pylist()))
    return order[first], place, duplicates


def _in_place(rows: Longs, n: int) -> bool:
    return len(rows) == n and bool(np.array_equal(rows, np.arange(n)))


def distinct(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """The relations, canonical and in order; of equal ones a primary one is kept."""
    found = {edge.key: edge for edge in sorted(edge.canonical() for edge in relations)}  # A primary one sorts last.
    return tuple(found.values())


def _ordered_texts(raw: RawTexts, place: Longs, n: int) -> Texts:
    lang = Coded.of(raw.lang)
    languages = max(1, len(lang.values))
    key = (place[raw.owner] * 4 + raw.kind) * languages + lang.codes
    order = np.argsort(key, kind="stable")  # Within one list, the order that was given.
    key = key[order]
    # Of several preferred labels or definitions in one language the first is kept.
    single = np.isin(key // languages % 4, (PREF, DEFINITION))
    surplus = np.zeros(len(key), dtype=bool)
    surplus[1:] = (key[1:] == key[:-1]) & single[1:]
    if surplus.any():
        order, key = order[~surplus], key[~surplus]
    starts = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(key // (4 * languages), minlength=n), out=starts[1:])
    text = raw.text if _in_place(order, len(raw.text)) else raw.text.take(pa.array(order))
    return Texts(starts, raw.kind[order], lang.take(order), text)


def _ordered_edges(raw: RawEdges, place: Longs, n: int) -> Edges:
    if not len(raw.type):
        return Edges.none()
    source, target = place[raw.source], place[raw.target]
    reversed = SYMMETRIC_CODES[raw.type] & (source > target)
    source, target = np.where(reversed, target, source), np.where(reversed, source, target)
    return edges_of(edge_keys(raw.type, source, target, n), raw.primary, n)


def edge_keys(type: NDArray[Any], source: NDArray[Any], target: NDArray[Any], n: int) -> Longs:
    """(k,) int64, ordered as edges are; for fewer than 2^29 concepts."""
    keys: Longs = (type.astype(np.int64) * n + source) * n + target
    return keys


def edges_of(keys: Longs, primary: Flags, n: int) -> Edges:
    """Edges from keys in any order; of equal ones a primary one is kept."""
    packed = np.sort(keys * 2 + ~primary)  # A primary one sorts first.
    first = np.ones(len(packed), dtype=bool)
    first[1:] = (packed[1:] >> 1) != (packed[:-1] >> 1)
    packed = packed[first]
    rest, target = np.divmod(packed >> 1, n)
    type, source = np.divmod(rest, n)
    return Edges(type.astype(np.int8), source.astype(np.int32), target.astype(np.int32), (packed & 1) == 0)


class TaxonomyData:
    """The content of a store, unchecked, in a fixed order: concepts by id, relations by (type, source, target).

    `version` counts the change sets applied through kgtag, not external edits. `concepts` and `relations` (dangling
    ones included) are made of the `columns` when they are read.
    """

    def __init__(self, version: int, columns: Columns) -> None:
        self.version = version
        self.columns = columns

    @classmethod
    def of(cls, version: int, concepts: Iterable[Concept], relations: Iterable[Relation]) -> TaxonomyData:
        """The data of values in any order. Raises InputError for text that no store can hold."""
        return cls(version, columns_of(tuple(concepts), relations))

    @cached_property
    def concepts(self) -> tuple[Concept, ...]:
        return tuple(self.columns.concepts())

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        found = tuple(self.columns.relations())
        return tuple(sorted((*found, *self.columns.dangling))) if self.columns.dangling else found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaxonomyData):
            return NotImplemented
        same = (self.version, self.columns.unknown) == (other.version, other.columns.unknown)
        return same and self.concepts == other.concepts and self.relations == other.relations

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        columns = self.columns
        return f"TaxonomyData(version {self.version}, {len(columns)} concepts, {len(columns.edges)} relations)"
