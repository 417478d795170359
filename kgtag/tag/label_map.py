"""An extractor's names as concepts, through redirects; and the category of a product, from its names and the title."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from graph.errors import ModelMismatch
from graph.taxonomy import Taxonomy, find_concept, require_concept
from kgtag.extract.lexicon import SURE
from kgtag.tag.reading import Reading
from kgtag.types import CandidateTag, Extraction, Method, Product, Rule, Span


class LabelMap:
    """Maps the names of one model to concepts of one snapshot."""

    def __init__(self, taxonomy: Taxonomy, attributes: Mapping[str, str], categories: Mapping[str, str]) -> None:
        self._taxonomy = taxonomy
        self._attributes = attributes
        self._categories = categories
        self._names = {concept: name for name, concept in sorted(categories.items(), reverse=True)}

    @classmethod
    def of(
        cls, taxonomy: Taxonomy, *, attributes: Iterable[str], categories: Iterable[str], recorded: Mapping[str, str]
    ) -> LabelMap:
        """Bind by the ids `recorded` at training (name → concept id), else by label. Raises ModelMismatch when a
        recorded concept is gone without a redirect, or no attribute is known at all."""
        lost = sorted({id for id in recorded.values() if id not in taxonomy})
        if lost:
            shown = ", ".join(lost[:5]) + (" …" if len(lost) > 5 else "")
            raise ModelMismatch(
                f"the model was trained on concepts that this taxonomy lacks ({len(lost)}: {shown}); open the store it "
                "was trained on, redirect the concepts (replaced_by), or train again: kgtag train extractor --store …"
            )
        names = sorted(attributes)
        bound = {name: id for name in names if (id := find_concept(taxonomy, name, "attribute", recorded)) is not None}
        if names and not bound:
            raise ModelMismatch(
                f"none of the model's {len(names)} attributes ({', '.join(names[:5])} …) is an attribute of this "
                "taxonomy; import one that has them (kgtag import annotated FILE) or train on this one"
            )
        found = {name: id for name in sorted(categories) if (id := find_concept(taxonomy, name, "category", recorded))}
        return cls(taxonomy, bound, found)

    def attribute(self, name: str) -> str | None:
        """The attribute concept, or None where the taxonomy lacks it."""
        return self._attributes.get(name)

    def category(self, name: str) -> str | None:
        """The category concept of a name the model was trained on."""
        return self._categories.get(name)

    def given_category(self, value: str) -> str:
        """The category a product names, by id or label; raises UnknownConcept, naming the nearest ones."""
        return self._categories.get(value) or require_concept(self._taxonomy, value, "category")

    def category_name(self, concept: str | None) -> str | None:
        """The model's name for a category: its own in training, its nearest trained ancestor's, or its label."""
        if concept is None:
            return None
        line = [concept, *sorted(self._taxonomy.ancestors(concept), key=lambda id: -self._taxonomy.depth(id))]
        return next((self._names[id] for id in line if id in self._names), self._taxonomy[concept].label("en"))


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

    def candidates(self, product: Product, extraction: Extraction, reading: Reading) -> tuple[CandidateTag, ...]:
        """Candidates, most probable first; their probabilities sum to 1 at most. The category that a product names, by
        its concept id, is the only candidate. Then the categories whose names mean something else, with the rule."""
        if product.category is not None:
            return (CandidateTag(product.category, 1.0, "given"),)
        guessed: dict[str, float] = defaultdict(float)
        for name, probability in extraction.categories:
            if (guess := self._label_map.category(name)) is not None:
                guessed[guess] += probability
        named = {one.concept: one.span for one in reading.categories if one.rule is None and one.head}
        weights = self._weights(guessed, named, reading.denied)
        total = sum(weights.values()) + max(0.0, 1 - sum(guessed.values()))
        if not guessed and reading.foreign:
            total *= 2
        found: list[CandidateTag] = []
        for concept, weight in weights.items():
            if weight / total >= _FLOOR:
                span, score = named.get(concept), guessed.get(concept)
                method: Method = "exact" if span else "predicted"
                surface = product.cut(span) if span else None
                found.append(CandidateTag(concept, weight / total, method, span, surface, extract_score=score))
        denied = [
            CandidateTag(one.concept, SURE, "exact", one.span, product.cut(one.span), rule=one.rule)
            for one in reading.categories
            if one.rule is not None and one.concept not in named
        ]
        return (*sorted(found, key=lambda c: (-c.probability, c.concept)), *denied)

    def _weights(
        self, guessed: dict[str, float], named: Mapping[str, Span], denied: Mapping[str, Rule]
    ) -> dict[str, float]:
        """Prior times likelihood; a broader category's name counts for everything below it. A category that the title
        names for something else is as much less likely."""
        unseen = [concept for concept in named if concept not in guessed]
        rest = _UNSEEN + 0.5 * max(0.0, 1 - sum(guessed.values()))
        prior = guessed | {concept: rest / len(unseen) for concept in unseen}
        return {
            concept: p * (_NAMED if self._is_named(named, concept) else 1 / _NAMED if concept in denied else 1.0)
            for concept, p in prior.items()
        }

    def _is_named(self, named: Mapping[str, Span], concept: str) -> bool:
        return any(name == concept or self._taxonomy.is_ancestor(name, concept) for name in named)
