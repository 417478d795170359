"""Whether a value may stand on an item of a category."""

from __future__ import annotations

from typing import Literal

from graph.taxonomy import Taxonomy
from kgtag.types import Plausibility, Proposal

Verdict = Literal["applicable", "plausible", "not_applicable"]


class Applicability:
    """Answers for one taxonomy: asserted, inherited, or plausible enough to be proposed."""

    def __init__(self, taxonomy: Taxonomy, plausibility: Plausibility | None, *, threshold: float) -> None:
        self._taxonomy = taxonomy
        self._plausibility = plausibility
        self._threshold = threshold

    def asserted(self, attribute: str, category: str) -> bool:
        """Asserted on the category or anything broader. An attribute that applies nowhere is not restricted at all."""
        categories = self._taxonomy.out(attribute, "applies_to")
        return not categories or any(
            category == asserted or self._taxonomy.is_ancestor(asserted, category) for asserted in categories
        )

    def proposal(self, attribute: str, category: str) -> Proposal | None:
        """The missing `applies_to`, when the embeddings find it plausible."""
        if self._plausibility is None:
            return None
        (probability,) = self._plausibility.probabilities([(attribute, "applies_to", category)])
        if probability is None or probability < self._threshold:
            return None
        return Proposal(attribute, "applies_to", category, probability)

    def verdict(self, value: str, category: str) -> Verdict:
        attribute = self._taxonomy.attribute_of(value)
        if attribute is None or self.asserted(attribute, category):
            return "applicable"
        return "plausible" if self.proposal(attribute, category) else "not_applicable"
