"""Undo: the opposite of a version, as a new version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graph.editing.edit import apply_with
from graph.errors import ConflictError, InputError
from graph.history.effects import Effects, effects
from graph.history.replay import entry_at
from graph.model import Change, ChangeSet, HistoryEntry, Retag
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_NAMED = 5


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
