"""Edges that contradict or repeat each other."""

from __future__ import annotations

from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.views import named
from graph.repairs.repairs import Dialect, repairs
from graph.taxonomy import Taxonomy


def quarantined(taxonomy: Taxonomy, dialect: Dialect = "cypher") -> Iterator[Defect]:
    """Rows that the snapshot left out, each with its repair in the language of the store."""
    for problem, repair in repairs(taxonomy, dialect):
        yield Defect(problem.concepts, problem.message, {"invariant": problem.code}, {"op": "run", **repair.to_json()})


def related_is_ancestor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """SKOS S27: related concepts must not be ancestors of each other."""
    for edge in taxonomy.relations:
        if edge.type != "related":
            continue
        for low, high in ((edge.source, edge.target), (edge.target, edge.source)):
            if taxonomy.is_ancestor(high, low):
                message = f"{named(taxonomy[low])} is related to {named(taxonomy[high])}, which is broader than it"
                words = "delete the related relation; the hierarchy implies it"
                repair = suggest("delete_relation", words, type="related", source=edge.source, target=edge.target)
                yield Defect((low, high), message, {"path": taxonomy.path(low)}, repair)


def redundant_broader(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A direct edge to a concept that another broader concept leads to."""
    for i, concept in enumerate(taxonomy.concepts):
        parents = taxonomy.broader[i]
        if len(parents) < 2:
            continue
        for parent in map(int, parents):
            via = [int(j) for j in parents if j != parent and parent in taxonomy.ancestor_indices(int(j))]
            if via:
                target, middle = taxonomy.concepts[parent], taxonomy.concepts[via[0]]
                message = f"{named(concept)} is directly below {named(target)}, and again through {named(middle)}"
                words = "delete the direct relation"
                repair = suggest("delete_relation", words, type="broader", source=concept.id, target=target.id)
                yield Defect((concept.id, target.id), message, {"via": middle.id}, repair)
