"""Checked edits: applied in memory first, then written against the version that they were checked on; and undo."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from graph.changes import net, same, spliced
from graph.columns.assemble import TaxonomyData
from graph.errors import ConflictError, InputError, InvariantError, LostRace
from graph.history.entries import Effects, effects
from graph.history.versions import entry_at, reconcile, record_of
from graph.model import Accepting, ChangeSet, HistoryEntry, Retag
from graph.store import TaxonomyStore, require_version
from graph.taxonomy import Taxonomy

T = TypeVar("T")

_ATTEMPTS = 40
_LONGEST_PAUSE = 8
"""In attempts: with as many writers asleep as awake, most attempts succeed."""
_PATIENCE = 120.0
"""Seconds for which an edit overtaken by another is retried: an attempt on a large taxonomy takes seconds."""
_queues: dict[str, threading.RLock] = {}
"""By store URL: writers of one process queue, so as not to lose races to each other."""
_NAMED = 5


def retry_conflicts(attempt: Callable[[], T], *, on: type[Exception], what: str, seconds: float = 0.0) -> T:
    """Repeat an attempt while it raises `on`, with random pauses in proportion to its duration.

    Raises ConflictError, which names `what` keeps changing, after 40 attempts and at least so many `seconds`.
    """
    started = time.monotonic()
    number = 0
    while number < _ATTEMPTS or time.monotonic() - started < seconds:
        number += 1
        began = time.monotonic()
        try:
            return attempt()
        except on:
            time.sleep(random.uniform(0, min(number, _LONGEST_PAUSE) * (time.monotonic() - began)))
    raise ConflictError(f"{what} kept changing during {number} attempts; try again")


class _Overtaken(Exception):
    """Another process has changed the store."""


def after(data: TaxonomyData, changes: ChangeSet) -> TaxonomyData:
    """The store's content once the change set is applied, under the next version."""
    return TaxonomyData(data.version + 1, spliced(data.columns, net(changes)))


def apply(store: TaxonomyStore, changes: ChangeSet, *, expect_version: int | None = None) -> Taxonomy:
    """Check a change set against the store's present content and write it.

    A change set that changes nothing writes nothing.

    Args:
        store: Where to write.
        changes: The changes, with author and reason.
        expect_version: The version that the changes were planned on, if they depend on it.

    Returns:
        The snapshot afterwards.

    Raises:
        InvariantError: The changes would add problems; older problems do not matter.
        ConflictError: The store is not at `expect_version`.

    Example:
        >>> boots = Concept("boots", "shop", "category", {"en": "Boots"})
        >>> apply(store, ChangeSet((PutConcept(boots),), "ann", "autumn")).version
        2
    """
    return apply_with(store, lambda _: changes, expect_version=expect_version)


def preview(store: TaxonomyStore, plan: Callable[[Taxonomy], ChangeSet]) -> tuple[Taxonomy, ChangeSet, Taxonomy]:
    """Plan and check an edit without writing it.

    Args:
        store: The store to read.
        plan: Works out the changes from the present snapshot.

    Returns:
        The present snapshot, the changes, and the snapshot that they would lead to.

    Raises:
        InvariantError: The changes would add problems.
    """
    data = store.read()
    before = Taxonomy.of(data)
    changes = plan(before)
    return before, changes, checked(before, after(data, changes))


