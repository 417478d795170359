"""The tags of items against the taxonomy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graph.audit.report import Check, Defect
from graph.audit.views import active, named
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy

_EXAMPLES = 5


def checks(items: Iterable[TaggedItem]) -> tuple[Check, ...]:
    """The checks that look at the accepted tags of these items; they are read once."""
    used: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for concept in {tag.concept for tag in item.tags if tag.status == "accepted"}:
            used[concept].append(item.id)

    def tag_on_unknown_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        for id in sorted(used):
            if id not in taxonomy:
                message = f"{len(used[id])} items carry the tag {id!r}, which is no concept of the taxonomy"
                repair = {"op": "retag", "concept": id, "words": "tag the items again"}
                yield Defect((id,), message, _evidence(used[id]), repair)

    def tag_on_deprecated_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        for id in sorted(used):
            concept = taxonomy.get(id)
            if concept is None or active(concept):
                continue
            successor = taxonomy.resolve(id)
            repair = {"op": "retag", "concept": id, "words": "tag the items again"}
            if active(taxonomy[successor]):
                repair |= {"to": successor, "words": f"move the tags to {successor!r}"}
            message = f"{len(used[id])} items carry {named(concept)}, which is deprecated"
            yield Defect((id,), message, _evidence(used[id]), repair)

    return (
        Check("tag_on_unknown_concept", "error", tag_on_unknown_concept),
        Check("tag_on_deprecated_concept", "warning", tag_on_deprecated_concept),
    )


def _evidence(items: list[str]) -> dict[str, object]:
    return {"items": len(items), "examples": sorted(items)[:_EXAMPLES]}
