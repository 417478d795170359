"""Columns from what a store or a file has: rows in any order, put in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from graph.errors import InputError
from graph.model import Concept, Relation, Stray


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
    unknown: Iterable[Stray] = (),
) -> Columns:
    """Rows in any order, put in order. All arrays but `notation` are without nulls.

    Of rows with one id the first is kept, with its texts; relations of the others are its relations.
    """
    given = len(ids)
    rows, place, doubles = _by_id(ids)
    if len(rows) < given:
        texts = _without_doubles(texts, rows, given)
    index = None if _in_place(rows, given) else pa.array(rows)

    def kept(column: pa.Array) -> pa.Array:
        return column if index is None else column.take(index)

    return Columns(
        ids=kept(ids),
        scheme=Coded.of(kept(scheme)),
        kind=Coded.of(kept(kind)),
        status=Coded.of(kept(status)),
        choice=Coded.of(kept(choice)),
        notation=kept(notation),
        texts=_ordered_texts(texts, place, len(rows)),
        edges=_ordered_edges(edges, place, len(rows)),
        strays=once(strays),
        doubles=doubles,
        unknown=tuple(sorted(set(unknown))),
    )


def columns_of(concepts: Sequence[Concept], relations: Iterable[Relation]) -> Columns:
    """From values. Raises InputError for text that is none: lone surrogates."""
    try:
        return _columns_of(concepts, relations)
    except UnicodeEncodeError as error:
        near = error.object[max(0, error.start - 20) : error.start]
        raise InputError(
            f"a lone surrogate after {near!r} is no text; decode the source with its real encoding"
        ) from None


def _columns_of(concepts: Sequence[Concept], relations: Iterable[Relation]) -> Columns:
    row_of = {concept.id: row for row, concept in enumerate(concepts)}
    texts = _texts_of(concepts)
    ends: list[tuple[int, int, int, bool]] = []
    strays = []
    for edge in relations:
        source, target = row_of.get(edge.source), row_of.get(edge.target)
        if source is None or target is None:
            strays.append(edge)
        else:
            ends.append((CODE[edge.type], source, target, edge.primary))
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


def _texts_of(concepts: Sequence[Concept]) -> RawTexts:
    runs: list[tuple[int, int, int]] = []  # (owner, kind, number of texts)
    lang: list[str] = []
    text: list[str] = []
    for row, concept in enumerate(concepts):
        for kind, single in ((PREF, concept.pref_label), (DEFINITION, concept.definition)):
            if single:
                runs.append((row, kind, len(single)))
                lang += single
                text += single.values()
        for kind, lists in ((ALT, concept.alt_label), (HIDDEN, concept.hidden_label)):
            for tag, many in lists.items():
                runs.append((row, kind, len(many)))
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
    """Given rows in the order of their ids, each id once; the new row of each given one; ids that stood twice."""
    n = len(ids)
    if n < 2 or pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        return np.arange(n), np.arange(n), ()
    order = pc.array_sort_indices(ids).to_numpy().astype(np.int64)  # Stable, by UTF-8 bytes, which is by code point.
    ranked = ids.take(pa.array(order))
    fresh = np.ones(n, dtype=bool)
    fresh[1:] = pc.not_equal(ranked[1:], ranked[:-1]).to_numpy(zero_copy_only=False)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    doubles = tuple(dict.fromkeys(ranked.filter(pa.array(~fresh)).to_pylist()))
    return order[fresh], place, doubles


def _in_place(rows: Longs, n: int) -> bool:
    return len(rows) == n and bool(np.array_equal(rows, np.arange(n)))


def once(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """Canonical and in order, equal ones as one that is primary when any of them is."""
    found = {edge.key: edge for edge in sorted(edge.canonical() for edge in relations)}  # A primary one sorts last.
    return tuple(found.values())


def _without_doubles(raw: RawTexts, rows: Longs, n: int) -> RawTexts:
    first = np.zeros(n, dtype=bool)
    first[rows] = True
    kept = first[raw.owner]
    mask = pa.array(kept)
    return RawTexts(raw.owner[kept], raw.kind[kept], raw.lang.filter(mask), raw.text.filter(mask))


def _ordered_texts(raw: RawTexts, place: Longs, n: int) -> Texts:
    lang = Coded.of(raw.lang)
    languages = max(1, len(lang.values))
    key = (place[raw.owner] * 4 + raw.kind) * languages + lang.codes
    order = np.argsort(key, kind="stable")  # Within one list, the order that was given.
    key = key[order]
    # Of several preferred labels or definitions in one language the first stands.
    single = np.isin(key // languages % 4, (PREF, DEFINITION))
    spare = np.zeros(len(key), dtype=bool)
    spare[1:] = (key[1:] == key[:-1]) & single[1:]
    if spare.any():
        order, key = order[~spare], key[~spare]
    starts = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(key // (4 * languages), minlength=n), out=starts[1:])
    text = raw.text if _in_place(order, len(raw.text)) else raw.text.take(pa.array(order))
    return Texts(starts, raw.kind[order], lang.take(order), text)


def _ordered_edges(raw: RawEdges, place: Longs, n: int) -> Edges:
    if not len(raw.type):
        nothing = np.zeros(0, dtype=np.int32)
        return Edges(nothing.astype(np.int8), nothing, nothing, nothing.astype(bool))
    source, target = place[raw.source], place[raw.target]
    turned = SYMMETRIC_CODES[raw.type] & (source > target)
    source, target = np.where(turned, target, source), np.where(turned, source, target)
    return edges_of(edge_keys(raw.type, source, target, n), raw.primary, n)


def edge_keys(type: NDArray[Any], source: NDArray[Any], target: NDArray[Any], n: int) -> Longs:
    """(k,) int64, ascending in the order of edges; for fewer than 2^29 concepts, which is all that int32 rows allow."""
    keys: Longs = (type.astype(np.int64) * n + source) * n + target
    return keys


def edges_of(keys: Longs, primary: Flags, n: int) -> Edges:
    """From keys in any order; equal ones become one, primary when any of them is."""
    # The primary one of several comes first, and is the one that stays.
    packed = np.sort(keys * 2 + ~primary)
    fresh = np.ones(len(packed), dtype=bool)
    fresh[1:] = (packed[1:] >> 1) != (packed[:-1] >> 1)
    if not fresh.all():
        packed = packed[fresh]
    rest, target = np.divmod(packed >> 1, n)
    type, source = np.divmod(rest, n)
    return Edges(type.astype(np.int8), source.astype(np.int32), target.astype(np.int32), (packed & 1) == 0)
