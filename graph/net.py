"""What a change set comes to: the same writes in an order that every store can take."""

from __future__ import annotations

from dataclasses import dataclass

from graph.model import ChangeSet, Concept, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Relation, Retag


@dataclass(frozen=True, slots=True)
class Net:
    """To be done in this order: `delete` (with every relation and tag of it), `put`, `retag`, `unrelate`, `relate`.

    No relation occurs twice; all are canonical. A deleted concept may be put again, as a new one.
    """

    delete: tuple[str, ...]
    put: tuple[Concept, ...]
    unrelate: tuple[Relation, ...]
    relate: tuple[Relation, ...]
    retag: tuple[Retag, ...] = ()

    def ends(self) -> set[str]:
        """The concepts that must be there for `relate`."""
        return {edge.source for edge in self.relate} | {edge.target for edge in self.relate}


def net(changes: ChangeSet) -> Net:
    """Applied in order, a later change undoes an earlier one: only the last word on each row counts."""
    deleted: dict[str, None] = {}
    concepts: dict[str, Concept] = {}
    relations: dict[tuple[str, str, str], tuple[Relation, bool]] = {}
    touching: dict[str, set[tuple[str, str, str]]] = {}
    retags: list[Retag] = []
    deletes = any(isinstance(change, DeleteConcept) for change in changes.changes)
    for change in changes.changes:
        match change:
            case PutConcept(concept):
                concepts[concept.id] = concept
            case DeleteConcept(id):
                deleted[id] = None
                concepts.pop(id, None)
                for key in touching.pop(id, ()):
                    relations.pop(key, None)
            case PutRelation(relation) | DeleteRelation(relation):
                edge = relation.canonical()
                relations[edge.key] = (edge, isinstance(change, PutRelation))
                if deletes:
                    touching.setdefault(edge.source, set()).add(edge.key)
                    touching.setdefault(edge.target, set()).add(edge.key)
            case Retag():
                retags.append(change)
    return Net(
        delete=tuple(deleted),
        put=tuple(concepts.values()),
        unrelate=tuple(edge for edge, wanted in relations.values() if not wanted),
        relate=tuple(edge for edge, wanted in relations.values() if wanted),
        retag=tuple(retags),
    )
