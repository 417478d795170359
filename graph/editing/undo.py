"""Undo of a version, as a new version."""

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
    """Undo a version by a new version. Tags that were deleted with a concept are not restored.

    Args:
        store: The store.
        version: The version to undo.
        author: Who undoes it, for the history.
        reason: Why; that of the version by default.

    Returns:
        The snapshot afterwards.

    Raises:
        UnknownVersion: The history has no such version.
        InputError: The version changed nothing.
        ConflictError: Later versions, which the message names, changed the same rows.
        InvariantError: The result would be unsound.

    Example:
        >>> undo(store, 12, author="ann", reason="wrong file").version
        15
    """
    entry = entry_at(store, version)
    done = effects(entry.changes, entry.undo)
    if not done:
        raise InputError(f"version {version} changed nothing in the accepted taxonomy; there is nothing to undo")
    old_reason = reason or entry.reason
    full_reason = f"undo of version {version}" + (f": {old_reason}" if old_reason else "")

    def plan(now: Taxonomy) -> ChangeSet:
        changed = _changed_since(now, done)
        if changed:
            raise ConflictError(_conflict(store, entry, changed))
        return ChangeSet(tuple(_undo_changes(entry)), author, full_reason)

    return apply_with(store, plan)


def _undo_changes(entry: HistoryEntry) -> Iterator[Change]:
    """Moves of tags, of this version alone, before deletions of the concepts they leave."""
    moves = [change for change in entry.undo if isinstance(change, Retag)]
    yield from (replace(one, version=entry.version) if one.back else one for one in moves)
    yield from (change for change in entry.undo if not isinstance(change, Retag))


def _changed_since(now: Taxonomy, done: Effects) -> list[str]:
    """Ids of concepts that differ, or whose relations differ, from what the version made them."""
    changed = {one.id for one in done.concepts if now.get(one.id) != one.after}
    present = {edge.key: edge for edge in now.relations}
    for one in done.relations:
        if present.get(one.key) != one.after:
            changed |= {one.key[1], one.key[2]}
    # Undo deletes concepts that the version added, with all relations: later ones must not be lost.
    added = {one.id for one in done.concepts if one.before is None}
    own = {one.key for one in done.relations}
    if added:
        later = [edge for edge in now.relations if edge.key not in own]
        changed |= {end for edge in later for end in (edge.source, edge.target) if end in added}
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
