"""Versions of the taxonomy: its content at each, external edits that become one, and releases.

External edits are found by comparing a store with its history. Only sound rows are compared: a quarantined edit enters
the history when it becomes sound. Releases are versions tagged with a calendar name, YYYY.MM.N (CalVer).
"""

import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from graph.changes import applied
from graph.columns.assemble import TaxonomyData, columns_of
from graph.columns.invariants import sound
from graph.errors import ConflictError, InputError, ReleaseTaken, StoreError, StoreUnavailable, UnknownVersion
from graph.history.diff import Diff, diff
from graph.history.entries import listed, summary
from graph.model import Change, ChangeSet, HistoryEntry, Origin, Record, Release, Retag
from graph.model.changes import now
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

EXTERNAL_AUTHOR = "by hand"
"""The author of external edits in the history."""
_REASON = "found by comparing snapshots"
_ATTEMPTS = 10
_BATCH = 10_000
"""Changes that are replayed at a time, unless the taxonomy is larger."""
_VERSIONS = 500
"""Versions read at a time."""
_PAUSE = 0.02
"""Seconds between the two reads that must agree before an external edit is recorded."""
log = logging.getLogger(__name__)
NAME = re.compile(r"\d{4}\.\d{2}\.\d+")
"""Release names: year, month, and a number that starts at 0 each month (UTC)."""


def reconcile(
    store: TaxonomyStore, now: Taxonomy, *, known: Taxonomy | None = None, token: str | None = None
) -> Taxonomy | None:
    """Record external edits in the history, as at most one entry, by one of several services.

    Args:
        store: The store.
        now: The snapshot just read from it.
        known: An earlier snapshot; if it is that of a version, the whole history need not be read.
        token: The store's token before `now` was read; if it has changed, no second read is needed.

    Returns:
        `now` under the version that it is the content of; None when the store has changed meanwhile: read it again.
    """
    tip = next(iter(store.versions(limit=1)), None)
    if tip is not None and tip.version > now.version:
        return None
    if tip is not None and tip.version == now.version and tip.revision == now.revision:
        return now
    found = diff(_from_history(store, now.version, known), now)
    if not found:
        return now
    # A commit of kgtag's in progress may be visible in part: Neo4j's isolation level is read committed.
    time.sleep(_PAUSE)
    if token is not None and store.token() != token:
        return None
    again = Taxonomy.of(store.read())
    if (again.version, again.revision) != (now.version, now.revision):
        return None
    record = _record(now, found, origin="outside")
    try:
        version = store.apply(ChangeSet((), EXTERNAL_AUTHOR, _REASON), expect_version=now.version, record=record)
    except ConflictError:
        return None
    return now.at_version(version)


def reconciled(store: TaxonomyStore) -> Taxonomy:
    """The present snapshot, with external edits recorded. Raises ConflictError when other writers never pause."""
    for _ in range(_ATTEMPTS):
        if (found := reconcile(store, Taxonomy.of(store.read()))) is not None:
            return found
    raise ConflictError(f"the taxonomy kept changing during {_ATTEMPTS} attempts; try again")


def record_of(before: Taxonomy, after: Taxonomy, moved: Sequence[Retag] = ()) -> Record:
    """The record of an edit through kgtag, with the tags it moved."""
    return _record(after, diff(before, after), moved)


def replayed(entries: Iterable[HistoryEntry]) -> Taxonomy:
    """The accepted taxonomy after all entries, which begin at version 1."""
    columns = columns_of((), ())
    pending: list[Change] = []
    version = 0
    unchecked = False
    for entry in entries:
        # The result of entries without a revision was never compared with a snapshot: it may be unsound.
        if entry.revision and (unchecked or entry.version != version + 1):
            columns, pending = sound(applied(columns, pending)).columns, []
        elif len(pending) > max(_BATCH, len(columns)):
            columns, pending = applied(columns, pending), []
        unchecked = not entry.revision
        pending += entry.changes
        version = entry.version
    return Taxonomy.of(TaxonomyData(version, applied(columns, pending)))


