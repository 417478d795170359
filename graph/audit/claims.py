"""Checks of items: of what their titles claim, and of tags that say something about people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sized

from graph.audit.report import Check, Defect
from graph.claims import Claims
from graph.labels import normalise
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy

_EXAMPLES = 5


class ItemClaims:
    """What the titles of items claim, and which of their tags nothing states, noted while the items pass."""

    def __init__(self, claims: Claims | None = None) -> None:
        self._claims = claims or Claims.load()
        self._titles: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._unstated: dict[str, list[str]] = defaultdict(list)

    def through(self, items: Iterable[TaggedItem]) -> Iterator[TaggedItem]:
        for item in items:
            for claim in {(one.severity, one.kind, one.term) for one in self._claims.find(item.title)}:
                self._titles[claim].append(item.id)
            for tag in item.tags:
                stated = tag.start is not None or tag.surface is not None or tag.method in ("given", "implied")
                if tag.status == "accepted" and not stated:
                    self._unstated[tag.concept].append(item.id)
            yield item

    def checks(self) -> tuple[Check, ...]:
        """The checks of the items that have passed."""
        return (
            Check("prohibited_claim", "warning", self._prohibited_claim),
            Check("sensitive_inference", "warning", self._sensitive_inference),
        )

    def _prohibited_claim(self, taxonomy: Taxonomy) -> Iterator[Defect]:
        """A term in titles that a shop may not use, or must prove."""
        for (severity, kind, term), ids in sorted(self._titles.items()):
            evidence = {"items": len(ids), "examples": sorted(ids)[:_EXAMPLES], "kind": kind, "severity": severity}
            yield Defect((), f"{_counted(ids, 'title has', 'titles have')} {term!r}: {_WHAT[kind]}", evidence)

    def _sensitive_inference(self, taxonomy: Taxonomy) -> Iterator[Defect]:
        """A tag of gender, age or religion that nothing in the product states."""
        for id, ids in sorted(self._unstated.items()):
            if _is_sensitive(taxonomy, id, self._claims):
                evidence = {"items": len(ids), "examples": sorted(ids)[:_EXAMPLES]}
                named = f"{taxonomy[id].label()!r} ({id})"
                tagged = _counted(ids, "item is", "items are")
                yield Defect((id,), f"{tagged} tagged {named}, which nothing there states", evidence)


def _counted(ids: Sized, one: str, more: str) -> str:
    return f"{len(ids):,} {one if len(ids) == 1 else more}"


_WHAT = {
    "counterfeit": "it offers a counterfeit",
    "medical": "it claims an effect on health",
    "superlative": "Chinese advertising law forbids it",
}


def _is_sensitive(taxonomy: Taxonomy, concept: str, claims: Claims) -> bool:
    attribute = taxonomy.attribute_of(concept) if concept in taxonomy else None
    if attribute is None:
        return False
    return not claims.sensitive.isdisjoint(normalise(text) for text, _, _ in taxonomy[attribute].labels())
