"""Checks of deprecated concepts and their redirects."""

from __future__ import annotations

from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.views import active, named
from graph.taxonomy import Taxonomy


def deprecated_without_successor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A deprecated concept whose tags can't be moved."""
    for concept in taxonomy:
        if not active(concept) and not taxonomy.out(concept.id, "replaced_by"):
            yield Defect((concept.id,), f"{named(concept)} is deprecated, and nothing replaces it")


def redirect_to_deprecated(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A successor that is deprecated itself: a chain, or a dead end."""
    for edge in taxonomy.relations:
        if edge.type != "replaced_by" or active(taxonomy[edge.target]):
            continue
        final, repair = taxonomy.resolve(edge.source), None
        if active(taxonomy[final]):
            words = f"redirect straight to {final!r}"
            repair = suggest("put_relation", words, type="replaced_by", source=edge.source, target=final)
        message = (
            f"{named(taxonomy[edge.source])} is replaced by {named(taxonomy[edge.target])}, which is deprecated too"
        )
        yield Defect((edge.source, edge.target), message, {"leads_to": final}, repair)


def redirect_unclear(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Several successors, here or further on, a cycle of them, or a successor of an active concept."""
    for concept in taxonomy:
        successors = taxonomy.out(concept.id, "replaced_by")
        if not successors:
            continue
        if len(successors) > 1:
            message = f"{named(concept)} is replaced by {len(successors)} concepts; a tag can move to one only"
            yield Defect((concept.id, *successors), message, {"successors": successors})
        elif len(fork := taxonomy.out(end := taxonomy.resolve(concept.id), "replaced_by")) > 1:
            message = f"{named(concept)} leads to {named(taxonomy[end])}, which is replaced by {len(fork)} concepts"
            yield Defect((concept.id, end, *fork), message, {"successors": fork})
        elif fork:
            message = f"the successors of {named(concept)} form a cycle"
            yield Defect((concept.id, *successors), message, {"successors": successors})
        elif active(concept):
            message = f"{named(concept)} is replaced by {named(taxonomy[successors[0]])} but not deprecated"
            repair = suggest("deprecate", "deprecate it, or delete the redirect", concept=concept.id)
            yield Defect((concept.id, *successors), message, {"status": concept.status}, repair)


def active_under_deprecated(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An active concept below a deprecated one, or an active value of a deprecated attribute."""
    for edge in taxonomy.relations:
        if not (edge.type == "value_of" or (edge.type == "broader" and edge.primary)):
            continue
        low, high = taxonomy[edge.source], taxonomy[edge.target]
        if active(low) and not active(high):
            successor = taxonomy.resolve(high.id)
            repair = None
            if active(taxonomy[successor]) and taxonomy[successor].kind == high.kind:
                repair = suggest("move", f"move it below {successor!r}", concept=low.id, to=successor)
            message = f"{named(low)} is in use below {named(high)}, which is deprecated"
            yield Defect((low.id, high.id), message, {}, repair)
