"""Cached facts about concepts, and the applicability of values to categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from graph.model import Choice, Concept, Kind
from graph.taxonomy import Taxonomy
from kgtag.types import Plausibility, Proposal, Rule

_CACHED = 20_000
"""Concepts; a fact takes about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What enforcement needs of a concept.

    Attributes:
        choice: Of its attribute.
        above: Ids of its ancestors.
        line: The concept and its ancestors.
        excluded: Concepts that its line has an asserted `excludes` to.
        unfit: The rule by which it cannot be a tag at all.
    """

    concept: Concept
    attribute: str | None
    choice: Choice | None
    above: tuple[str, ...]
    line: frozenset[str]
    excluded: frozenset[str]
    unfit: Rule | None

    @property
    def id(self) -> str:
        return self.concept.id

    @property
    def kind(self) -> Kind:
        return self.concept.kind

    def excludes(self, other: Fact) -> bool:
        """Whether an asserted `excludes`, on them or anything broader, keeps the two apart."""
        return not self.excluded.isdisjoint(other.line)

    def competes(self, other: Fact) -> bool:
        """Whether both are values of one single-choice attribute and neither is broader than the other."""
        return (
            self.choice == "single"
            and self.attribute == other.attribute
            and self.id not in other.line
            and other.id not in self.line
        )


class Facts:
    """The facts of one snapshot. All methods raise UnknownConcept."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        # The caches hold the taxonomy, not this object: a cache of its own methods would keep an old snapshot alive.
        self.of: Callable[[str], Fact] = lru_cache(_CACHED)(partial(_fact, taxonomy))
        """The fact of the concept itself, whatever replaces it."""
        self.applies: Callable[[str, str], bool] = lru_cache(_CACHED)(partial(_applies, taxonomy))
        """Whether an attribute applies to a category or anything broader, or has no asserted category."""
        self._resolve: Callable[[str], str] = lru_cache(_CACHED)(taxonomy.resolve)

    def resolved(self, id: str) -> Fact:
        """The fact of the concept that the id's redirects end at."""
        return self.of(self._resolve(id))


class Applicability:
    """Applicability in one snapshot: asserted, inherited, or plausible enough to be proposed."""

    def __init__(self, facts: Facts, plausibility: Plausibility | None, *, threshold: float) -> None:
        self._facts = facts
        self._plausibility = plausibility
        self._threshold = threshold

    def proposal(self, attribute: str, category: str) -> Proposal | None:
        """A missing `applies_to`, when the embeddings find it plausible."""
        if self._plausibility is None:
            return None
        (probability,) = self._plausibility.probabilities([(attribute, "applies_to", category)])
        if probability is None or probability < self._threshold:
            return None
        return Proposal(attribute, "applies_to", category, probability)

    def applicable(self, value: Fact, category: str) -> bool:
        attribute = value.attribute
        return attribute is None or self._facts.applies(attribute, category) or bool(self.proposal(attribute, category))


def _fact(taxonomy: Taxonomy, id: str) -> Fact:
    above = tuple(taxonomy.ancestors(id))
    line = (id, *above)
    attribute = taxonomy.attribute_of(id)
    excluded = frozenset(other for one in line for other in taxonomy.out(one, "excludes"))
    unfit: Rule | None = None
    if any(taxonomy[one].status == "deprecated" for one in line):
        unfit = "deprecated"
    elif not excluded.isdisjoint(line):
        unfit = "excluded"
    choice = taxonomy[attribute].choice if attribute is not None else None
    return Fact(taxonomy[id], attribute, choice, above, frozenset(line), excluded, unfit)


def _applies(taxonomy: Taxonomy, attribute: str, category: str) -> bool:
    categories = taxonomy.out(attribute, "applies_to")
    return not categories or not {category, *taxonomy.ancestors(category)}.isdisjoint(categories)
