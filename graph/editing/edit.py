"""Checked edits: applied in memory first, then written against the version that they were checked on."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from graph.changes.net import net
from graph.changes.splice import spliced
from graph.columns.compare import same
from graph.columns.taxonomy_data import TaxonomyData
from graph.editing.retry import retry_conflicts
from graph.errors import ConflictError, InvariantError, LostRace
from graph.history.reconcile import reconcile, record_of
from graph.model import Accepting, ChangeSet, Problem, Retag
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_PATIENCE = 120.0
"""Seconds for which an edit overtaken by another is retried: an attempt on a large taxonomy takes seconds."""

_queues: dict[str, threading.RLock] = {}
"""By store URL: writers of one process queue, so as not to lose races to each other."""


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
    return before, changes, _checked(before, after(data, changes))


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
    with _queues.setdefault(store.url, threading.RLock()):
        return retry_conflicts(
            lambda: _attempt(store, plan, expect_version=expect_version, accepting=accepting),
            on=_Overtaken,
            what="the taxonomy",
            seconds=_PATIENCE,
        )


def _attempt(
    store: TaxonomyStore,
    plan: Callable[[Taxonomy], ChangeSet],
    *,
    expect_version: int | None,
    accepting: Accepting | None,
) -> Taxonomy:
    data = store.read()
    before = reconcile(store, Taxonomy.of(data))
    at = data.version if before is None else before.version
    if expect_version is not None and at != expect_version:
        raise ConflictError(f"the taxonomy is at version {at}, not at {expect_version}; read it again")
    if before is None or at != data.version:
        # Once an external edit has been recorded, only a new read shows the content under its version.
        raise _Overtaken
    changes = plan(before)
    wanted = after(data, changes)
    moved = tuple(change for change in changes.changes if isinstance(change, Retag))
    if not moved and accepting is None and same(wanted.columns, data.columns):
        return before
    result = _checked(before, wanted)
    record = record_of(before, result, moved)
    try:
        store.apply(changes, expect_version=before.version, record=record, accepting=accepting)
    except LostRace:
        raise
    except ConflictError as error:
        raise _Overtaken from error
    return result


def _checked(before: Taxonomy, wanted: TaxonomyData) -> Taxonomy:
    result = Taxonomy.of(wanted)
    added = _added(before.problems, result.problems)
    if added:
        raise InvariantError(added)
    return result


def _added(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """New problems, except those within the concepts of an old one of their code: part of a cycle is not a new one."""
    old: dict[str, list[frozenset[str]]] = defaultdict(list)
    for problem in before:
        old[problem.code].append(frozenset(problem.concepts))
    seen = set(before)
    return [p for p in after if p not in seen and not any(names.issuperset(p.concepts) for names in old[p.code])]
