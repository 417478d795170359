"""History entries: their effects (each row before and after), a summary in words, and their form in a store."""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Generic, TypeVar

import orjson

from graph.changes import Net, net
from graph.errors import StoreError
from graph.history.diff import Diff
from graph.model import Change, ChangeSet, Concept, HistoryEntry, Origin, Record, Relation, RelationType, Retag, Version
from graph.model.changes import change_from_json, change_to_json, concept_to_json, dump_change, relation_to_json
from graph.rows import ChangeRow, VersionDetail, version_head

_SUMMARY = 200
LISTED = 100
"""Ids of touched concepts in a record."""

RelationKey = tuple[RelationType, str, str]
K = TypeVar("K", str, RelationKey)
V = TypeVar("V", Concept, Relation)
_LEVEL = 3
_AT_ONCE = 1000
_PAGE = 20_000
"""Changes decoded at a time, unless a single entry has more."""


@dataclass(frozen=True, slots=True)
class Effect(Generic[K, V]):
    """A row that changed; `before` is None if it was added, `after` if it was removed."""

    key: K
    before: V | None
    after: V | None


@dataclass(frozen=True, slots=True)
class Effects:
    """All effects: concepts by id, relations by (type, source, target), moves of tags as requested."""

    concepts: tuple[Effect[str, Concept], ...]
    relations: tuple[Effect[RelationKey, Relation], ...]
    retags: tuple[Retag, ...]

    def __bool__(self) -> bool:
        return bool(self.concepts or self.relations or self.retags)

    def touched(self, limit: int | None = None) -> list[str]:
        """Ids of concepts that changed, or whose relations or tags changed, in order."""
        ids = {effect.key for effect in self.concepts} | {id for effect in self.relations for id in effect.key[1:]}
        return sorted(ids | {id for retag in self.retags for id in (retag.source, retag.target)})[:limit]


def effects(changes: Sequence[Change], undo: Sequence[Change]) -> Effects:
    """The effects of a history entry: its changes put the rows as they are after, its undo those before."""
    forward, back = _net(changes), _net(undo)
    return _effects((back.put, forward.put), (back.relate, forward.relate), forward.retag)


def effects_of(found: Diff, retags: Sequence[Retag] = ()) -> Effects:
    """The effects of a difference, together with moves of tags."""
    before = (*found.removed, *(one.before for one in found.changed))
    after = (*found.added, *(one.after for one in found.changed))
    return _effects((before, after), (found.relations_removed, found.relations_added), retags)


def summary(found: Diff, retags: Sequence[Retag], label: Callable[[str], str]) -> str:
    """A summary of a difference and moves of tags for people, at most 200 characters; `label` names concepts of
    relations."""
    before = {edge.key for edge in found.relations_removed}
    changed = sum(edge.key in before for edge in found.relations_added) if before else 0
    counts = {
        "concept added": len(found.added),
        "concept removed": len(found.removed),
        "concept changed": len(found.changed),
        "relation added": len(found.relations_added) - changed,
        "relation removed": len(found.relations_removed) - changed,
        "relation changed": changed,
        "concept's tags moved": len(retags),
    }
    concepts = merge(found.added, found.removed, (one.after for one in found.changed), key=attrgetter("id"))
    relations = merge(found.relations_added, found.relations_removed)
    names = chain(
        (concept.label() for concept in concepts),
        (label(edge.source) for edge in relations),
        (label(retag.source) for retag in retags),
    )
    return _summary(counts, names)


def listed(found: Diff, retags: Sequence[Retag]) -> tuple[str, ...]:
    """The first ids of concepts that differ, or whose relations or tags do: `LISTED` of them, in order."""
    first: list[str] = []
    ids = chain(
        (concept.id for concept in chain(found.added, found.removed)),
        (one.id for one in found.changed),
        *(
            (end for edge in edges for end in edge.key[1:])
            for edges in (found.relations_added, found.relations_removed)
        ),
        (id for retag in retags for id in (retag.source, retag.target)),
    )
    for id in ids:
        if len(first) < LISTED or id < first[-1]:
            at = bisect_left(first, id)
            if first[at : at + 1] != [id]:
                first[at:at] = [id]
                del first[LISTED:]
    return tuple(first)


def unchecked(changes: Sequence[Change]) -> Record:
    """The record of changes whose effect was not computed."""
    work = _net(changes)
    counts = {
        "concept written": len(work.put),
        "concept deleted": len(work.delete),
        "relation written": len(work.relate),
        "relation deleted": len(work.unrelate),
        "concept's tags moved": len(work.retag),
    }
    names = [concept.label() for concept in work.put]
    names += [*work.delete, *(edge.source for edge in (*work.relate, *work.unrelate))]
    ids = {concept.id for concept in work.put} | set(work.delete)
    ids |= {end for edge in (*work.relate, *work.unrelate) for end in (edge.source, edge.target)}
    return Record(tuple(changes), summary=_summary(counts, names), concepts=tuple(sorted(ids)[:LISTED]))


def version_detail(entry: HistoryEntry, releases: Mapping[int, str]) -> VersionDetail:
    """The row of a version with its changes; `releases` are names by version."""
    return {**version_head(entry, releases), "changes": to_json(effects(entry.changes, entry.undo))}


