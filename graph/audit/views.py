"""Views of a taxonomy that several checks share."""

from __future__ import annotations

from collections.abc import Iterator

from graph.model import Concept
from graph.taxonomy import Taxonomy


def named(concept: Concept) -> str:
    """The label and id of a concept, for messages."""
    return f"{concept.label()!r} ({concept.id})"


def active(concept: Concept) -> bool:
    """Whether the concept is in use; most checks skip deprecated ones."""
    return concept.status != "deprecated"


def children(taxonomy: Taxonomy) -> Iterator[tuple[Concept, list[Concept]]]:
    """Every concept with narrower ones, and the active ones of those, by id."""
    for i, parent in enumerate(taxonomy.concepts):
        row = taxonomy.narrower[i]
        if len(row):
            yield parent, [child for j in row if active(child := taxonomy.concepts[j])]


def families(taxonomy: Taxonomy) -> Iterator[tuple[Concept | None, list[Concept]]]:
    """Siblings: concepts below one concept, or top concepts of one scheme and kind (and, of values, attribute)."""
    yield from children(taxonomy)
    tops: dict[tuple[str, str, str | None], list[Concept]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        if active(concept) and not len(taxonomy.broader[i]):
            attribute = taxonomy.attribute_of(concept.id) if concept.kind == "value" else None
            tops.setdefault((concept.scheme, concept.kind, attribute), []).append(concept)
    for _, members in sorted(tops.items(), key=lambda item: tuple(map(str, item[0]))):
        yield None, members
