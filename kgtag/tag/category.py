"""Category prediction from the extractor's probabilities and the labels found in the title."""

from __future__ import annotations

from collections import defaultdict

from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import LabelFinder
from kgtag.tag.label_map import LabelMap
from kgtag.types import CandidateTag, Extraction, Method, Product, Span

_NAMED = 50.0
"""How much likelier a category is for being named in the title. On the sample's training titles the right category is
named in 72 of 100, any given other one in 0.2 of 100; the ratio is cut down because wrong names are near misses."""
_UNSEEN = 0.02
"""Prior of the categories that the extractor was not trained on, together, when it is sure of another one."""
_FLOOR = 0.01
"""Categories less probable than this are noise, not candidates."""


class CategoryPredictor:
    """Bayes' rule over the extractor's probabilities and the names found in the title."""

    def __init__(self, taxonomy: Taxonomy, label_map: LabelMap) -> None:
        self._taxonomy = taxonomy
        self._label_map = label_map
        self._titles = LabelFinder(taxonomy, "category")

    def candidates(self, product: Product, extraction: Extraction) -> tuple[CandidateTag, ...]:
        """Candidates, most probable first; their probabilities sum to 1 at most.

        The category that a product names, by its concept id, is the only candidate.
        """
        if product.category is not None:
            return (CandidateTag(product.category, 1.0, "given"),)
        title = product.title
        guessed: dict[str, float] = defaultdict(float)
        for name, probability in extraction.categories:
            concept = self._label_map.category(name)
            if concept is not None:
                guessed[concept] += probability
        named = {concept: span for span, concepts in self._titles.find(title) for concept in concepts}
        weights = self._weights(guessed, named)
        total = sum(weights.values()) + max(0.0, 1 - sum(guessed.values()))
        found = [
            self._candidate(concept, weight / total, guessed.get(concept), named.get(concept), title)
            for concept, weight in weights.items()
            if weight / total >= _FLOOR
        ]
        return tuple(sorted(found, key=lambda c: (-c.probability, c.concept)))

    def _weights(self, guessed: dict[str, float], named: dict[str, Span]) -> dict[str, float]:
        """Prior times likelihood; a broader category's name counts for everything below it."""
        unseen = [concept for concept in named if concept not in guessed]
        rest = _UNSEEN + 0.5 * max(0.0, 1 - sum(guessed.values()))
        prior = guessed | {concept: rest / len(unseen) for concept in unseen}
        return {concept: p * (_NAMED if self._is_named(named, concept) else 1.0) for concept, p in prior.items()}

    def _is_named(self, named: dict[str, Span], concept: str) -> bool:
        return any(name == concept or self._taxonomy.is_ancestor(name, concept) for name in named)

    def _candidate(
        self, concept: str, probability: float, guess: float | None, span: Span | None, title: str
    ) -> CandidateTag:
        surface = title[span.start : span.end] if span else None
        method: Method = "exact" if span else "predicted"
        return CandidateTag(concept, probability, method, span, surface, extract_score=guess)