def to_json(found: Effects) -> list[ChangeRow]:
    """A row for each effect, with the JSON before and after, None where there is none."""
    rows: list[ChangeRow] = [
        {
            "concept": one.key,
            "label": _name(one),
            "before": None if one.before is None else concept_to_json(one.before),
            "after": None if one.after is None else concept_to_json(one.after),
        }
        for one in found.concepts
    ]
    rows += [
        {
            "relation": {"type": one.key[0], "source": one.key[1], "target": one.key[2]},
            "before": None if one.before is None else relation_to_json(one.before),
            "after": None if one.after is None else relation_to_json(one.after),
        }
        for one in found.relations
    ]
    rows += [
        {
            "retag": {"from": one.source, "to": one.target, "back": one.back},
            "surfaces": None if one.surfaces is None else list(one.surfaces),
        }
        for one in found.retags
    ]
    return rows


def _effects(
    concepts: tuple[Sequence[Concept], Sequence[Concept]],
    relations: tuple[Sequence[Relation], Sequence[Relation]],
    retags: Sequence[Retag],
) -> Effects:
    """From rows before and after."""
    by_id = _paired(*({one.id: one for one in side} for side in concepts))
    by_key = _paired(*({one.key: one for one in side} for side in relations))
    return Effects(by_id, by_key, tuple(retags))


def _paired(before: Mapping[K, V], after: Mapping[K, V]) -> tuple[Effect[K, V], ...]:
    return tuple(Effect(key, before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys()))


def _net(changes: Sequence[Change]) -> Net:
    return net(ChangeSet(tuple(changes), ""))


def _name(effect: Effect[str, Concept]) -> str:
    concept = effect.after or effect.before
    return concept.label() if concept is not None else effect.key


def _summary(counts: Mapping[str, int], names: Iterable[str]) -> str:
    """`2 concepts changed, 1 relation added: Shoes, Boots …`, at most 200 characters."""
    parts = []
    for what, n in counts.items():
        noun, _, verb = what.partition(" ")
        if n:
            plural = noun if n == 1 else noun.replace("concept's", "concepts'") if "'" in noun else f"{noun}s"
            parts.append(f"{n} {plural} {verb}")
    text = ", ".join(parts)
    if not text:
        return "no change to the accepted taxonomy"
    shown = ""
    seen: set[str] = set()
    for name in (" ".join(name.split()) for name in names):
        if name in seen:
            continue
        seen.add(name)
        longer = f"{shown}, {name}" if shown else name
        if len(text) + len(longer) + 4 > _SUMMARY:
            shown = f"{shown} …" if shown else "…"
            break
        shown = longer
    return f"{text}: {shown}" if shown else text


def pack(changes: Sequence[Change], undo: Sequence[Change]) -> bytes:
    """Compress JSON `{"changes": […], "undo": […]}` in pieces. Raises InputError for text that no store can hold."""
    compressor = zlib.compressobj(_LEVEL)
    pieces = chain((b'{"changes":[',), _pieces(changes), (b'],"undo":[',), _pieces(undo), (b"]}",))
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


def unpack(payload: bytes, *, version: int) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Changes and undo of a payload. Raises StoreError, naming the version, when it is damaged."""
    try:
        row = orjson.loads(zlib.decompress(payload))
        return tuple(map(change_from_json, row["changes"])), tuple(map(change_from_json, row["undo"]))
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"history entry {version} doesn't read ({error}); restore it from a backup") from error


def entry_of(row: Mapping[str, Any], old: Callable[[Any], Iterable[Change]]) -> HistoryEntry:
    """The entry of a store's row; `old` reads the changes of entries from before there were payloads."""
    version, payload = row["version"], row["payload"]
    changes, undo = (tuple(old(row["changes"])), ()) if payload is None else unpack(payload, version=version)
    head = (version, row["at"], row["author"], row["reason"], changes, undo)
    return HistoryEntry(*head, row["revision"] or "", _origin(row))


def version_of(row: Mapping[str, Any], old: Callable[[Any], Iterable[Change]]) -> Version:
    """The version of a store's row; `old` as for `entry_of`."""
    summary, concepts, size = row["summary"], row["concepts"], row["size"]
    if size is None:
        record = unchecked(tuple(old(row["changes"])))
        summary, concepts, size = record.summary, record.concepts, len(record.changes)
    head = (row["version"], row["at"], row["author"], row["reason"], _origin(row), row["revision"] or "")
    return Version(*head, summary, tuple(concepts), size)


def _origin(row: Mapping[str, Any]) -> Origin:
    return "outside" if row["origin"] == "outside" else "kgtag"


def page_end(sizes: Iterable[tuple[int, int]]) -> int | None:
    """The last version of the next page of (version, number of changes), None when there is none."""
    end, total = None, 0
    for version, size in sizes:
        total += size
        if end is not None and total > _PAGE:
            break
        end = version
    return end


def _pieces(changes: Sequence[Change]) -> Iterator[bytes]:
    rows = iter(changes)
    comma = b""
    while batch := list(islice(rows, _AT_ONCE)):
        try:
            # Without the brackets of the list that the batch is.
            yield comma + orjson.dumps([change_to_json(change) for change in batch])[1:-1]
        except orjson.JSONEncodeError:
            for change in batch:
                dump_change(change)  # Its error names the text.
            raise
        comma = b","
