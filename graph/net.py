"""What a change set comes to: the same writes in an order that every store can take."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import InputError
from graph.model import ChangeSet, Concept, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Relation, Retag


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


def net(changes: ChangeSet) -> Net:
    """Applied in order, a later change undoes an earlier one: only the last word on each row counts."""
    deleted: dict[str, None] = {}
    concepts: dict[str, Concept] = {}
    relations: dict[tuple[str, str, str], tuple[Relation, bool]] = {}
    touching: dict[str, set[tuple[str, str, str]]] = {}
    retags: list[Retag] = []
    rescued: list[Retag] = []
    for change in changes.changes:
        match change:
            case PutConcept(concept):
                concepts[concept.id] = concept
            case DeleteConcept(id):
                deleted[id] = None
                if any(retag.source == id for retag in retags):
                    rescued += retags
                    retags = []
                concepts.pop(id, None)
                for key in touching.pop(id, ()):
                    relations.pop(key, None)
            case PutRelation(relation) | DeleteRelation(relation):
                edge = relation.canonical()
                relations[edge.key] = (edge, isinstance(change, PutRelation))
                touching.setdefault(edge.source, set()).add(edge.key)
                touching.setdefault(edge.target, set()).add(edge.key)
            case Retag(source, target):
                if source == target:
                    raise InputError(f"tags of {source!r} can't move to itself")
                retags.append(change)
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
