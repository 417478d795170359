"""Application of change sets to columns: changed rows are replaced, the others copied in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.columns.assemble import columns_of, distinct, edge_keys, edges_of
from graph.columns.columns import CODE, Coded, Columns, Edges, Longs, Texts, find_all, first_from_all
from graph.errors import InputError
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
    Retag,
)


@dataclass(frozen=True, slots=True)
class Net:
    """Writes in this order: `put_early`, `retag_early`, `delete`, `put`, `retag`, `unrelate`, `relate`.

    `delete` includes every relation and tag of the concepts. `retag_early` are moves of tags away from concepts before
    they are deleted, and `put_early` their new concepts (`put` has them too, which does no harm). No relation occurs
    twice; all are canonical. A deleted concept may be put again, as a new one.
    """

    delete: tuple[str, ...]
    put: tuple[Concept, ...]
    unrelate: tuple[Relation, ...]
    relate: tuple[Relation, ...]
    retag: tuple[Retag, ...] = ()
    retag_early: tuple[Retag, ...] = ()

    @property
    def put_early(self) -> tuple[Concept, ...]:
        targets = {retag.target for retag in self.retag_early} - set(self.delete)
        return tuple(concept for concept in self.put if concept.id in targets)

    def ends(self) -> set[str]:
        """Ids of the concepts that `relate` needs."""
        return {edge.source for edge in self.relate} | {edge.target for edge in self.relate}


def net(changes: ChangeSet) -> Net:
    """The net effect of changes in order: the last change of each row.

    Raises InputError for moves of tags from a concept to itself, or to a concept that is deleted.
    """
    deleted: dict[str, None] = {}
    concepts: dict[str, Concept] = {}
    relations: dict[tuple[RelationType, str, str], tuple[Relation, bool]] = {}
    touching: dict[str, set[tuple[RelationType, str, str]]] = {}
    retags: list[Retag] = []
    early: list[Retag] = []
    deletes = any(isinstance(change, DeleteConcept) for change in changes.changes)
    for change in changes.changes:
        if isinstance(change, PutConcept):
            concepts[change.concept.id] = change.concept
        elif isinstance(change, DeleteConcept):
            deleted[change.id] = None
            if any(retag.source == change.id for retag in retags):
                early += retags
                retags = []
            concepts.pop(change.id, None)
            for key in touching.pop(change.id, ()):
                relations.pop(key, None)
        elif isinstance(change, Retag):
            if change.source == change.target:
                raise InputError(f"tags of {change.source!r} can't move to itself")
            retags.append(change)
        else:
            edge = change.relation.canonical()
            key = edge.key
            relations[key] = (edge, isinstance(change, PutRelation))
            if deletes:
                touching.setdefault(edge.source, set()).add(key)
                touching.setdefault(edge.target, set()).add(key)
    for retag in early:
        if retag.target in deleted:
            raise InputError(f"tags can't move to {retag.target!r} in a change set that deletes it; make it two steps")
    return Net(
        delete=tuple(deleted),
        put=tuple(concepts.values()),
        unrelate=tuple(edge for edge, wanted in relations.values() if not wanted),
        relate=tuple(edge for edge, wanted in relations.values() if wanted),
        retag=tuple(retags),
        retag_early=tuple(early),
    )


def applied(columns: Columns, changes: Iterable[Change]) -> Columns:
    """The columns after the changes, whose moves of tags do not matter here."""
    return spliced(columns, net(ChangeSet(tuple(one for one in changes if not isinstance(one, Retag)), "")))


def spliced(columns: Columns, work: Net) -> Columns:
    """The columns after the work: concepts put or deleted (with their relations), relations put or deleted.

    Dangling relations whose ends exist afterwards become edges.
    """
    gone = set(work.delete)
    deleted = _rows(columns, gone)
    edges = columns.edges
    if len(deleted):
        kept = ~(np.isin(edges.source, deleted) | np.isin(edges.target, deleted))
        edges = edges.select(kept)
    dangling = [edge for edge in columns.dangling if edge.source not in gone and edge.target not in gone]
    result, place = _with_concepts(columns, deleted, columns_of(work.put, ()))
    if place is not None:
        edges = Edges(edges.type, place[edges.source], place[edges.target], edges.primary)
    undone = {edge.key for edge in (*work.unrelate, *work.relate)}
    dangling = [edge for edge in dangling if edge.key not in undone]
    duplicates = tuple(id for id in columns.duplicates if id not in gone)
    unknown = tuple(one for one in columns.unknown if one.source not in gone and one.target not in gone)
    result = replace(result, edges=edges, dangling=(), duplicates=duplicates, unknown=unknown)
    return _with_relations(result, work.unrelate, (*dangling, *work.relate))


def _rows(columns: Columns, ids: Iterable[str]) -> Longs:
    """Rows of those ids that exist, ascending."""
    found = find_all(columns, sorted(ids))
    return found[found >= 0]


def _with_concepts(columns: Columns, deleted: Longs, put: Columns) -> tuple[Columns, NDArray[np.int32] | None]:
    """Columns without the deleted rows and with those put, and the new row of each old one, None if none moved.

    Relations are left as they are. The new row of a deleted one has no meaning.
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
    """Rows of both, those of `b` numbered after those of `a`, in a new order; with the edges of `a`."""

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
    added, dangling = _ends(columns, relate)
    lost = set(dangling)
    primary = np.array([edge.primary for edge in relate if edge not in lost], dtype=bool)
    both = np.concatenate([keys[kept], added]), np.concatenate([edges.primary[kept], primary])
    result = edges_of(*both, n) if n else edges
    return replace(columns, edges=result, dangling=distinct(dangling))


def _ends(columns: Columns, relations: Sequence[Relation]) -> tuple[Longs, list[Relation]]:
    """Keys of the relations whose ends exist, in the given order, and the other relations."""
    ends = (*(edge.source for edge in relations), *(edge.target for edge in relations))
    source, target = find_all(columns, ends).reshape(2, -1)
    inside = (source >= 0) & (target >= 0)
    type = np.array([CODE[edge.type] for edge in relations], dtype=np.int64)
    dangling = [relations[k] for k in np.flatnonzero(~inside).tolist()]
    return edge_keys(type[inside], source[inside], target[inside], len(columns)), dangling
