"""Fingerprints of the concepts that a proposal touches, to detect later changes."""

import hashlib

from graph.model import SYMMETRIC, Change, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Retag
from graph.taxonomy import Taxonomy


def fingerprints(taxonomy: Taxonomy, changes: tuple[Change, ...]) -> dict[str, str]:
    """A fingerprint of every concept that the changes touch, by id, covering what matters to them.

    For a concept that is written: itself and its relations. For one that is retired: also what points at it. For one
    that is only pointed at: its kind, and whether it is in use. "absent" for a concept that does not exist.
    """
    written: set[str] = set()
    retired: set[str] = set()
    named: set[str] = set()
    for change in changes:
        match change:
            case PutConcept(concept):
                (retired if concept.status == "deprecated" else written).add(concept.id)
            case DeleteConcept(id):
                retired.add(id)
            case PutRelation(edge) | DeleteRelation(edge):
                written.add(edge.source)
                (written if edge.type in SYMMETRIC else named).add(edge.target)
            case Retag(source, target):
                named.update((source, target))

    def fingerprint(id: str) -> str:
        concept = taxonomy.get(id)
        if concept is None:
            return "absent"
        if id in retired:
            into = sorted(edge.key for edge in taxonomy.relations if edge.target == id)
            return hashlib.blake2b(f"{taxonomy.etag(id)} {into}".encode(), digest_size=8).hexdigest()
        if id in written:
            return taxonomy.etag(id)
        return f"{concept.kind}, {'out of use' if concept.status == 'deprecated' else 'in use'}"

    return {id: fingerprint(id) for id in sorted(written | retired | named)}
