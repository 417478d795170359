"""What enforcement asks of a taxonomy, concept by concept, asked once."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Of one snapshot, which never changes, so that what was asked once stays true."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._known: dict[str, Fact] = {}
        self._meant: dict[str, str] = {}
        self._asserted: dict[tuple[str, str], bool] = {}

    def of(self, id: str) -> Fact:
        """Of the very concept, whatever replaces it. Raises UnknownConcept."""
        fact = self._known.get(id)
        if fact is None:
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            fact = self._known[id] = self._found(id)
        return fact

    def meant(self, id: str) -> Fact:
        """Of the concept where the id's redirects end. Raises UnknownConcept."""
        found = self._meant.get(id)
        if found is None:
            if len(self._meant) >= _REMEMBERED:
                self._meant = {}
            found = self._meant[id] = self.taxonomy.resolve(id)
        return self.of(found)

    def asserted(self, attribute: str, category: str) -> bool:
        """Whether the attribute applies to the category or anything broader. One that applies nowhere is free."""
        pair = attribute, category
        known = self._asserted.get(pair)
        if known is None:
            if len(self._asserted) >= _REMEMBERED:
                self._asserted = {}
            categories = self.taxonomy.out(attribute, "applies_to")
            line = {category, *self.taxonomy.ancestors(category)}
            known = self._asserted[pair] = not categories or not line.isdisjoint(categories)
        return known

    def _found(self, id: str) -> Fact:
        taxonomy = self.taxonomy
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
