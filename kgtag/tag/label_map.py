"""An extractor's names as concepts, through redirects; and the category of a product, from its names and the title."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from graph.errors import ModelMismatch
from graph.taxonomy import Taxonomy, find_concept, require_concept
from kgtag.extract.categories import CategoryHead
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
        """The attribute concept of a name, or of its own id; None where the taxonomy lacks it."""
        return self._attributes.get(name) or (name if name in self._taxonomy else None)

    def category(self, name: str) -> str | None:
        """The category concept of a name the model was trained on."""
        return self._categories.get(name)

    @property
    def trained(self) -> Collection[str]:
        """The category concepts that the model was trained on."""
        return self._names.keys()

    def given_category(self, value: str) -> str:
        """The category a product names, by id or label; raises UnknownConcept, naming the nearest ones."""
        return self._categories.get(value) or require_concept(self._taxonomy, value, "category")

    def category_name(self, concept: str | None) -> str | None:
        """The model's name for a category: its own in training, its nearest trained ancestor's, or its label."""
        if concept is None:
            return None
        line = [concept, *sorted(self._taxonomy.ancestors(concept), key=lambda id: -self._taxonomy.depth(id))]
        return next((self._names[id] for id in line if id in self._names), self._taxonomy[concept].label("en"))


def names_category(taxonomy: Taxonomy, named: Iterable[str], concept: str) -> bool:
    """Whether one of the named categories is the concept or broader."""
    return any(name == concept or taxonomy.is_ancestor(name, concept) for name in named)


_NAMED = 50.0
"""How much likelier a category is for being named in the title, where training did not measure it. On the sample's
training titles the right category is named in 72 of 100, any given other one in 0.2 of 100; the ratio is cut down
because wrong names are near misses."""
_UNSEEN = 0.02
"""Prior of the categories that were not trained, together, when the extractor is sure of a trained one."""
_STRANGER = 50.0
"""How much likelier an unseen category is for being the only one that the title names, with none trained below it."""
_FLOOR = 0.01
"""Categories less probable than this are noise, not candidates."""


class CategoryPredictor:
    """Bayes' rule over the probabilities of trained categories and the names found in the title.

    `head`: the linear model that gave the probabilities, which says what names are worth; without one, the extractor's
    likeliest categories are taken as they are.
    """

    def __init__(self, taxonomy: Taxonomy, label_map: LabelMap, *, head: CategoryHead | None = None) -> None:
        self._label_map = label_map
        self._taxonomy = taxonomy
        self._head = head

    def candidates(self, product: Product, extraction: Extraction, reading: Reading) -> tuple[CandidateTag, ...]:
        """Candidates, most probable first; their probabilities sum to 1 at most. The category that a product names, by
        its concept id, is the only candidate. Then the categories whose names mean something else, with the rule."""
        if product.category is not None:
            return (CandidateTag(product.category, 1.0, "given"),)
        guessed: dict[str, float] = defaultdict(float)
        for name, probability in extraction.categories:
            if (guess := self._label_map.category(name)) is not None:
                guessed[guess] += probability
        # With nothing but names, the head of the title decides; a trained model has read the whole of it.
        meant = [one for one in reading.categories if one.rule is None and (one.head or guessed)]
        named = {one.concept: one.span for one in meant}
        found: list[CandidateTag] = []
        for concept, probability in self._probabilities(guessed, named, reading).items():
            if probability >= _FLOOR:
                span, score = named.get(concept), guessed.get(concept)
                method: Method = "exact" if span else "predicted"
                surface = product.cut(span) if span else None
                found.append(CandidateTag(concept, probability, method, span, surface, extract_score=score))
        denied = [
            CandidateTag(one.concept, SURE, "exact", one.span, product.cut(one.span), rule=one.rule)
            for one in reading.categories
            if one.rule is not None and one.concept not in named
        ]
        return (*sorted(found, key=lambda c: (-c.probability, c.concept)), *denied)

    def _probabilities(
        self, guessed: Mapping[str, float], named: Mapping[str, Span], reading: Reading
    ) -> dict[str, float]:
        """Prior times likelihood. A trained category that is not among the guesses is an unlikely one, not an unseen
        one: those that the title names share in what the guesses leave over. A category that the title names for
        something else is as much less likely as a name makes one likelier."""
        left = max(0.0, 1 - sum(guessed.values()))
        known = self._label_map.trained if guessed else ()
        missing = [one for one in named if one not in guessed and one in known]
        unseen = [one for one in named if one not in guessed and one not in known]
        trained = dict(guessed) | dict.fromkeys(missing, 0.5 * left / max(len(missing), 1))
        if self._head is not None and trained:
            return self._by_head(trained, unseen, named, reading)
        prior = trained | {one: (_UNSEEN + 0.5 * left) / len(unseen) for one in unseen}
        worth = {one: self._worth(one, named, reading.denied, math.log(_NAMED)) for one in prior}
        weights = {one: p * math.exp(worth[one]) for one, p in prior.items()}
        total = sum(weights.values()) + left
        if not guessed and reading.foreign:
            total *= 2
        return {one: weight / total for one, weight in weights.items()}

    def _worth(self, concept: str, named: Mapping[str, Span], denied: Mapping[str, Rule], most: float) -> float:
        """What the names in the title add to the log-odds of a category, at most."""
        if names_category(self._taxonomy, named, concept):
            return most
        return -most if concept in denied else 0.0

    def _by_head(
        self, trained: Mapping[str, float], unseen: Sequence[str], named: Mapping[str, Span], reading: Reading
    ) -> dict[str, float]:
        """Names shift the probabilities among trained categories, and that of none of them: unseen categories that the
        title names are as much likelier for it as any."""
        assert self._head is not None
        worth = {one: self._worth(one, named, reading.denied, self._head.head.named) for one in trained}
        weights = {one: p * math.exp(worth[one]) for one, p in trained.items()}
        sure = min(max(sum(trained.values()), 1e-9), 1 - 1e-9)
        odds = math.log(sure / (1 - sure)) + self._head.familiar[2] * any(one > 0 for one in worth.values())
        known, total = 1 / (1 + math.exp(-odds)), sum(weights.values())
        strangers = [
            one for one in unseen if not any(names_category(self._taxonomy, [one], other) for other in trained)
        ]
        named_alone = strangers and not reading.foreign and all(one <= 0 for one in worth.values())
        rest = (1 - known) * (_STRANGER if named_alone else 1.0)
        known, rest = known / (known + rest), rest / (known + rest) / max(len(unseen), 1)
        return {one: known * weight / total for one, weight in weights.items()} | dict.fromkeys(unseen, rest)
