"""The history as people use it: the taxonomy at a version, what a version did, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from graph.editing.content import Content
from graph.editing.edit import apply_with
from graph.errors import ConflictError, InputError, StoreError, UnknownVersion
from graph.history.diff import diff
from graph.history.effects import Effects, effects
from graph.history.reconcile import replayed
from graph.model import Change, ChangeSet, HistoryEntry, Retag
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_NAMED = 5


def at_version(store: TaxonomyStore, version: int) -> Taxonomy:
    """The accepted taxonomy as it was right after the version; 0 is the empty one.

    Goes back from what the record holds, or, where the way back is not known, forward from nothing. Raises
    UnknownVersion, and StoreError when the history doesn't lead to what was there.
    """
    now = Taxonomy.of(store.read())
    newer = store.versions(limit=max(now.version - version, 0) + 1)
    _require_version(newer[0].version if newer else 0, version)
    since = [one for one in newer if one.version > version]
    if since and since[0].revision == now.revision and all(one.revision for one in since):
        found = _back(store, now, version)
    elif not since and newer and newer[0].revision == now.revision:
        found = now
    else:
        found = replayed(entry for entry in store.history() if entry.version <= version)
    wanted = next((one.revision for one in store.versions(before=version + 1, limit=1) if one.version == version), "")
    if wanted and found.revision != wanted:
        raise StoreError(
            f"the history doesn't lead to version {version} any more (revision {wanted} expected, {found.revision} "
            "found): entries were changed or deleted by hand; restore the record from a backup"
        )
    return found.at_version(version)


def entry_at(store: TaxonomyStore, version: int) -> HistoryEntry:
    """The entry, with its undo worked out where it was written without one. Raises UnknownVersion."""
    entry = next(store.history(after=version - 1, limit=1), None)
    if entry is None or entry.version != version:
        newest = store.versions(limit=1)
        _require_version(newest[0].version if newest else 0, version, least=1)
        raise StoreError(f"the history lacks version {version}; restore the record from a backup")
    if entry.revision:
        return entry
    found = diff(at_version(store, version - 1), at_version(store, version))
    return replace(entry, changes=found.changes(), undo=found.reversed().changes())


def undo(store: TaxonomyStore, version: int, *, author: str, reason: str = "") -> Taxonomy:
    """Take back what the version did, as a new version; the snapshot that leads to.

    Raises ConflictError, naming the later versions, when what it would restore has changed since; InvariantError when
    the result would be unsound. Tags that went with a deleted concept don't come back.
    """
    entry = entry_at(store, version)
    told = effects(entry.changes, entry.undo)
    if not told:
        raise InputError(f"version {version} changed nothing in the accepted taxonomy; there is nothing to undo")
    why = f"undo of version {version}" + (f": {said}" if (said := reason or entry.reason) else "")

    def plan(now: Taxonomy) -> ChangeSet:
        changed = _changed_since(now, told)
        if changed:
            raise ConflictError(_conflict(store, entry, changed))
        return ChangeSet(tuple(_way_back(entry)), author, why)

    return apply_with(store, plan)


def _way_back(entry: HistoryEntry) -> Iterator[Change]:
    """Tags leave first: the concept they are on may go. Of those that went the same way, this version's alone."""
    moves = [change for change in entry.undo if isinstance(change, Retag)]
    yield from (replace(one, version=entry.version) if one.back else one for one in moves)
    yield from (change for change in entry.undo if not isinstance(change, Retag))


def _require_version(newest: int, version: int, *, least: int = 0) -> None:
    if not least <= version <= newest:
        there = f"there is {least} to {newest}" if newest else "there is none yet"
        raise UnknownVersion(f"no version {version}; {there}")


def _back(store: TaxonomyStore, now: Taxonomy, version: int) -> Taxonomy:
    content = Content(now.concepts, now.relations)
    entries = list(islice(store.history(after=version), now.version - version))
    for expected, entry in zip(range(now.version, version, -1), reversed(entries), strict=False):
        if entry.version != expected:
            break  # A gap: the revision won't be the one of the version.
        content.apply(entry.undo)
    return Taxonomy.of(content.data(version))


def _changed_since(now: Taxonomy, told: Effects) -> list[str]:
    """Ids of concepts that are not, or whose relations are not, as the version left them."""
    changed = {one.id for one in told.concepts if now.get(one.id) != one.after}
    there = {edge.key: edge for edge in now.relations}
    for one in told.relations:
        if there.get(one.key) != one.after:
            changed |= {one.key[1], one.key[2]}
    # Undoing would delete these with all their relations: those that came later as well.
    doomed = {one.id for one in told.concepts if one.before is None}
    own = {one.key for one in told.relations}
    if doomed:
        later = [edge for edge in now.relations if edge.key not in own]
        changed |= {end for edge in later for end in (edge.source, edge.target) if end in doomed}
    return sorted(changed)


def _conflict(store: TaxonomyStore, entry: HistoryEntry, changed: list[str]) -> str:
    ids = set(changed)
    later = [
        str(one.version)
        for one in store.history(after=entry.version)
        if ids & set(effects(one.changes, one.undo).touched())
    ]
    shown = ", ".join(map(repr, changed[:_NAMED])) + (" …" if len(changed) > _NAMED else "")
    by = f" by version{'s' if len(later) > 1 else ''} {', '.join(later[:_NAMED])}" if later else ""
    more = " …" if len(later) > _NAMED else ""
    way_out = f"undo {'those' if len(later) > 1 else 'that'} first, newest first" if later else "edit it by hand"
    return f"version {entry.version} can't be undone: {shown} changed since{by}{more}; {way_out}"
