"""The shape of the hierarchy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.audit.report import Defect
from graph.audit.views import active, children, named
from graph.taxonomy import Taxonomy

_CROWD = 300
"""More narrower concepts than this nobody oversees."""


def orphan(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category with nothing broader or narrower, in a scheme whose other categories mostly have a place."""
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
                evidence = {"placed_in_scheme": placed[scheme]}
                yield Defect(
                    (id,), message, evidence, {"op": "move", "concept": id, "words": "put it below a category"}
                )


def single_child(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A concept with one narrower concept: one of the two says too little."""
    for parent, below in children(taxonomy):
        if len(below) == 1 and active(parent) and below[0].kind == "category":
            message = f"{named(parent)} has a single narrower concept, {named(below[0])}"
            yield Defect((parent.id, below[0].id), message)


def crowded(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Categories with too many narrower ones to choose from."""
    for parent, below in children(taxonomy):
        if len(below) > _CROWD:
            message = f"{named(parent)} has {len(below)} narrower concepts; a level between would help"
            yield Defect((parent.id,), message, {"narrower": len(below), "limit": _CROWD})
