"""The one way kgtag changes a taxonomy: in memory first, checked, then written against the version it was checked on."""

from __future__ import annotations

from collections.abc import Callable

from graph.errors import ConflictError, InvariantError
from graph.model import (
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
    TaxonomyData,
)
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

_ATTEMPTS = 20


def after(data: TaxonomyData, changes: ChangeSet) -> TaxonomyData:
    """What the record will hold once the change set is applied; `version` counts one up."""
    concepts: dict[str, Concept] = {concept.id: concept for concept in data.concepts}
    relations: dict[tuple[RelationType, str, str], Relation] = {
        r.canonical().key: r.canonical() for r in data.relations
    }
    for change in changes.changes:
        match change:
            case PutConcept(concept):
                concepts[concept.id] = concept
            case DeleteConcept(id):
                concepts.pop(id, None)
                relations = {key: r for key, r in relations.items() if id not in (r.source, r.target)}
            case PutRelation(relation):
                relations[relation.canonical().key] = relation.canonical()
            case DeleteRelation(relation):
                relations.pop(relation.canonical().key, None)
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
    """Like `apply`, with the change set worked out from the snapshot, anew for each attempt when writers race."""
    for _ in range(_ATTEMPTS):
        data = store.read()
        if expect_version is not None and data.version != expect_version:
            raise ConflictError(f"the taxonomy is at version {data.version}, not at {expect_version}; read it again")
        before = Taxonomy.of(data)
        changes = plan(before)
        result = Taxonomy.of(after(data, changes))
        added = sorted(set(result.problems) - set(before.problems))
        if added:
            raise InvariantError(added)
        try:
            store.apply(changes, expect_version=data.version)
        except ConflictError:
            if expect_version is not None:
                raise
            continue
        return result
    raise ConflictError(f"the taxonomy kept changing during {_ATTEMPTS} attempts; try again")
