"""Checks of the shape of the hierarchy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.views import active, children, named
from graph.taxonomy import Taxonomy

_CROWD = 300
"""Narrower concepts of one concept that people can oversee."""


def orphan(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category without broader or narrower ones in a scheme where most have some."""
    placed: Counter[str] = Counter()
    loose: dict[str, list[str]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        if concept.kind != "category" or not active(concept):
            continue
        if len(taxonomy.broader[i]) or len(taxonomy.narrower[i]):
            placed[concept.scheme] += 1
        else:
            loose.setdefault(concept.scheme, []).append(concept.id)
    for scheme, ids in sorted(loose.items()):
        if placed[scheme] > len(ids):
            for id in ids:
                message = f"{named(taxonomy[id])} stands alone: nothing is broader or narrower"
                repair = suggest("move", "put it below a category", concept=id)
                yield Defect((id,), message, {"placed_in_scheme": placed[scheme]}, repair)


def single_child(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A concept with a single narrower concept: one of the two may be redundant."""
    for parent, below in children(taxonomy):
        if len(below) == 1 and active(parent) and below[0].kind == "category":
            message = f"{named(parent)} has a single narrower concept, {named(below[0])}"
            yield Defect((parent.id, below[0].id), message)


def crowded(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category with too many narrower ones to choose from."""
    for parent, below in children(taxonomy):
        if len(below) > _CROWD:
            message = f"{named(parent)} has {len(below)} narrower concepts; a level between would help"
            yield Defect((parent.id,), message, {"narrower": len(below), "limit": _CROWD})
