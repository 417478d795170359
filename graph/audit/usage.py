"""Checks of items' tags against the taxonomy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graph.audit.report import Check, Defect, suggest
from graph.audit.views import active, named
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy

_EXAMPLES = 5


def checks(items: Iterable[TaggedItem]) -> tuple[Check, ...]:
    """Checks of the accepted tags of these items, which are read once."""
    used: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for concept in {tag.concept for tag in item.tags if tag.status == "accepted"}:
            used[concept].append(item.id)

    def tag_on_unknown_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        for id in sorted(used):
            if id not in taxonomy:
                message = f"{len(used[id])} items have the tag {id!r}, which is not in the taxonomy"
                repair = suggest("retag", "tag the items again", concept=id)
                yield Defect((id,), message, _evidence(used[id]), repair)

    def tag_on_deprecated_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        for id in sorted(used):
            concept = taxonomy.get(id)
            if concept is None or active(concept):
                continue
            successor = taxonomy.resolve(id)
            repair = suggest("retag", "tag the items again", concept=id)
            if active(taxonomy[successor]):
                repair = suggest("retag", f"move the tags to {successor!r}", concept=id, to=successor)
            message = f"{len(used[id])} items have the tag {named(concept)}, which is deprecated"
            yield Defect((id,), message, _evidence(used[id]), repair)

    return (
        Check("tag_on_unknown_concept", "error", tag_on_unknown_concept),
        Check("tag_on_deprecated_concept", "warning", tag_on_deprecated_concept),
    )


def _evidence(items: list[str]) -> dict[str, object]:
    return {"items": len(items), "examples": sorted(items)[:_EXAMPLES]}
