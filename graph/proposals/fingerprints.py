"""Fingerprints of the concepts that a proposal touches, to detect later changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from graph.model import SYMMETRIC, Change, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Retag
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class _Roles:
    """Concepts that changes write, retire (what points at them matters), or point at."""

    written: set[str] = field(default_factory=set)
    retired: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def fingerprints(taxonomy: Taxonomy, changes: tuple[Change, ...]) -> dict[str, str]:
    """A fingerprint of every concept that the changes touch, by id, covering what matters to them.

    For a concept that is written: itself and its relations. For one that is retired: also what points at it. For one
    that is only pointed at: its kind, and whether it is in use. "absent" for a concept that does not exist.
    """
    roles = _roles(changes)
    return {id: _fingerprint(taxonomy, id, roles) for id in sorted(roles.written | roles.retired | roles.named)}


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


def _fingerprint(taxonomy: Taxonomy, id: str, roles: _Roles) -> str:
    concept = taxonomy.get(id)
    if concept is None:
        return "absent"
    if id in roles.retired:
        into = sorted(edge.key for edge in taxonomy.relations if edge.target == id)
        return hashlib.blake2b(f"{taxonomy.etag(id)} {into}".encode(), digest_size=8).hexdigest()
    if id in roles.written:
        return taxonomy.etag(id)
    return f"{concept.kind}, {'out of use' if concept.status == 'deprecated' else 'in use'}"
