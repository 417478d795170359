"""Ways of looking at a taxonomy that several checks share."""

from __future__ import annotations

from collections.abc import Iterator

from graph.model import Concept
from graph.taxonomy import Taxonomy


def named(concept: Concept) -> str:
    """How a message calls a concept: its label and id."""
    return f"{concept.label()!r} ({concept.id})"


def active(concept: Concept) -> bool:
    """Deprecated concepts keep their labels and places; most checks don't mind them."""
    return concept.status != "deprecated"


def children(taxonomy: Taxonomy) -> Iterator[tuple[Concept, list[Concept]]]:
    """Every concept that has narrower ones, with those that are active, by id."""
    for i, parent in enumerate(taxonomy.concepts):
        row = taxonomy.narrower[i]
        if len(row):
            yield parent, [child for j in row if active(child := taxonomy.concepts[j])]


def families(taxonomy: Taxonomy) -> Iterator[tuple[Concept | None, list[Concept]]]:
    """Concepts that stand side by side: under one concept, or at the top of one scheme and kind.

    Values at the top stand beside those of the same attribute only.
    """
    yield from children(taxonomy)
    tops: dict[tuple[str, str, str | None], list[Concept]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        if active(concept) and not len(taxonomy.broader[i]):
            home = taxonomy.attribute_of(concept.id) if concept.kind == "value" else None
            tops.setdefault((concept.scheme, concept.kind, home), []).append(concept)
    for _, members in sorted(tops.items(), key=lambda item: tuple(map(str, item[0]))):
        yield None, members
