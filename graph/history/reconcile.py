"""Edits by other hands enter the history here: found by comparing what the record holds with what its history says.

"Accepted" means sound: what the snapshot quarantines enters the history when it becomes sound.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from graph.changes.content import Content
from graph.changes.net import net
from graph.changes.splice import spliced
from graph.columns.taxonomy_data import TaxonomyData
from graph.errors import ConflictError
from graph.history.diff import Diff, diff
from graph.history.effects import LISTED, effects_of, summary
from graph.model import ChangeSet, HistoryEntry, Origin, Record, Retag
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

BY_HAND = "by hand"
"""The author of edits that nobody signed."""
_REASON = "found by comparing snapshots"
_ATTEMPTS = 10
_PAUSE = 0.02
"""Seconds between the two looks at what would be recorded as an edit by hand."""


def settle(
    store: TaxonomyStore, now: Taxonomy, *, known: Taxonomy | None = None, token: str | None = None
) -> Taxonomy | None:
    """The snapshot under the version whose content it is, once edits by other hands are in the history.

    `now` was just read from the store. `known` is an earlier snapshot, which spares reading the whole history when it
    is of a version, and `token` the store's before `now` was read, which spares reading in vain what has moved on.
    None when the record has moved on meanwhile: read again. Writes at most one entry, and none when the history says
    already what `now` holds; of several services only one records an edit.
    """
    newest = store.versions(limit=1)
    tip = newest[0] if newest else None
    if tip is not None and tip.version > now.version:
        return None
    if tip is not None and tip.version == now.version and tip.revision == now.revision:
        return now
    told = _told(store, now.version, known)
    found = diff(told, now)
    if not found:
        return now
    # A commit of kgtag's that is just being applied may show half: Neo4j isolates no better than read committed.
    time.sleep(_PAUSE)
    if token is not None and store.token() != token:
        return None
    again = Taxonomy.of(store.read())
    if (again.version, again.revision) != (now.version, now.revision):
        return None
    record = _record(now, found, origin="outside")
    try:
        version = store.apply(ChangeSet((), BY_HAND, _REASON), expect_version=now.version, record=record)
    except ConflictError:
        return None
    return now.at_version(version)


def settled(store: TaxonomyStore) -> Taxonomy:
    """The snapshot as of now, which is the content of its version. Raises ConflictError when writers never rest."""
    for _ in range(_ATTEMPTS):
        found = settle(store, Taxonomy.of(store.read()))
        if found is not None:
            return found
    raise ConflictError(f"the taxonomy kept changing during {_ATTEMPTS} attempts; try again")


def record_of(before: Taxonomy, after: Taxonomy, moved: Sequence[Retag] = ()) -> Record:
    """What an edit through kgtag did to the accepted taxonomy, with the tags it moved."""
    found = diff(before, after)
    return _record(after, found, moved)


def replayed(entries: Iterable[HistoryEntry]) -> Taxonomy:
    """The accepted taxonomy that entries from version 1 on lead to, at the version of the last."""
    content = Content()
    version = 0
    loose = False
    for entry in entries:
        # What entries without a revision did was never compared with the snapshot: it may have been unsound.
        if entry.revision and (loose or entry.version != version + 1):
            content = _sound(content)
        loose = not entry.revision
        content.apply(entry.changes)
        version = entry.version
    return Taxonomy.of(content.data(version))


def _told(store: TaxonomyStore, version: int, known: Taxonomy | None) -> Taxonomy:
    """What the history says the record holds at the version."""
    if known is not None and known.version <= version:
        line = store.versions(before=known.version + 1, limit=1)
        since = list(store.versions(before=version + 1, limit=version - known.version)) if line else []
        whole = [one.version for one in since] == [*range(version, known.version, -1)]
        exact = all(one.revision for one in since)
        if line and (line[0].version, line[0].revision) == (known.version, known.revision) and whole and exact:
            if not since:
                return known
            columns = known.columns
            for entry in store.history(after=known.version, limit=version - known.version):
                columns = spliced(columns, net(ChangeSet(entry.changes, "")))
            return Taxonomy.of(TaxonomyData(version, columns))
    return replayed(entry for entry in store.history() if entry.version <= version)


def _sound(content: Content) -> Content:
    sound = Taxonomy.of(content.data(0))
    return Content(sound.concepts, sound.relations)


def _record(now: Taxonomy, found: Diff, moved: Sequence[Retag] = (), *, origin: Origin = "kgtag") -> Record:
    def label(id: str) -> str:
        concept = now.get(id)
        return concept.label() if concept is not None else id

    told = effects_of(found, moved)
    back = tuple(_back(retag) for retag in reversed(moved))
    return Record(
        (*found.changes(), *moved),
        (*found.reversed().changes(), *back),
        now.revision,
        origin,
        summary(told, label),
        tuple(told.touched(LISTED)),
    )


def _back(retag: Retag) -> Retag:
    return Retag(retag.target, retag.source, retag.surfaces, back=not retag.back)
