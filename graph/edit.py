"""The one way kgtag changes a taxonomy: in memory first, then written against the version it was checked on."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from graph.errors import ConflictError, InvariantError
from graph.invariants import Problem
from graph.model import ChangeSet, TaxonomyData
from graph.net import net
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
    work = net(changes)
    gone = set(work.delete)
    concepts = {concept.id: concept for concept in data.concepts if concept.id not in gone}
    concepts |= {concept.id: concept for concept in work.put}
    relations = {
        edge.key: edge
        for edge in (relation.canonical() for relation in data.relations)
        if edge.source not in gone and edge.target not in gone
    }
    for edge in work.unrelate:
        relations.pop(edge.key, None)
    relations |= {edge.key: edge for edge in work.relate}
    return TaxonomyData(
        data.version + 1, tuple(concepts[id] for id in sorted(concepts)), tuple(sorted(relations.values()))
    )


def apply(store: TaxonomyStore, changes: ChangeSet, *, expect_version: int | None = None) -> Taxonomy:
    """Check the change set against the record as it is now, write it, and give the snapshot it leads to.

    Raises InvariantError for problems that the change set adds (those that stood there before don't block an edit),
    ConflictError when `expect_version` is given and the record has moved on.
    """
    return apply_with(store, lambda _: changes, expect_version=expect_version)


def apply_with(
    store: TaxonomyStore, plan: Callable[[Taxonomy], ChangeSet], *, expect_version: int | None = None
) -> Taxonomy:
    """Like `apply`, with the change set worked out from the snapshot, anew for each attempt when writers race.

    Raises ConflictError, too, when other processes keep winning for minutes.
    """
    with _queues.setdefault(store.url, threading.RLock()):
        return _apply_in_turn(store, plan, expect_version)


def _apply_in_turn(store: TaxonomyStore, plan: Callable[[Taxonomy], ChangeSet], expect_version: int | None) -> Taxonomy:
    started = time.monotonic()
    attempt = 0
    while attempt < _ATTEMPTS or time.monotonic() - started < _PATIENCE:
        attempt += 1
        began = time.monotonic()
        data = store.read()
        if expect_version is not None and data.version != expect_version:
            raise ConflictError(f"the taxonomy is at version {data.version}, not at {expect_version}; read it again")
        before = Taxonomy.of(data)
        changes = plan(before)
        result = Taxonomy.of(after(data, changes))
        added = _added(before.problems, result.problems)
        if added:
            raise InvariantError(added)
        try:
            store.apply(changes, expect_version=data.version)
        except ConflictError:
            if expect_version is not None:
                raise
            # In proportion to what an attempt takes: seconds where the taxonomy is large.
            time.sleep(random.uniform(0, min(attempt, _CROWD) * (time.monotonic() - began)))
            continue
        return result
    raise ConflictError(f"the taxonomy kept changing during {attempt} attempts; try again")


def _added(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """New problems, but for those within the concepts of an old one of their kind: a smaller cycle is no new one."""
    old: dict[str, list[frozenset[str]]] = defaultdict(list)
    for problem in before:
        old[problem.code].append(frozenset(problem.concepts))
    seen = set(before)
    return [p for p in after if p not in seen and not any(names.issuperset(p.concepts) for names in old[p.code])]
