"""The one way kgtag changes a taxonomy: in memory first, then written against the version it was checked on."""

from __future__ import annotations

import random
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
    strays = tuple(stray for stray in data.strays if stray.source not in gone and stray.target not in gone)
    return TaxonomyData(
        data.version + 1, tuple(concepts[id] for id in sorted(concepts)), tuple(sorted(relations.values())), strays
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
    """Like `apply`, with the change set worked out from the snapshot, anew for each attempt when writers race."""
    for attempt in range(_ATTEMPTS):
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
            time.sleep(random.uniform(0, 0.005 * attempt))
            continue
        return result
    raise ConflictError(f"the taxonomy kept changing during {_ATTEMPTS} attempts; try again")


def _added(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """New problems, but for those within the concepts of an old one of their kind: a smaller cycle is no new one."""
    old: dict[str, list[frozenset[str]]] = defaultdict(list)
    for problem in before:
        old[problem.code].append(frozenset(problem.concepts))
    seen = set(before)
    return [p for p in after if p not in seen and not any(names.issuperset(p.concepts) for names in old[p.code])]
