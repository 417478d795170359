"""The one way kgtag changes a taxonomy: in memory first, then written against the version it was checked on."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from graph.changes.net import net
from graph.changes.splice import spliced
from graph.columns.compare import same
from graph.columns.taxonomy_data import TaxonomyData
from graph.errors import ConflictError, InvariantError, LostRace
from graph.history.reconcile import record_of, settle
from graph.model import Accepting, ChangeSet, Problem, Retag
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_ATTEMPTS = 40
_PATIENCE = 120.0
"""An edit that loses its races gives up after so many attempts *and* so many seconds: large taxonomies take longer."""
_CROWD = 8
"""Attempts that the longest pause lasts: with as many writers asleep as awake, most attempts succeed."""

_queues: dict[str, threading.RLock] = {}
"""By store URL: writers of one process queue up, rather than undo each other's work. Between processes the record's
version decides."""


def after(data: TaxonomyData, changes: ChangeSet) -> TaxonomyData:
    """What the record will hold once the change set is applied; `version` counts one up."""
    return TaxonomyData(data.version + 1, spliced(data.columns, net(changes)))


def apply(store: TaxonomyStore, changes: ChangeSet, *, expect_version: int | None = None) -> Taxonomy:
    """Check the change set against the record as it is now, write it, and give the snapshot it leads to.

    A change set that changes nothing writes nothing. Raises InvariantError for problems that the change set adds
    (those that stood there before don't block an edit), ConflictError when `expect_version` is given and the record
    has moved on.
    """
    return apply_with(store, lambda _: changes, expect_version=expect_version)


def preview(store: TaxonomyStore, plan: Callable[[Taxonomy], ChangeSet]) -> tuple[Taxonomy, ChangeSet, Taxonomy]:
    """The snapshot now, the change set worked out from it, and the snapshot it would lead to; nothing is written.

    Raises InvariantError.
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
    """Like `apply`, with the change set worked out from the snapshot, anew for each attempt when writers race.

    Edits by other hands since the last version get a version of their own first, so that each entry of the history
    tells the truth about what was there before it. `accepting`: a proposal that is decided in the same transaction;
    raises LostRace when it isn't as it was read. Raises ConflictError, too, when other processes keep winning for
    minutes.
    """
    with _queues.setdefault(store.url, threading.RLock()):
        return _apply_in_turn(store, plan, expect_version=expect_version, accepting=accepting)


def _apply_in_turn(
    store: TaxonomyStore,
    plan: Callable[[Taxonomy], ChangeSet],
    *,
    expect_version: int | None,
    accepting: Accepting | None,
) -> Taxonomy:
    started = time.monotonic()
    attempt = 0
    while attempt < _ATTEMPTS or time.monotonic() - started < _PATIENCE:
        attempt += 1
        began = time.monotonic()
        data = store.read()
        before = settle(store, Taxonomy.of(data))
        at = data.version if before is None else before.version
        if expect_version is not None and at != expect_version:
            raise ConflictError(f"the taxonomy is at version {at}, not at {expect_version}; read it again")
        # After an edit by hand was recorded, only a new read shows what the record holds under that version.
        settled = before is not None and at == data.version
        result = _attempt(store, data, before, plan, accepting=accepting) if before is not None and settled else None
        if result is not None:
            return result
        # In proportion to what an attempt takes: seconds where the taxonomy is large.
        time.sleep(random.uniform(0, min(attempt, _CROWD) * (time.monotonic() - began)))
    raise ConflictError(f"the taxonomy kept changing during {attempt} attempts; try again")


def _attempt(
    store: TaxonomyStore,
    data: TaxonomyData,
    before: Taxonomy,
    plan: Callable[[Taxonomy], ChangeSet],
    *,
    accepting: Accepting | None,
) -> Taxonomy | None:
    """The snapshot after the change; None when somebody else was faster. `before`: the snapshot of `data`, settled."""
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
    except ConflictError:
        return None
    return result


def _checked(before: Taxonomy, wanted: TaxonomyData) -> Taxonomy:
    result = Taxonomy.of(wanted)
    added = _added(before.problems, result.problems)
    if added:
        raise InvariantError(added)
    return result


def _added(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """New problems, but for those within the concepts of an old one of their kind: a smaller cycle is no new one."""
    old: dict[str, list[frozenset[str]]] = defaultdict(list)
    for problem in before:
        old[problem.code].append(frozenset(problem.concepts))
    seen = set(before)
    return [p for p in after if p not in seen and not any(names.issuperset(p.concepts) for names in old[p.code])]
