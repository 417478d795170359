"""The taxonomy at a version, and the history entry of a version."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from graph.changes import applied
from graph.columns.assemble import TaxonomyData
from graph.errors import StoreError, UnknownVersion
from graph.history.diff import diff
from graph.history.reconcile import replayed
from graph.model import Change, HistoryEntry
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


def at_version(store: TaxonomyStore, version: int) -> Taxonomy:
    """The accepted taxonomy as it was after a version.

    Undoes later versions, starting from the store's content, or replays the history where an undo is missing.

    Args:
        store: The store.
        version: A version number; 0 is the empty taxonomy.

    Raises:
        UnknownVersion: The history has no such version.
        StoreError: The history does not lead to the recorded revision.

    Example:
        >>> at_version(store, 3).version
        3
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
            "found): entries were changed or deleted outside kgtag; restore the store from a backup"
        )
    return found.at_version(version)


def entry_at(store: TaxonomyStore, version: int) -> HistoryEntry:
    """The history entry of a version; an undo that is missing is computed.

    Raises:
        UnknownVersion: The history has no such version.
        StoreError: The entry is missing from the history.
    """
    entry = next(store.history(after=version - 1, limit=1), None)
    if entry is None or entry.version != version:
        newest = store.versions(limit=1)
        _require_version(newest[0].version if newest else 0, version, least=1)
        raise StoreError(f"the history lacks version {version}; restore the store from a backup")
    if entry.revision:
        return entry
    found = diff(at_version(store, version - 1), at_version(store, version))
    return replace(entry, changes=found.changes(), undo=found.reversed().changes())


def _require_version(newest: int, version: int, *, least: int = 0) -> None:
    if not least <= version <= newest:
        there = f"there is {least} to {newest}" if newest else "there is none yet"
        raise UnknownVersion(f"no version {version}; {there}")


def _back(store: TaxonomyStore, now: Taxonomy, version: int) -> Taxonomy:
    changes: list[Change] = []
    entries = list(islice(store.history(after=version), now.version - version))
    for expected, entry in zip(range(now.version, version, -1), reversed(entries), strict=False):
        if entry.version != expected:
            break  # A gap: the revision will not be that of the version.
        changes += entry.undo
    return Taxonomy.of(TaxonomyData(version, applied(now.columns, changes)))
