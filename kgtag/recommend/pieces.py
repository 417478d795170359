"""Evidence for the neighbours of a concept: from relations, the hierarchy, items and labels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from graph.model import RELATION_TYPES, SYMMETRIC
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence
from kgtag.recommend.evidence import UNLIKE, Direction, Evidence, Piece
from kgtag.recommend.rankers import Floats
from kgtag.recommend.side import grams

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

_STEP = 0.7
"""Factor for each further step of an inferred path."""
_SIBLINGS = 300
"""Siblings that are compared at most."""
_ALIKE = 0.3
"""Least cosine of what two concepts of one kind occur with."""
_NEAR = 0.6
"""Least cosine of text vectors."""
_EVERYTHING = 0.9
"""Share of the items from which a concept says nothing."""
_MANY = 20
"""Items without which they do not tell what stands above everything."""
COVERED = 0.6
"""A concept is left out for a narrower one with this share of its items, or score."""
_CACHED = 5_000
"""Concepts whose evidence is kept."""


class Pieces:
    """Collects evidence in one snapshot, once for each concept.

    Args:
        taxonomy: The snapshot.
        counted: Concepts on items, None without items.
        scorer: Embeddings, whose text vectors compare labels; without them, characters do.
    """

    def __init__(self, taxonomy: Taxonomy, counted: CoOccurrence | None, scorer: Scorer | None) -> None:
        self.taxonomy = taxonomy
        self._cooccurrence = counted
        self._cache: dict[str, list[Piece]] = {}
        self._everything: dict[str, bool] = {}
        self._texts = None if scorer is None else scorer.texts
        self._similarity = scorer

    def __contains__(self, concept: object) -> bool:
        return concept in self._cache

    def of(self, concept: str) -> list[Piece]:
        """All pieces for a concept. Raises UnknownConcept."""
        found = self._cache.get(concept)
        if found is None:
            found = list(self._collect(concept))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[concept] = found
        return found

    def _collect(self, concept: str) -> Iterator[Piece]:
        taxonomy = self.taxonomy
        i = taxonomy.index(concept)
        line = {*taxonomy.ancestors(concept), *taxonomy.descendants(concept)}
        yield from self._asserted(concept)
        counted = self._cooccurrence
        alike = counted.alike(i) if counted is not None and counted.count(i) else None
        yield from self._inferred(concept, alike)
        if counted is not None and alike is not None:
            yield from self._occurring(concept, i, line)
            yield from self._alike(concept, alike, line)
        if self._texts is not None:
            yield from self._near(concept, line)

    def _asserted(self, concept: str) -> Iterator[Piece]:
        whole = Evidence("asserted", 1.0)
        for relation in RELATION_TYPES:
            forward: Direction = "both" if relation in SYMMETRIC else "out"
            for other in self.taxonomy.out(concept, relation):
                yield other, relation, forward, 0.05 if relation in UNLIKE else 1.0, whole
            if relation not in SYMMETRIC:
                for other in self.taxonomy.into(concept, relation):
                    score = 0.75 + 0.2 * self._usage(concept, other) if relation != "replaced_by" else 0.05
                    yield other, relation, "in", score, whole

    def _usage(self, concept: str, other: str) -> float:
        """In [0, 1]: the share of the concept's items with the other one; how alike the labels are without items."""
        index, counted = self.taxonomy.index, self._cooccurrence
        if counted is None or not counted.count(index(concept)):
            return 0.5 * self.label_similarity(concept, other)
        return counted.together(index(concept)).get(index(other), 0) / counted.count(index(concept))

    def _inferred(self, concept: str, alike: Floats | None) -> Iterator[Piece]:
        taxonomy = self.taxonomy
        parents = taxonomy.out(concept, "broader")
        line = taxonomy.path(concept)[::-1]
        for distance, ancestor in enumerate(line[2:], start=1):
            if ancestor not in parents:
                score = _STEP**distance
                yield ancestor, "broader", "out", score, Evidence("inferred", score, path=tuple(line[: distance + 2]))
        for attribute, category in self._inherited(concept):
            yield attribute, "applies_to", "in", _STEP, Evidence("inferred", _STEP, path=(attribute, category, concept))
        attribute_of = taxonomy.attribute_of(concept)
        families = [(parent, taxonomy.into(parent, "broader")) for parent in parents]
        if attribute_of is not None and not parents:
            tops = [id for id in taxonomy.values_of(attribute_of) if not taxonomy.out(id, "broader")]
            families.append((attribute_of, tops))
        for parent, members in families:
            for sibling in members[:_SIBLINGS]:
                if sibling != concept:
                    score = 0.35 + 0.55 * self._nearness(concept, sibling, alike)
                    yield (
                        sibling,
                        "sibling",
                        "both",
                        score,
                        Evidence("inferred", score, path=(concept, parent, sibling)),
                    )

    def _nearness(self, concept: str, sibling: str, alike: Floats | None) -> float:
        """In [0, 1]: by what they occur with where both have items, else by their labels."""
        counted, j = self._cooccurrence, self.taxonomy.index(sibling)
        if (
            counted is not None
            and alike is not None
            and min(counted.count(self.taxonomy.index(concept)), counted.count(j)) > 2
        ):
            return min(float(alike[j]), 1.0)
        return 0.5 * self.label_similarity(concept, sibling)

    def _inherited(self, category: str) -> Iterator[tuple[str, str]]:
        """(attribute, nearest broader category with it asserted) of inherited attributes."""
        asserted = set(self.taxonomy.into(category, "applies_to"))
        ancestors = sorted(self.taxonomy.ancestors(category), key=lambda id: (-self.taxonomy.depth(id), id))
        for ancestor in ancestors:
            for attribute in self.taxonomy.into(ancestor, "applies_to"):
                if attribute not in asserted:
                    asserted.add(attribute)
                    yield attribute, ancestor

    def is_everything(self, concept: str) -> bool:
        """Whether it stands above nearly all items, or above most concepts of its kind."""
        if concept not in self._everything:
            self._everything[concept] = self._is_on_most(concept) or self._is_over_most(concept)
        return self._everything[concept]

    def _is_on_most(self, concept: str) -> bool:
        counted = self._cooccurrence
        if counted is None or counted.items < _MANY:
            return False
        return counted.count(self.taxonomy.index(concept)) >= _EVERYTHING * counted.items

    def _is_over_most(self, concept: str) -> bool:
        below = self.taxonomy.descendants(concept) if not self.taxonomy.out(concept, "broader") else ()
        same = int(np.count_nonzero(self.taxonomy.columns.kind.where(self.taxonomy[concept].kind)))
        return len(below) > same / 2

    def _occurring(self, concept: str, i: int, line: set[str]) -> Iterator[Piece]:
        assert self._cooccurrence is not None
        taxonomy = self.taxonomy
        mine = taxonomy.attribute_of(concept)
        found = [(taxonomy.ids[partner.j], partner) for partner in self._cooccurrence.partners(i)]
        # Items have the ancestors of their tags, and values of one attribute are alternatives.
        found = [(o, p) for o, p in found if o not in line and (mine is None or taxonomy.attribute_of(o) != mine)]
        covered: dict[str, int] = {}
        for other, partner in found:
            for above in taxonomy.ancestors(other):
                covered[above] = max(covered.get(above, 0), partner.both)
        for other, partner in found:
            if covered.get(other, 0) < COVERED * partner.both:
                score = min(1.0, partner.score**0.5)
                yield (
                    other,
                    "occurs_with",
                    "both",
                    score,
                    Evidence("cooccurrence", score, count=partner.both, of=partner.of),
                )

    def _alike(self, concept: str, alike: Floats, line: set[str]) -> Iterator[Piece]:
        """Concepts of the same kind, and attribute, that occur with the same."""
        taxonomy = self.taxonomy
        kind, attribute = taxonomy[concept].kind, taxonomy.attribute_of(concept)
        for j in np.flatnonzero(alike >= _ALIKE).tolist():
            other = taxonomy.ids[j]
            if (
                other == concept
                or other in line
                or taxonomy[other].kind != kind
                or taxonomy.attribute_of(other) != attribute
            ):
                continue
            score = min(float(alike[j]), 1.0)
            yield other, "similar", "both", 0.9 * score, Evidence("cooccurrence", score)

    def _near(self, concept: str, line: set[str]) -> Iterator[Piece]:
        """Concepts of the same kind, and attribute, whose labels mean something near by their text vectors."""
        scorer, taxonomy = self._similarity, self.taxonomy
        if scorer is None or self._texts is None or (row := scorer.find(concept)) < 0:
            return
        cosine = np.asarray(self._texts) @ np.asarray(self._texts[row])
        kind, attribute = taxonomy[concept].kind, taxonomy.attribute_of(concept)
        for j in np.flatnonzero(cosine > _NEAR).tolist():
            other = scorer.entities[j]
            if other == concept or other in line or other not in taxonomy:
                continue
            if taxonomy[other].kind == kind and taxonomy.attribute_of(other) == attribute:
                score = min(float(cosine[j]), 1.0)
                yield other, "similar", "both", 0.9 * score, Evidence("embedding", score)

    def label_similarity(self, a: str, b: str) -> float:
        """In [0, 1]: cosine of text vectors, else of the characters of labels in a language that both have."""
        scorer = self._similarity
        if scorer is not None and self._texts is not None:
            i, j = scorer.find(a), scorer.find(b)
            if min(i, j) >= 0:
                return max(0.0, float(np.dot(self._texts[i], self._texts[j])))
        first, second = self.taxonomy[a].pref_label, self.taxonomy[b].pref_label
        return max((_characters(first[lang], second[lang]) for lang in first if lang in second), default=0.0)


@lru_cache(50_000)
def _grams_of(label: str) -> frozenset[str]:
    return frozenset(grams(label))


def _characters(a: str, b: str) -> float:
    """Cosine of the characters in threes to fives, and words."""
    first, second = _grams_of(a), _grams_of(b)
    if not first or not second:
        return 0.0
    return len(first & second) / float((len(first) * len(second)) ** 0.5)
