"""Checks of attributes, their values, and the categories they apply to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.views import active, children, named
from graph.taxonomy import Taxonomy

_MOST = 0.8
_FEWEST_SIBLINGS = 4


def attribute_without_values(taxonomy: Taxonomy) -> Iterator[Defect]:
    for concept in taxonomy:
        if concept.kind == "attribute" and active(concept) and not taxonomy.values_of(concept.id):
            yield Defect((concept.id,), f"attribute {named(concept)} has no values")


def attribute_applies_nowhere(taxonomy: Taxonomy) -> Iterator[Defect]:
    for concept in taxonomy:
        if concept.kind == "attribute" and active(concept) and not taxonomy.out(concept.id, "applies_to"):
            yield Defect((concept.id,), f"attribute {named(concept)} applies to no category")


def attribute_applied_twice(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on a category that inherits it."""
    for edge in taxonomy.relations:
        if edge.type != "applies_to":
            continue
        category = taxonomy.index(edge.target)
        above = [taxonomy.ids[j] for j in taxonomy.ancestor_indices(category)]
        inherited = sorted(set(above) & set(taxonomy.out(edge.source, "applies_to")))
        if inherited:
            a, c, top = taxonomy[edge.source], taxonomy[edge.target], taxonomy[inherited[0]]
            message = f"attribute {named(a)} applies to {named(c)}, which inherits it from {named(top)}"
            repair = suggest(
                "delete_relation", "delete the lower of the two", type="applies_to", source=a.id, target=c.id
            )
            yield Defect((a.id, c.id), message, {"inherited_from": inherited}, repair)


def attribute_gap_among_siblings(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on at least 80 % of four or more siblings, but missing on this one."""
    if not any(edge.type == "applies_to" for edge in taxonomy.relations):
        return
    for parent, below in children(taxonomy):
        if len(below) < _FEWEST_SIBLINGS or below[0].kind != "category":
            continue
        asserted: Counter[str] = Counter(a for child in below for a in taxonomy.into(child.id, "applies_to"))
        common = sorted(a for a, count in asserted.items() if _MOST * len(below) <= count < len(below))
        if not common:
            continue
        for child in below:
            for attribute in sorted(set(common) - set(taxonomy.attributes_for(child.id))):
                have = asserted[attribute]
                message = (
                    f"attribute {named(taxonomy[attribute])} applies to {have} of the {len(below)} categories below "
                    f"{named(parent)}, but not to {named(child)}"
                )
                words = "let the attribute apply here too"
                repair = suggest("put_relation", words, type="applies_to", source=attribute, target=child.id)
                yield Defect((child.id, attribute), message, {"siblings": len(below), "with_attribute": have}, repair)
