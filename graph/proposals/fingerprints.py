"""What a proposal saw of the concepts that it is about: short hashes, to tell whether they have changed since."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from graph.model import SYMMETRIC, Change, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Retag
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class _Roles:
    """What changes do to concepts: write them, retire them (whatever points at them matters), or point at them."""

    written: set[str] = field(default_factory=set)
    retired: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def looks(taxonomy: Taxonomy, changes: tuple[Change, ...]) -> dict[str, str]:
    """Of every concept that the changes touch, in order, as much of its looks as matters to them, as a short hash.

    A concept that is written: itself and its relations. One that goes out of use: what points at it as well. One that
    is merely pointed at: its kind, and whether it is in use. "absent" where there is none.
    """
    roles = _roles(changes)
    everyone = roles.written | roles.retired | roles.named
    return {id: _look(taxonomy, id, roles) for id in sorted(everyone)}


def _roles(changes: tuple[Change, ...]) -> _Roles:
    roles = _Roles()
    for change in changes:
        match change:
            case PutConcept(concept):
                (roles.retired if concept.status == "deprecated" else roles.written).add(concept.id)
            case DeleteConcept(id):
                roles.retired.add(id)
            case PutRelation(edge) | DeleteRelation(edge):
                roles.written.add(edge.source)
                (roles.written if edge.type in SYMMETRIC else roles.named).add(edge.target)
            case Retag(source, target):
                roles.named.update((source, target))
    return roles


def _look(taxonomy: Taxonomy, id: str, roles: _Roles) -> str:
    concept = taxonomy.get(id)
    if concept is None:
        return "absent"
    if id in roles.retired:
        into = sorted(edge.key for edge in taxonomy.relations if edge.target == id)
        return hashlib.blake2b(f"{taxonomy.etag(id)} {into}".encode(), digest_size=8).hexdigest()
    if id in roles.written:
        return taxonomy.etag(id)
    return f"{concept.kind}, {'out of use' if concept.status == 'deprecated' else 'in use'}"
