"""The net effect of a change set, in an order that every store can write."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import InputError
from graph.model import ChangeSet, Concept, DeleteConcept, PutConcept, PutRelation, Relation, RelationType, Retag


@dataclass(frozen=True, slots=True)
class Net:
    """Writes in this order: `put_early`, `retag_early`, `delete`, `put`, `retag`, `unrelate`, `relate`.

    `delete` includes every relation and tag of the concepts. `retag_early` are moves of tags away from concepts before
    they are deleted, and `put_early` their new concepts (`put` has them too, which does no harm). No relation occurs
    twice; all are canonical. A deleted concept may be put again, as a new one.
    """

    delete: tuple[str, ...]
    put: tuple[Concept, ...]
    unrelate: tuple[Relation, ...]
    relate: tuple[Relation, ...]
    retag: tuple[Retag, ...] = ()
    retag_early: tuple[Retag, ...] = ()

    @property
    def put_early(self) -> tuple[Concept, ...]:
        targets = {retag.target for retag in self.retag_early} - set(self.delete)
        return tuple(concept for concept in self.put if concept.id in targets)

    def ends(self) -> set[str]:
        """Ids of the concepts that `relate` needs."""
        return {edge.source for edge in self.relate} | {edge.target for edge in self.relate}


def net(changes: ChangeSet) -> Net:
    """The net effect of changes in order: the last change of each row.

    Raises InputError for moves of tags from a concept to itself, or to a concept that is deleted.
    """
    deleted: dict[str, None] = {}
    concepts: dict[str, Concept] = {}
    relations: dict[tuple[RelationType, str, str], tuple[Relation, bool]] = {}
    touching: dict[str, set[tuple[RelationType, str, str]]] = {}
    retags: list[Retag] = []
    early: list[Retag] = []
    deletes = any(isinstance(change, DeleteConcept) for change in changes.changes)
    for change in changes.changes:
        if isinstance(change, PutConcept):
            concepts[change.concept.id] = change.concept
        elif isinstance(change, DeleteConcept):
            deleted[change.id] = None
            if any(retag.source == change.id for retag in retags):
                early += retags
                retags = []
            concepts.pop(change.id, None)
            for key in touching.pop(change.id, ()):
                relations.pop(key, None)
        elif isinstance(change, Retag):
            if change.source == change.target:
                raise InputError(f"tags of {change.source!r} can't move to itself")
            retags.append(change)
        else:
            edge = change.relation.canonical()
            key = edge.key
            relations[key] = (edge, isinstance(change, PutRelation))
            if deletes:
                touching.setdefault(edge.source, set()).add(key)
                touching.setdefault(edge.target, set()).add(key)
    for retag in early:
        if retag.target in deleted:
            raise InputError(f"tags can't move to {retag.target!r} in a change set that deletes it; make it two steps")
    return Net(
        delete=tuple(deleted),
        put=tuple(concepts.values()),
        unrelate=tuple(edge for edge, wanted in relations.values() if not wanted),
        relate=tuple(edge for edge, wanted in relations.values() if wanted),
        retag=tuple(retags),
        retag_early=tuple(early),
    )