def apply_with(
    store: TaxonomyStore,
    plan: Callable[[Taxonomy], ChangeSet],
    *,
    expect_version: int | None = None,
    accepting: Accepting | None = None,
) -> Taxonomy:
    """Plan, check and write an edit; when writers race, plan it anew on the new content.

    External edits since the last version get a version of their own first, so that undoing this edit restores the
    state before it.

    Args:
        store: Where to write.
        plan: Works out the changes from the present snapshot.
        expect_version: The version that the edit depends on.
        accepting: A proposal that is accepted in the same transaction.

    Returns:
        The snapshot afterwards.

    Raises:
        InvariantError: The changes would add problems.
        LostRace: The proposal has changed since it was read.
        ConflictError: The store is not at `expect_version`, or other processes kept changing it for minutes.
    """

    def attempt() -> Taxonomy:
        data = store.read()
        before = reconcile(store, Taxonomy.of(data))
        at = data.version if before is None else before.version
        require_version(at, expect_version)
        if before is None or at != data.version:
            # Once an external edit has been recorded, only a new read shows the content under its version.
            raise _Overtaken
        changes = plan(before)
        wanted = after(data, changes)
        moved = tuple(change for change in changes.changes if isinstance(change, Retag))
        if not moved and accepting is None and same(wanted.columns, data.columns):
            return before
        result = checked(before, wanted)
        record = record_of(before, result, moved)
        try:
            store.apply(changes, expect_version=before.version, record=record, accepting=accepting)
        except LostRace:
            raise
        except ConflictError as error:
            raise _Overtaken from error
        return result

    with _queues.setdefault(store.url, threading.RLock()):
        return retry_conflicts(attempt, on=_Overtaken, what="the taxonomy", seconds=_PATIENCE)


def checked(before: Taxonomy, wanted: TaxonomyData) -> Taxonomy:
    """The snapshot. Raises InvariantError for new problems, unless within an old one's concepts: part of a cycle."""
    result = Taxonomy.of(wanted)
    old: dict[str, list[frozenset[str]]] = defaultdict(list)
    for problem in before.problems:
        old[problem.code].append(frozenset(problem.concepts))
    seen = set(before.problems)
    fresh = (p for p in result.problems if p not in seen)
    added = [p for p in fresh if not any(names.issuperset(p.concepts) for names in old[p.code])]
    if added:
        raise InvariantError(added)
    return result


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
    full_reason = ": ".join(filter(None, (f"undo of version {version}", reason or entry.reason)))

    def plan(now: Taxonomy) -> ChangeSet:
        if changed := _changed_since(now, done):
            raise ConflictError(_conflict(store, entry, changed))
        # Moves of tags, of this version alone, before deletions of the concepts they leave.
        moves = (one for one in entry.undo if isinstance(one, Retag))
        back = (replace(one, version=entry.version) if one.back else one for one in moves)
        rest = (one for one in entry.undo if not isinstance(one, Retag))
        return ChangeSet((*back, *rest), author, full_reason)

    return apply_with(store, plan)


def _changed_since(now: Taxonomy, done: Effects) -> list[str]:
    """Ids of concepts that differ, or whose relations differ, from what the version made them."""
    changed = {one.key for one in done.concepts if now.get(one.key) != one.after}
    present = {edge.key: edge for edge in now.relations}
    for one in done.relations:
        if present.get(one.key) != one.after:
            changed |= {one.key[1], one.key[2]}
    # Undo deletes concepts that the version added, with all relations: later ones must not be lost.
    added = {one.key for one in done.concepts if one.before is None}
    own = {one.key for one in done.relations}
    if added:
        later = [edge for edge in now.relations if edge.key not in own]
        changed |= {end for edge in later for end in (edge.source, edge.target) if end in added}
    return sorted(changed)


def _conflict(store: TaxonomyStore, entry: HistoryEntry, changed: list[str]) -> str:
    ids, since = set(changed), store.history(after=entry.version)
    later = [str(one.version) for one in since if not ids.isdisjoint(effects(one.changes, one.undo).touched())]
    shown = ", ".join(map(repr, changed[:_NAMED])) + (" …" if len(changed) > _NAMED else "")
    by = f" by version{'s' if len(later) > 1 else ''} {', '.join(later[:_NAMED])}" if later else ""
    more = " …" if len(later) > _NAMED else ""
    way_out = f"undo {'those' if len(later) > 1 else 'that'} first, newest first" if later else "edit it by hand"
    return f"version {entry.version} can't be undone: {shown} changed since{by}{more}; {way_out}"
