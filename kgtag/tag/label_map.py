"""An extractor's names as concepts, through redirects; and the category of a product, from its names and the title."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from graph.errors import ModelMismatch
from graph.taxonomy import Taxonomy, find_concept, require_concept
from kgtag.extract.categories import UNASKED, CategoryHead
from kgtag.extract.lexicon import SURE
from kgtag.tag.reading import Reading
from kgtag.types import CandidateTag, Extraction, Method, Product


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


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


_BESIDE = 0.8
"""What the name of a category counts for that is not the head of the title."""


class TitleNames:
    """What a title says of categories."""

    def __init__(self, taxonomy: Taxonomy, reading: Reading) -> None:
        self._taxonomy = taxonomy
        self._denied = reading.denied
        self.meant = [one for one in reading.categories if one.rule is None]
        self.own = _share(reading.own)
        self.own_odds = reading.own

    def says(self, concept: str) -> float:
        """1 where the head of the title is the category or broader, less for other names, -1 where it says no ("polish
        for boots"), which holds for what is narrower too."""
        if concept in self._denied:
            return -1.0
        heads = [one.head for one in self.meant if names_category(self._taxonomy, [one.concept], concept)]
        if heads:
            return 1.0 if any(heads) else _BESIDE
        return -1.0 if names_category(self._taxonomy, self._denied, concept) else 0.0


def names_category(taxonomy: Taxonomy, named: Iterable[str], concept: str) -> bool:
    """Whether one of the named categories is the concept or broader."""
    return any(name == concept or taxonomy.is_ancestor(name, concept) for name in named)


_NAMED = math.log(50.0)
"""How much likelier a category is for being named in the title, where training did not measure it. On the sample's
training titles the right category is named in 72 of 100, any given other one in 0.2 of 100; the ratio is cut down
because wrong names are near misses."""
_ALONE = 0.963
"""How often the only category that a title of the shop's own goods names is right, where it was not trained."""
_SUREST = 0.9
"""The most that guesses count for where the head of the title names a category that was not trained."""
_FLOOR = 0.01
"""Categories less probable than this are noise, not candidates."""


class CategoryPredictor:
    """Bayes' rule over the probabilities of trained categories and the names found in the title.

    `head`: the linear model that gave the probabilities, which says what names are worth.
    """

    def __init__(self, taxonomy: Taxonomy, label_map: LabelMap, *, head: CategoryHead | None = None) -> None:
        self._label_map = label_map
        self._taxonomy = taxonomy
        self._named = head.head.named if head is not None else _NAMED
        self._known = head.familiar[2] if head is not None else _NAMED
        self._kindred = head.kindred if head is not None else UNASKED

    def candidates(self, product: Product, extraction: Extraction, reading: Reading) -> tuple[CandidateTag, ...]:
        """Candidates, most probable first; their probabilities sum to 1 at most. The category that a product names, by
        its concept id, is the only candidate. Then the categories whose names mean something else, with the rule."""
        if product.category is not None:
            return (CandidateTag(product.category, 1.0, "given"),)
        guessed: dict[str, float] = defaultdict(float)
        for name, probability in extraction.categories:
            if (guess := self._label_map.category(name)) is not None:
                guessed[guess] += probability
        names = TitleNames(self._taxonomy, reading)
        named = {one.concept: one.span for one in names.meant}
        found: list[CandidateTag] = []
        for concept, probability in self._probabilities(guessed, names).items():
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

    def _probabilities(self, guessed: Mapping[str, float], names: TitleNames) -> dict[str, float]:
        """Names shift the probabilities among trained categories, and that of none of them. What a title denies is more
        likely none of them than another. A trained category that is not among the guesses is an unlikely one, not an
        unseen one: those that the title names share in what the guesses leave over."""
        left = max(0.0, 1 - sum(guessed.values()))
        trained_ones = self._label_map.trained if guessed else ()
        missing = [one.concept for one in names.meant if one.concept in trained_ones and one.concept not in guessed]
        trained = dict(guessed) | dict.fromkeys(missing, 0.5 * left / max(len(missing), 1))
        says = {one: names.says(one) for one in trained}
        weights = {one: p * math.exp(self._named * says[one]) for one, p in trained.items()}
        sure = sum(p if says[one] >= 0 else weights[one] for one, p in trained.items())
        sure = min(max(sure, 1e-9), 1 - 1e-9)
        untrained = self._untrained(names, trained)
        others = [one for one in untrained if not (self._below(one, trained) or self._above(one, trained))]
        if others:  # What was not trained cannot be guessed, however sure the guess of another.
            sure, says = min(sure, _SUREST), {one: weight for one, weight in says.items() if weight != _BESIDE}
        odds = math.log(sure / (1 - sure))
        odds += names.own * (self._known * max((0.0, *says.values())) - _NAMED * bool(others))
        by_odds, by_reading, one = self._kindred
        known = _share(odds) * _share(by_odds * odds + by_reading * names.own_odds + one)
        total = sum(weights.values()) or 1.0
        found = {one: known * weight / total for one, weight in weights.items()}
        found |= dict.fromkeys(others, _ALONE * names.own * (1 - known) / max(len(others), 1))
        for concept in untrained:
            # A narrower name than a guess says the same more precisely.
            if above := self._above(concept, trained):
                found[concept] = _ALONE * sum(found[one] for one in above)
                found |= {one: found[one] * (1 - _ALONE) for one in above}
            # A broader name than the guesses is what these are not sure of by themselves, where that is most.
            if below := self._below(concept, trained):
                doubt = 1 - sum(trained[one] for one in below)
                doubt = doubt if doubt > 0.5 else 0.0
                found[concept] = doubt * sum(found[one] for one in below)
                found |= {one: found[one] * (1 - doubt) for one in below}
        return found

    def _untrained(self, names: TitleNames, trained: Collection[str]) -> list[str]:
        """Those that the head of the title names."""
        return [one.concept for one in names.meant if one.head and one.concept not in trained]

    def _above(self, concept: str, trained: Collection[str]) -> list[str]:
        return [one for one in trained if self._taxonomy.is_ancestor(one, concept)]

    def _below(self, concept: str, trained: Collection[str]) -> list[str]:
        return [one for one in trained if self._taxonomy.is_ancestor(concept, one)]
