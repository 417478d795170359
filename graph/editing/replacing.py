"""Contradictions between a store and a newer file of a scheme: moved parents, missing concepts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from graph.formats.parsed import Parsed, note
from graph.model import Change, Concept, DeleteRelation, PutConcept, Relation
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Outdated:
    """Primary `broader` relations that the file contradicts and concepts that it no longer has, in order."""

    broader: tuple[Relation, ...] = ()
    concepts: tuple[Concept, ...] = ()
    notes: tuple[str, ...] = ()

    def changes(self) -> list[Change]:
        """Delete the relations; deprecate the concepts, since items are tagged with them."""
        deleted = (DeleteRelation(relation) for relation in self.broader)
        return [*deleted, *(PutConcept(replace(concept, status="deprecated")) for concept in self.concepts)]


def outdated(content: Parsed, taxonomy: Taxonomy) -> Outdated:
    """Find contradictions by scheme and kind: a file of categories does not cover the attributes of its scheme.

    Nothing has moved in a file without any hierarchy, nor a concept whose parents in the file are all unknown. Further
    parents, which editors added, stay.
    """
    in_file = {concept.id: concept for concept in content.concepts}
    covered = {(concept.scheme, concept.kind) for concept in content.concepts}
    parents: dict[str, set[str]] = defaultdict(set)
    hierarchies = set()
    for relation in content.relations:
        if relation.type == "broader":
            parents[relation.source].add(relation.target)
            if (concept := in_file.get(relation.source)) is not None:
                hierarchies.add((concept.scheme, concept.kind))
    stale = []
    for concept in content.concepts:
        if (concept.scheme, concept.kind) not in hierarchies or concept.id not in taxonomy:
            continue
        stated = parents[concept.id]
        if stated and not any(id in in_file or id in taxonomy for id in stated):
            continue
        stale += [
            edge
            for edge in taxonomy.relations_from(concept.id)
            if edge.type == "broader" and edge.primary and edge.target not in stated
        ]
    missing = tuple(
        concept
        for concept in taxonomy
        if concept.id not in in_file and (concept.scheme, concept.kind) in covered and concept.status != "deprecated"
    )
    notes = _notes(content, taxonomy, stale=stale, missing=missing, parents=parents)
    return Outdated(tuple(stale), missing, tuple(notes))


def _notes(
    content: Parsed,
    taxonomy: Taxonomy,
    *,
    stale: list[Relation],
    missing: tuple[Concept, ...],
    parents: dict[str, set[str]],
) -> list[str]:
    def named(id: str) -> str:
        return f"{id!r} ({taxonomy[id].label()})"

    moved = [f"{named(edge.source)} from {edge.target!r}" for edge in stale if parents[edge.source]]
    topped = [f"{named(edge.source)} from {edge.target!r}" for edge in stale if not parents[edge.source]]
    deprecated = [
        named(concept.id)
        for concept in content.concepts
        if concept.status == "active" and (old := taxonomy.get(concept.id)) is not None and old.status == "deprecated"
    ]
    return [
        *note("concepts moved to another primary parent", moved),
        *note("concepts became top concepts", topped),
        *note("concepts are not in the file any more and are deprecated", (named(c.id) for c in missing)),
        *note("concepts of the file are deprecated in the store and stay so", deprecated),
    ]
