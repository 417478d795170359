"""A change set done to columns: a few rows go, a few come, and what is untouched is moved as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.changes.net import Net
from graph.columns.assemble import columns_of, edge_keys, edges_of, once
from graph.columns.columns import CODE, Coded, Columns, Edges, Longs, Texts, find_all, first_from_all
from graph.model import Relation


def spliced(columns: Columns, work: Net) -> Columns:
    """The columns with the changes done: concepts that are put replace those of their id, deleted ones go with all
    their relations, and a relation whose ends are there now is a stray no more.
    """
    gone = set(work.delete)
    deleted = _rows(columns, gone)
    edges = columns.edges
    if len(deleted):
        kept = ~(np.isin(edges.source, deleted) | np.isin(edges.target, deleted))
        edges = edges.select(kept)
    strays = [edge for edge in columns.strays if edge.source not in gone and edge.target not in gone]
    result, place = _with_concepts(columns, deleted, columns_of(work.put, ()))
    if place is not None:
        edges = Edges(edges.type, place[edges.source], place[edges.target], edges.primary)
    undone = {edge.key for edge in (*work.unrelate, *work.relate)}
    strays = [edge for edge in strays if edge.key not in undone]
    result = replace(result, edges=edges, strays=(), doubles=tuple(id for id in columns.doubles if id not in gone))
    unknown = tuple(one for one in columns.unknown if one.source not in gone and one.target not in gone)
    result = replace(result, unknown=unknown)
    return _with_relations(result, work.unrelate, (*strays, *work.relate))


def _rows(columns: Columns, ids: Iterable[str]) -> Longs:
    """Rows of the ids that are there, ascending."""
    found = find_all(columns, sorted(ids))
    return found[found >= 0]


def _with_concepts(columns: Columns, deleted: Longs, put: Columns) -> tuple[Columns, NDArray[np.int32] | None]:
    """Without the deleted rows, with those that are put; and the new row of each old one, or None if none moved.

    Relations are not part of it. The new row of a deleted one has no meaning.
    """
    if not len(deleted) and not len(put):
        return columns, None
    n, ids = len(columns), put.ids.to_pylist()
    # Where each put concept goes, or the row it replaces: 2i is before row i, 2i + 1 is row i itself.
    slot = 2 * first_from_all(columns, ids) + (find_all(columns, ids) >= 0)
    stays = np.ones(n, dtype=bool)
    stays[deleted] = False
    stays[slot[slot % 2 == 1] // 2] = False
    old = np.flatnonzero(stays)
    order = np.argsort(np.concatenate([2 * old + 1, slot]), kind="stable")
    place = np.empty(n + len(put), dtype=np.int32)
    place[np.concatenate([old, n + np.arange(len(put))])[order]] = np.arange(len(order), dtype=np.int32)
    place[slot[slot % 2 == 1] // 2] = place[n:][slot % 2 == 1]
    return _joined(columns, put, np.concatenate([old, n + np.arange(len(put))])[order]), place[:n]


def _joined(a: Columns, b: Columns, rows: Longs) -> Columns:
    """Rows of both, those of `b` numbered after those of `a`, in a new order; relations and strays of neither."""

    def coded(x: Coded, y: Coded) -> Coded:
        codes = np.concatenate([x.codes, y.codes + np.int32(len(x.values))])
        return Coded.compact(codes[rows], (*x.values, *y.values))

    def texts(x: pa.LargeStringArray, y: pa.LargeStringArray) -> pa.LargeStringArray:
        return pa.concat_arrays([x, y]).take(pa.array(rows))

    s, t = a.texts, b.texts
    lang = Coded(
        np.concatenate([s.lang.codes, t.lang.codes + np.int32(len(s.lang.values))]), (*s.lang.values, *t.lang.values)
    )
    both = Texts(
        np.concatenate([s.starts, t.starts[1:] + s.starts[-1]]),
        np.concatenate([s.kind, t.kind]),
        lang,
        pa.concat_arrays([s.text, t.text]),
    )
    return Columns(
        ids=texts(a.ids, b.ids),
        scheme=coded(a.scheme, b.scheme),
        kind=coded(a.kind, b.kind),
        status=coded(a.status, b.status),
        choice=coded(a.choice, b.choice),
        notation=texts(a.notation, b.notation),
        texts=both.of(rows),
        edges=a.edges,
    )


def _with_relations(columns: Columns, unrelate: Sequence[Relation], relate: Sequence[Relation]) -> Columns:
    if not unrelate and not relate:
        return columns
    n, edges = len(columns), columns.edges
    keys = edge_keys(edges.type, edges.source, edges.target, n)
    dropped, _ = _ends(columns, (*unrelate, *relate))
    at = np.searchsorted(keys, dropped)
    at = at[at < len(keys)] if len(keys) else at[:0]
    kept = np.ones(len(keys), dtype=bool)
    kept[at[np.isin(keys[at], dropped)]] = False
    added, strays = _ends(columns, relate)
    lost = set(strays)
    primary = np.array([edge.primary for edge in relate if edge not in lost], dtype=bool)
    both = np.concatenate([keys[kept], added]), np.concatenate([edges.primary[kept], primary])
    result = edges_of(*both, n) if n else edges
    return replace(columns, edges=result, strays=once(strays))


def _ends(columns: Columns, relations: Sequence[Relation]) -> tuple[Longs, list[Relation]]:
    """Keys of the relations whose ends are there, in the given order, and the other relations."""
    ends = (*(edge.source for edge in relations), *(edge.target for edge in relations))
    source, target = find_all(columns, ends).reshape(2, -1)
    inside = (source >= 0) & (target >= 0)
    type = np.array([CODE[edge.type] for edge in relations], dtype=np.int64)
    strays = [relations[k] for k in np.flatnonzero(~inside).tolist()]
    return edge_keys(type[inside], source[inside], target[inside], len(columns)), strays
