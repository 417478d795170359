"""Whether a value may stand on an item of a category."""

from __future__ import annotations

from typing import Literal

from kgtag.enforce.facts import Fact, Facts
from kgtag.types import Plausibility, Proposal

Verdict = Literal["applicable", "plausible", "not_applicable"]


class Applicability:
    """Answers for one taxonomy: asserted, inherited, or plausible enough to be proposed."""

    def __init__(self, facts: Facts, plausibility: Plausibility | None, *, threshold: float) -> None:
        self._facts = facts
        self._plausibility = plausibility
        self._threshold = threshold

    def proposal(self, attribute: str, category: str) -> Proposal | None:
        """The missing `applies_to`, when the embeddings find it plausible."""
        if self._plausibility is None:
            return None
        (probability,) = self._plausibility.probabilities([(attribute, "applies_to", category)])
        if probability is None or probability < self._threshold:
            return None
        return Proposal(attribute, "applies_to", category, probability)

    def verdict(self, value: Fact, category: str) -> Verdict:
        if value.attribute is None or self._facts.asserted(value.attribute, category):
            return "applicable"
        return "plausible" if self.proposal(value.attribute, category) else "not_applicable"