def _from_history(store: TaxonomyStore, version: int, known: Taxonomy | None) -> Taxonomy:
    """The taxonomy at the version according to the history."""
    if known is not None and known.version <= version:
        newest = store.versions(before=known.version + 1, limit=1)
        since = list(store.versions(before=version + 1, limit=version - known.version)) if newest else []
        complete = [one.version for one in since] == [*range(version, known.version, -1)]
        exact = all(one.revision for one in since)
        if newest and (newest[0].version, newest[0].revision) == (known.version, known.revision) and complete and exact:
            if not since:
                return known
            entries = store.history(after=known.version, limit=version - known.version)
            columns = applied(known.columns, (change for entry in entries for change in entry.changes))
            return Taxonomy.of(TaxonomyData(version, columns))
    return replayed(entry for entry in store.history() if entry.version <= version)


def _record(now: Taxonomy, found: Diff, moved: Sequence[Retag] = (), *, origin: Origin = "kgtag") -> Record:
    def label(id: str) -> str:
        concept = now.get(id)
        return concept.label() if concept is not None else id

    back = tuple(Retag(one.target, one.source, one.surfaces, back=not one.back) for one in reversed(moved))
    changes, undo = found.changes(), found.reversed().changes()
    return Record(
        (*changes, *moved) if moved else changes,
        (*undo, *back) if moved else undo,
        now.revision,
        origin,
        summary(found, moved, label),
        listed(found, moved),
    )


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


def version_with(store: TaxonomyStore, revision: str) -> int | None:
    """The newest version that led to a revision, or None."""
    before: int | None = None
    while page := store.versions(before=before, limit=_VERSIONS):
        if (found := next((one.version for one in page if one.revision == revision), None)) is not None:
            return found
        before = page[-1].version
    return None


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
    return replace(entry, changes=tuple(found.changes()), undo=tuple(found.reversed().changes()))


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


@dataclass(frozen=True, slots=True)
class Stamp:
    """The taxonomy that a model was trained on; `version` and `release` are None for a content without one."""

    revision: str
    version: int | None = None
    release: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The stamp as in a model's directory."""
        return {"taxonomy_revision": self.revision, "taxonomy_version": self.version, "taxonomy_release": self.release}


def release(store: TaxonomyStore, *, author: str, notes: str = "", today: datetime | None = None) -> Release:
    """Tag the store's present version as a release.

    Args:
        store: The store.
        author: Who releases it, for the history.
        notes: Release notes for people.
        today: The date that names it; the present by default.

    Returns:
        The release, named YYYY.MM.N with the next free number of the month.

    Raises:
        InputError: The store has no version yet.
        ReleaseTaken: The version is a release already.

    Example:
        >>> release(store, author="ann", notes="autumn assortment").name
        '2026.08.0'
    """
    taxonomy = reconciled(store)
    if not taxonomy.version:
        raise InputError(f"{store.url} has no version yet; import something first")
    month = f"{today or datetime.now(UTC):%Y.%m}"
    while True:
        numbers = [int(one.name.rpartition(".")[2]) for one in store.releases() if one.name.startswith(f"{month}.")]
        name = f"{month}.{max(numbers, default=-1) + 1}"
        made = Release(name, taxonomy.version, taxonomy.revision, now(), author, notes)
        try:
            store.put_release(made)
            return made
        except ReleaseTaken as taken:
            if taken.version == taxonomy.version:
                raise  # Otherwise the number has just been taken.


def version_named(store: TaxonomyStore, name: str) -> int:
    """The version of a release. Raises UnknownVersion."""
    found = {one.name: one.version for one in store.releases()}
    if name not in found:
        newest = list(found)[-3:]
        raise UnknownVersion(f"no release {name!r}; " + (f"there is {', '.join(newest)}" if found else "there is none"))
    return found[name]


def stamped(store: TaxonomyStore) -> tuple[Taxonomy, Stamp]:
    """The present snapshot, with external edits recorded, and its stamp, without a version if recording fails."""
    try:
        taxonomy = reconciled(store)
    except (StoreUnavailable, ConflictError) as error:
        taxonomy = Taxonomy.of(store.read())
        log.warning("external edits could not be recorded: %s", error)
        return taxonomy, Stamp(taxonomy.revision)
    if not taxonomy.version:
        return taxonomy, Stamp(taxonomy.revision)
    named = next((one.name for one in store.releases() if one.version == taxonomy.version), None)
    return taxonomy, Stamp(taxonomy.revision, taxonomy.version, named)
