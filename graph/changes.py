"""Change sets: their net effect, their application to columns, and rows in which two taxonomies differ."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.assemble import columns_of, distinct, edge_keys, edges_of
from graph.columns.columns import CODE, Coded, Columns, Edges, Flags, Longs, Texts, find_all, first_from_all, ranges
from graph.errors import InputError
from graph.model import Concept, Relation, RelationType
from graph.model.changes import Change, ChangeSet, DeleteConcept, PutConcept, PutRelation, Retag

_RUNS = 1000
"""Slices of an array up to which they are copied one by one."""


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

    def moved(self) -> set[str]:
        """Ids of the concepts whose tags move or go."""
        return {one.source for one in (*self.retag, *self.retag_early)} | set(self.delete)

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
            relations[edge.key] = (edge, isinstance(change, PutRelation))
            if deletes:
                touching.setdefault(edge.source, set()).add(edge.key)
                touching.setdefault(edge.target, set()).add(edge.key)
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
    deleted = find_all(columns, sorted(gone))
    deleted = deleted[deleted >= 0]
    edges = columns.edges
    if len(deleted):
        edges = edges.select(~(np.isin(edges.source, deleted) | np.isin(edges.target, deleted)))
    result, place = _with_concepts(columns, deleted, columns_of(work.put, ()))
    if place is not None:
        edges = Edges(edges.type, place[edges.source], place[edges.target], edges.primary)
    undone = {edge.key for edge in (*work.unrelate, *work.relate)}
    dangling = [e for e in columns.dangling if gone.isdisjoint((e.source, e.target)) and e.key not in undone]
    duplicates = tuple(id for id in columns.duplicates if id not in gone)
    unknown = tuple(one for one in columns.unknown if one.source not in gone and one.target not in gone)
    result = replace(result, edges=edges, dangling=(), duplicates=duplicates, unknown=unknown)
    return _with_relations(result, work.unrelate, (*dangling, *work.relate))


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

    def united(x: Coded, y: Coded) -> Coded:
        return Coded(np.concatenate([x.codes, y.codes + np.int32(len(x.values))]), (*x.values, *y.values))

    def texts(x: pa.LargeStringArray, y: pa.LargeStringArray) -> pa.LargeStringArray:
        return pa.concat_arrays([x, y]).take(pa.array(rows))

    s, t = a.texts, b.texts
    both = Texts(
        np.concatenate([s.starts, t.starts[1:] + s.starts[-1]]),
        np.concatenate([s.kind, t.kind]),
        united(s.lang, t.lang),
        pa.concat_arrays([s.text, t.text]),
    )
    coded = (Coded.compact(one.codes[rows], one.values) for one in map(united, a.coded, b.coded))
    scheme, kind, status, choice = coded
    ids, notation = texts(a.ids, b.ids), texts(a.notation, b.notation)
    return Columns(ids, scheme, kind, status, choice, notation, both.of(rows), a.edges)


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
    return replace(columns, edges=edges_of(*both, n) if n else edges, dangling=distinct(dangling))


def _ends(columns: Columns, relations: Sequence[Relation]) -> tuple[Longs, list[Relation]]:
    """Keys of the relations whose ends exist, in the given order, and the other relations."""
    ends = (*(edge.source for edge in relations), *(edge.target for edge in relations))
    source, target = find_all(columns, ends).reshape(2, -1)
    inside = (source >= 0) & (target >= 0)
    type = np.array([CODE[edge.type] for edge in relations], dtype=np.int64)
    dangling = [relations[k] for k in np.flatnonzero(~inside).tolist()]
    return edge_keys(type[inside], source[inside], target[inside], len(columns)), dangling


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
    at = _places(a.ids, b.ids)
    added, common = np.flatnonzero(at < 0), np.flatnonzero(at >= 0)
    gone = np.ones(len(a), dtype=bool)
    gone[at[common]] = False
    rows = np.stack([at[common], common], axis=1)
    edges_added, edges_removed = _edges(a, b, at, np.flatnonzero(gone))
    return Differing(added, np.flatnonzero(gone), rows[_differ(a, b, rows)], edges_added, edges_removed)


def _places(a: pa.LargeStringArray, b: pa.LargeStringArray) -> Longs:
    """(n,) the row in `a` of each of the ids `b`, -1 for none; both ascend. Most are equal but for a few places."""
    first, last = _equal_ends(len(a), len(b), lambda x, y: ~pc.equal(a[x], b[y]).to_numpy(zero_copy_only=False))
    middle = pc.fill_null(pc.index_in(b[first : len(b) - last], a[first : len(a) - last]), -1).to_numpy()
    before, after = np.arange(first), np.arange(len(a) - last, len(a))
    found: Longs = np.concatenate([before, np.where(middle < 0, -1, middle.astype(np.int64) + first), after])
    return found


def _equal_ends(a: int, b: int, differ: Callable[[slice, slice], Flags]) -> tuple[int, int]:
    """How many of `a` and `b` elements are equal from the first on, and how many of the others up to the last."""
    short = min(a, b)
    first = np.flatnonzero(differ(slice(0, short), slice(0, short)))[:1]
    if not len(first):
        return short, 0
    rest = short - int(first[0])
    last = np.flatnonzero(differ(slice(a - rest, a), slice(b - rest, b)))[-1:]
    return int(first[0]), rest - 1 - int(last[0]) if len(last) else rest


def same(a: Columns, b: Columns) -> bool:
    """Whether both hold the same rows."""
    return a is b or ((a.dangling, a.unknown) == (b.dangling, b.unknown) and not compare(a, b))


def _differ(a: Columns, b: Columns, rows: NDArray[np.int64]) -> Flags:
    left, right = map(_selection, rows.T)
    differ = np.zeros(len(rows), dtype=bool)
    for one, other in zip(a.coded, b.coded, strict=True):
        differ |= _codes(one, left) != _codes(other, right, like=one)
    differ |= _unequal(_taken(a.notation, left), _taken(b.notation, right))
    count = _taken(np.diff(a.texts.starts), left)
    differ |= count != _taken(np.diff(b.texts.starts), right)
    still = np.flatnonzero(~differ)
    ours, theirs = (
        _texts_of(texts.starts, _selection(side[still])) for texts, side in zip((a.texts, b.texts), rows.T, strict=True)
    )
    unequal = _taken(a.texts.kind, ours) != _taken(b.texts.kind, theirs)
    unequal |= _codes(a.texts.lang, ours) != _codes(b.texts.lang, theirs, like=a.texts.lang)
    unequal |= _unequal(_taken(a.texts.text, ours), _taken(b.texts.text, theirs))
    owner = np.searchsorted(np.cumsum(count[still]), np.flatnonzero(unequal), side="right")
    differ[still[owner]] = True
    return differ


_Rows = list[slice] | Longs
"""Rows as a few slices, which are copied several times as fast, or one by one."""


def _selection(rows: Longs) -> _Rows:
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    if len(cuts) > _RUNS or not len(rows):
        return rows
    firsts = rows[np.append(0, cuts)].tolist()
    lasts = rows[np.append(cuts, len(rows)) - 1].tolist()
    return [slice(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]


def _texts_of(starts: Longs, rows: _Rows) -> _Rows:
    """The texts of concepts."""
    if isinstance(rows, list):
        return [slice(int(starts[run.start]), int(starts[run.stop])) for run in rows]
    return ranges(starts[rows], np.diff(starts)[rows])


def _taken(values: Any, rows: _Rows) -> Any:
    """Those rows of a numpy or Arrow array."""
    if not isinstance(rows, list):
        return values.take(pa.array(rows)) if isinstance(values, pa.Array) else values[rows]
    parts = [values[run] for run in rows]
    if len(parts) == 1:
        return parts[0]
    return pa.concat_arrays(parts) if isinstance(values, pa.Array) else np.concatenate(parts)


def _codes(column: Coded, rows: _Rows, *, like: Coded | None = None) -> NDArray[Any]:
    """The codes of rows, or -1 in terms of the values of `like`."""
    codes: NDArray[Any] = _taken(column.codes, rows)
    if like is None or like.values == column.values:
        return codes
    code = {value: i for i, value in enumerate(like.values)}
    known = np.array([code.get(value, -1) for value in column.values] or [-1], dtype=np.int64)
    found: NDArray[Any] = known[codes]
    return found


def _edges(a: Columns, b: Columns, at: Longs, gone: Longs) -> tuple[Longs, Longs]:
    """Added and removed edges, compared by keys in one space of rows: those of `b`, then those of `a` alone."""
    space = len(b) + len(gone)
    row = np.empty(len(a), dtype=np.int64)
    row[at[at >= 0]] = np.flatnonzero(at >= 0)
    row[gone] = len(b) + np.arange(len(gone))
    before = a.edges
    if not np.array_equal(row, np.arange(len(a))):
        place = row.astype(np.int32)
        before = Edges(a.edges.type, place[a.edges.source], place[a.edges.target], a.edges.primary)

    def differ(x: slice, y: slice) -> Flags:
        found: Flags = before.source[x] != b.edges.source[y]
        for one, other in ((before.target, b.edges.target), (before.type, b.edges.type)):
            found |= one[x] != other[y]
        found |= before.primary[x] != b.edges.primary[y]
        return found

    def keys(edges: Edges, x: slice) -> Longs:
        found: Longs = edges.type[x].astype(np.int64) * space + edges.source[x]
        return (found * space + edges.target[x]) * 2 + edges.primary[x]

    first, last = _equal_ends(len(before), len(b.edges), differ)
    old = keys(before, slice(first, len(before) - last))
    new = keys(b.edges, slice(first, len(b.edges) - last))
    return first + _missing(new, np.sort(old)), first + _missing(old, new)


def _missing(keys: Longs, among: Longs) -> Longs:
    """The places of keys that are not among those, which ascend."""
    at = np.searchsorted(among, keys)
    found: Longs = np.flatnonzero(among[np.minimum(at, len(among) - 1)] != keys) if len(among) else np.arange(len(keys))
    return found


def _unequal(a: pa.Array, b: pa.Array) -> Flags:
    """(n,) whether rows differ; a null equals only a null."""
    missing = pc.xor(pc.is_null(a), pc.is_null(b))
    found: Flags = pc.or_(pc.fill_null(pc.not_equal(a, b), False), missing).to_numpy(zero_copy_only=False)
    return found
