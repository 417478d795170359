"""What a change set comes to: the same writes in an order that every store can take."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import InputError
from graph.model import ChangeSet, Concept, DeleteConcept, PutConcept, PutRelation, Relation, RelationType, Retag


@dataclass(frozen=True, slots=True)
class Net:
    """To be done in this order: `delete` (with every relation and tag of it), `put`, `retag`, `unrelate`, `relate`.

    Before all that `rescue`, when there is any, and before it `havens`: tags that leave a concept before it is deleted,
    and the concepts they go to that are put (again, by `put`, which does no harm).
    No relation occurs twice; all are canonical. A deleted concept may be put again, as a new one.
    """

    delete: tuple[str, ...]
    put: tuple[Concept, ...]
    unrelate: tuple[Relation, ...]
    relate: tuple[Relation, ...]
    retag: tuple[Retag, ...] = ()
    rescue: tuple[Retag, ...] = ()

    @property
    def havens(self) -> tuple[Concept, ...]:
        wanted = {retag.target for retag in self.rescue} - set(self.delete)
        return tuple(concept for concept in self.put if concept.id in wanted)

    def ends(self) -> set[str]:
        """The concepts that must be there for `relate`."""
        return {edge.source for edge in self.relate} | {edge.target for edge in self.relate}


def net(changes: ChangeSet) -> Net:
    """Applied in order, a later change undoes an earlier one: only the last word on each row counts."""
    deleted: dict[str, None] = {}
    concepts: dict[str, Concept] = {}
    relations: dict[tuple[RelationType, str, str], tuple[Relation, bool]] = {}
    touching: dict[str, set[tuple[RelationType, str, str]]] = {}
    retags: list[Retag] = []
    rescued: list[Retag] = []
    deletes = any(isinstance(change, DeleteConcept) for change in changes.changes)
    for change in changes.changes:
        if isinstance(change, PutConcept):
            concepts[change.concept.id] = change.concept
        elif isinstance(change, DeleteConcept):
            deleted[change.id] = None
            if any(retag.source == change.id for retag in retags):
                rescued += retags
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
    for retag in rescued:
        if retag.target in deleted:
            raise InputError(f"tags can't move to {retag.target!r} in a change set that deletes it; make it two steps")
    return Net(
        delete=tuple(deleted),
        put=tuple(concepts.values()),
        unrelate=tuple(edge for edge, wanted in relations.values() if not wanted),
        relate=tuple(edge for edge, wanted in relations.values() if wanted),
        retag=tuple(retags),
        rescue=tuple(rescued),
    )
