"""What enforcement asks of a taxonomy, concept by concept, asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from graph.model import Choice, Concept, Kind
from graph.taxonomy import Taxonomy
from kgtag.types import Rule

_REMEMBERED = 20_000
"""Concepts; a fact takes about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Of one concept. `above`: ids of all that is broader, by id. `out`: the rule by which it can be
    no tag. `choice`: of its attribute. `line`: itself and all above. `excluded`: all that an asserted `excludes` of its
    line names."""

    concept: Concept
    attribute: str | None
    choice: Choice | None
    above: tuple[str, ...]
    line: frozenset[str]
    excluded: frozenset[str]
    out: Rule | None

    @property
    def id(self) -> str:
        return self.concept.id

    @property
    def kind(self) -> Kind:
        return self.concept.kind

    def excludes(self, other: Fact) -> bool:
        """Whether the two may never stand on one item, by an asserted `excludes` on them or anything broader."""
        return not self.excluded.isdisjoint(other.line)

    def rivals(self, other: Fact) -> bool:
        """Whether both are values of one single-choice attribute and neither is broader than the other."""
        return (
            self.choice == "single"
            and self.attribute == other.attribute
            and self.id not in other.line
            and other.id not in self.line
        )


class Facts:
    """Of one snapshot, which never changes, so that what was asked once stays true.

    `of(id)`: the fact of the very concept, whatever replaces it. `asserted(attribute, category)`: whether the attribute
    applies to the category or anything broader; one that applies nowhere is free. Both raise UnknownConcept.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        # Of the taxonomy, not of this object: a memory of its own methods would keep an old snapshot alive.
        self.of: Callable[[str], Fact] = lru_cache(_REMEMBERED)(partial(_fact, taxonomy))
        self.asserted: Callable[[str, str], bool] = lru_cache(_REMEMBERED)(partial(_asserted, taxonomy))
        self._resolve: Callable[[str], str] = lru_cache(_REMEMBERED)(taxonomy.resolve)

    def meant(self, id: str) -> Fact:
        """Of the concept where the id's redirects end. Raises UnknownConcept."""
        return self.of(self._resolve(id))


def _fact(taxonomy: Taxonomy, id: str) -> Fact:
    above = tuple(taxonomy.ancestors(id))
    line = (id, *above)
    attribute = taxonomy.attribute_of(id)
    excluded = frozenset(other for one in line for other in taxonomy.out(one, "excludes"))
    out: Rule | None = None
    if any(taxonomy[one].status == "deprecated" for one in line):
        out = "deprecated"
    elif not excluded.isdisjoint(line):
        out = "excluded"
    choice = taxonomy[attribute].choice if attribute is not None else None
    return Fact(taxonomy[id], attribute, choice, above, frozenset(line), excluded, out)


def _asserted(taxonomy: Taxonomy, attribute: str, category: str) -> bool:
    categories = taxonomy.out(attribute, "applies_to")
    return not categories or not {category, *taxonomy.ancestors(category)}.isdisjoint(categories)
