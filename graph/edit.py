"""The one way kgtag changes a taxonomy: in memory first, then written against the version it was checked on."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from graph.compare import same
from graph.errors import ConflictError, InvariantError, LostRace
from graph.invariants import Problem
from graph.model import ChangeSet, Retag, TaxonomyData
from graph.net import net
from graph.outside import record_of, settle
from graph.proposal import Accepting
from graph.splice import spliced
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_ATTEMPTS = 40


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
    raises LostRace when it isn't as it was read.
    """
    for attempt in range(_ATTEMPTS):
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
        time.sleep(random.uniform(0, 0.005 * attempt))
    raise ConflictError(f"the taxonomy kept changing during {_ATTEMPTS} attempts; try again")


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
