"""Concepts in the terms of another scheme, through the mappings between the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graph.errors import UnknownConcept
from graph.model import RelationType
from graph.taxonomy import Taxonomy

Match = Literal["exact", "close", "broader"]
_MAPPINGS: tuple[tuple[RelationType, Match], ...] = (("exact_match", "exact"), ("close_match", "close"))


@dataclass(frozen=True, slots=True)
class Mapped:
    """The concept of the other scheme. `broader`: it is mapped to `via`, the nearest broader concept that has one."""

    concept: str
    match: Match
    via: str | None = None


class Crosswalk:
    """Leads from the concepts of one snapshot into a scheme of it. Raises UnknownConcept for an unknown scheme.

    Example:
        >>> shop = load_taxonomy(store)
        >>> Crosswalk(shop, "google").find("trail-shoes")
        Mapped(concept='google:187', match='broader', via='shoes')
    """

    def __init__(self, taxonomy: Taxonomy, scheme: str) -> None:
        if scheme not in taxonomy.schemes:
            raise UnknownConcept(scheme, kind="scheme", near=[repr(known) for known in taxonomy.schemes])
        self.taxonomy, self.scheme = taxonomy, scheme
        self._found: dict[str, Mapped | None] = {}

    def find(self, id: str) -> Mapped | None:
        """The counterpart of a concept: itself in the scheme's own, else an exact match, a close one, or that of the
        nearest broader concept along its path; None without any. Deprecated ones are followed to what replaces them,
        and of several the first by id counts. Raises UnknownConcept."""
        if id not in self._found:
            self._found[id] = self._find(self.taxonomy.resolve(id))
        return self._found[id]

    def _find(self, id: str) -> Mapped | None:
        if self._serves(id):
            return Mapped(id, "exact")
        if (own := self._counterpart(id)) is not None:
            return own
        for above in reversed(self.taxonomy.path(id)[:-1]):
            if (wider := self._counterpart(above)) is not None:
                return Mapped(wider.concept, "broader", above)
        return None

    def _counterpart(self, id: str) -> Mapped | None:
        for relation, match in _MAPPINGS:
            partners = map(self.taxonomy.resolve, self.taxonomy.out(id, relation))
            if (first := next(filter(self._serves, partners), None)) is not None:
                return Mapped(first, match)
        return None

    def _serves(self, id: str) -> bool:
        concept = self.taxonomy[id]
        return concept.scheme == self.scheme and concept.status != "deprecated"
