"""Neighbours of a concept, each once, with typed evidence: asserted, inferred, co-occurrence on items, embedding."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from graph.model import RELATION_TYPES, SYMMETRIC, Kind
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence, has_one_value
from kgtag.recommend.rankers import Floats
from kgtag.recommend.side import grams
from kgtag.rows import EvidenceRow, NeighbourRow

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

EvidenceType = Literal["asserted", "inferred", "cooccurrence", "embedding"]
Direction = Literal["out", "in", "both"]
Group = Literal["taxonomy", "facets", "goes_with", "like_it"]
EVIDENCE_TYPES: tuple[EvidenceType, ...] = get_args(EvidenceType)
GROUPS: tuple[Group, ...] = get_args(Group)

_GROUP: dict[str, Group] = {
    "broader": "taxonomy", "value_of": "facets", "applies_to": "facets", "occurs_with": "goes_with",
    "related": "goes_with", "sibling": "like_it", "similar": "like_it", "recommended": "goes_with",
}  # fmt: skip
_STEP = 0.7
"""Factor for each further step of an inferred path."""
_SIBLINGS = 300
"""Siblings that are compared at most."""
_ALIKE = 0.3
"""Least cosine of what two concepts of one kind occur with."""
_EVERYTHING = 0.9
"""Share of the items from which a concept says nothing."""
_MANY = 20
"""Items without which the hierarchy tells what stands above everything."""
_COVERED = 0.6
"""A concept is left out for a narrower one with this share of its items, or score."""
_FIT = 0.1
_CACHED = 5_000
"""Concepts whose evidence is kept."""
_UNLIKE: frozenset[str] = frozenset({"excludes", "replaced_by"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two concepts are neighbours.

    Args:
        type: Where it comes from.
        score: In [0, 1].
        path: Ids from end to end.
        count: Items with both.
        of: Items with the concept asked about.
    """

    type: EvidenceType
    score: float
    path: tuple[str, ...] | None = None
    count: int | None = None
    of: int | None = None

    def to_dict(self) -> EvidenceRow:
        """The row of a piece of evidence; fields that do not apply are left out."""
        row: EvidenceRow = {"type": self.type, "score": round(self.score, 6)}
        if self.path is not None:
            row["path"] = list(self.path)
        if self.count is not None:
            row["count"] = self.count
        if self.of is not None:
            row["of"] = self.of
        return row


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A related concept. `relation` is that of the strongest evidence; `score` in [0, 1] compares between lists."""

    concept: str
    label: str
    relation: str
    direction: Direction
    score: float
    evidence: tuple[Evidence, ...]

    @property
    def group(self) -> Group:
        """What it is good for: "taxonomy", "facets", "goes_with" or "like_it" (instead)."""
        return _GROUP.get(self.relation, "like_it")

    @property
    def support(self) -> str | None:
        """Such as "15 of 42 items"; None without items."""
        for piece in self.evidence:
            if piece.count is not None and piece.of is not None:
                return f"{piece.count} of {piece.of} items"
        return None

    def to_dict(self) -> NeighbourRow:
        """The row of a neighbour."""
        row: NeighbourRow = {
            "concept": self.concept,
            "label": self.label,
            "relation": self.relation,
            "direction": self.direction,
            "group": self.group,
            "score": round(self.score, 6),
            "evidence": [piece.to_dict() for piece in self.evidence],
        }
        if self.support is not None:
            row["support"] = self.support
        return row


Piece = tuple[str, str, Direction, float, Evidence]
"""Concept, relation, direction, score of the neighbour by this piece alone, and the piece."""


class Recommender:
    """Finds neighbours in one snapshot; every part but the taxonomy may be missing.

    Args:
        taxonomy: The snapshot.
        cooccurrence: Concepts on items.
        similarity: Embeddings, whose text vectors compare labels; without them, characters do.
    """

    def __init__(
        self, taxonomy: Taxonomy, *, cooccurrence: CoOccurrence | None = None, similarity: Scorer | None = None
    ) -> None:
        self.taxonomy = taxonomy
        self._cooccurrence = cooccurrence if cooccurrence is not None and cooccurrence.items else None
        self._cache: dict[str, list[Piece]] = {}
        self._texts = None if similarity is None else getattr(similarity, "texts", None)
        self._similarity = similarity

    def neighbours(
        self,
        concept: str,
        *,
        relation: str | None = None,
        evidence: Collection[EvidenceType] = EVIDENCE_TYPES,
        kind: Kind | None = None,
        group: Group | None = None,
        least: float = 0.0,
        limit: int = 20,
        lang: str | None = None,
    ) -> list[Neighbour]:
        """Neighbours best first, each concept once. Raises UnknownConcept.

        Args:
            concept: The id.
            relation: Only this one: a relation type, or "sibling", "occurs_with", "similar".
            evidence: Only pieces of these types.
            kind: Only concepts of this kind. Attributes are left out unless they are asked for by kind, relation or
                group, or the concept is one itself.
            group: Only "taxonomy", "facets", "goes_with" or "like_it".
            least: The least score.
            limit: Rows at most.
            lang: Language of the labels.
        """
        taxonomy = self.taxonomy
        asked = (
            taxonomy[concept].kind == "attribute" or kind == "attribute" or group == "facets" or relation is not None
        )
        found: dict[str, list[Piece]] = {}
        for piece in self._all_pieces(concept):
            if piece[4].type not in evidence or (relation is None and self._says_nothing(piece)):
                continue
            other = taxonomy[piece[0]]
            if (
                relation not in (None, piece[1])
                or (other.kind == "attribute" and not asked)
                or kind not in (None, other.kind)
            ):
                continue
            if other.status != "deprecated" or piece[1] == "replaced_by":
                found.setdefault(piece[0], []).append(piece)
        rows = [_joined(pieces, taxonomy[id].label(lang)) for id, pieces in found.items()]
        rows = [row for row in rows if row.score >= least and group in (None, row.group)]
        rows.sort(key=lambda row: (-row.score, row.concept))
        return rows[:limit]

    def _says_nothing(self, piece: Piece) -> bool:
        """Whether it is left out unless its relation is asked for: what must not go together, and what is above all."""
        other, relation, direction = piece[:3]
        return relation in _UNLIKE or (relation == "broader" and direction == "out" and self._is_everything(other))

    def is_cached(self, concept: str) -> bool:
        """Whether the evidence for the concept has been collected."""
        return concept in self._cache

    def _all_pieces(self, concept: str) -> list[Piece]:
        found = self._cache.get(concept)
        if found is None:
            found = list(self._pieces(concept))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[concept] = found
        return found

    def _pieces(self, concept: str) -> Iterator[Piece]:
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
                yield other, relation, forward, 0.05 if relation in _UNLIKE else 1.0, whole
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

    def _is_everything(self, ancestor: str) -> bool:
        """Whether it stands above (nearly) all items, or is the only top concept of its kind."""
        counted, i = self._cooccurrence, self.taxonomy.index(ancestor)
        if counted is not None and counted.items >= _MANY:
            return counted.count(i) >= _EVERYTHING * counted.items
        return (
            not self.taxonomy.out(ancestor, "broader")
            and len(self.taxonomy.descendants(ancestor)) > len(self.taxonomy) / 2
        )

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
            if covered.get(other, 0) < _COVERED * partner.both:
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
        for j in np.flatnonzero(cosine > 0.6).tolist():
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

    def recommend(
        self, concepts: Sequence[str], *, limit: int = 20, lang: str | None = None, kind: Kind | None = None
    ) -> list[Neighbour]:
        """Concepts that go with all of `concepts` together, best first.

        None is among them, broader than one of them, excluded by one, or another value of a single-choice attribute
        that they have a value of; attributes only for `kind="attribute"`. Without items, neighbours of each count.
        Raises UnknownConcept.
        """
        taxonomy = self.taxonomy
        given = list(dict.fromkeys(taxonomy.resolve(id) for id in concepts if taxonomy.index(id) >= 0))
        above = {ancestor for id in given for ancestor in taxonomy.ancestors(id)}
        known = above.union(given)
        found: dict[str, list[tuple[float, Evidence]]] = {}
        for id, score, piece in self._fitting(sorted(known), 20 * limit):
            found.setdefault(id, []).append((score, piece))
        asked = [id for id in given if id not in above]
        # Items tell what goes with a whole set; without them, or without a category, neighbours of each do.
        categories = [id for id in asked if taxonomy[id].kind == "category"]
        if categories and self._cooccurrence is not None and kind != "attribute":
            asked = categories
        for id in asked:
            for row in self.neighbours(id, kind=kind, limit=10 * limit):
                if row.group != "taxonomy" or row.direction == "in":
                    share = 0.5 * row.score / len(asked)
                    score = share + max((score for score, _ in found.get(row.concept, ())), default=0.0)
                    found.setdefault(row.concept, []).extend((min(score, 1.0), piece) for piece in row.evidence)
        rules = _Rules(taxonomy, given, self._cooccurrence)
        best = {
            id: max(score for score, _ in why)
            for id, why in found.items()
            if id not in known and rules.allow(id, kind) and not self._is_everything(id)
        }
        broad = {a: best[id] for id in sorted(best, key=lambda id: best[id]) for a in taxonomy.ancestors(id)}
        ranked = sorted(best, key=lambda id: (-best[id], id))
        ranked = [id for id in ranked if broad.get(id, 0.0) < _COVERED * best[id]]
        return [
            Neighbour(
                id,
                taxonomy[id].label(lang),
                "recommended",
                "out",
                best[id],
                tuple(dict.fromkeys(piece for _, piece in sorted(found[id], key=lambda pair: -pair[0]))),
            )
            for id in ranked[:limit]
        ]

    def _fitting(self, known: Sequence[str], most: int) -> Iterator[tuple[str, float, Evidence]]:
        """Concepts on items like the given ones; categories only where none is given, since an item has one."""
        counted, taxonomy = self._cooccurrence, self.taxonomy
        if counted is None:
            return
        numbers = [taxonomy.index(id) for id in known]
        sorted_in = any(taxonomy[id].kind == "category" for id in known)
        fits = counted.fitting(numbers)
        for j in np.argsort(-fits, kind="stable")[:most].tolist():
            score, id = min(float(fits[j]), 1.0), taxonomy.ids[j]
            if score < _FIT:
                return
            if not (sorted_in and taxonomy[id].kind == "category"):
                best, count, of = counted.support(numbers, j)
                if count:
                    yield id, score, Evidence("cooccurrence", score, (taxonomy.ids[best], id), count, of)


class _Rules:
    """What may be recommended beside the given concepts."""

    def __init__(self, taxonomy: Taxonomy, given: Sequence[str], counted: CoOccurrence | None) -> None:
        self._taxonomy, self._given = taxonomy, given
        attributes = {attribute for id in given if (attribute := taxonomy.attribute_of(id)) is not None}
        self._taken = {id for id in attributes if has_one_value(taxonomy, id, counted)}
        categories = [id for id in given if taxonomy[id].kind == "category"]
        self._applying = {id for category in categories for id in taxonomy.attributes_for(category)}

    def allow(self, id: str, kind: Kind | None) -> bool:
        concept, attribute = self._taxonomy[id], self._taxonomy.attribute_of(id)
        if concept.status == "deprecated" or kind not in (None, concept.kind):
            return False
        if concept.kind == "attribute" and kind is None:
            return False
        if attribute is not None and (attribute in self._taken or (self._applying and attribute not in self._applying)):
            return False
        return not any(self._taxonomy.excluded(id, other) for other in self._given)


def _joined(pieces: Sequence[Piece], label: str) -> Neighbour:
    """One row of all pieces about a concept: asserted relations name it, else the strongest piece."""

    def rank(piece: Piece) -> tuple[int, float]:
        asserted = piece[4].type == "asserted" or piece[1] == "broader"
        return (0 if asserted else 1, -piece[3])

    first = min(pieces, key=rank)
    score = max(piece[3] for piece in pieces) if first[1] not in _UNLIKE else first[3]
    why = tuple(dict.fromkeys(piece[4] for piece in sorted(pieces, key=rank)))
    return Neighbour(first[0], label, first[1], first[2], score, why)


@lru_cache(50_000)
def _grams_of(label: str) -> frozenset[str]:
    return frozenset(grams(label))


def _characters(a: str, b: str) -> float:
    """Cosine of the characters in threes to fives, and words."""
    first, second = _grams_of(a), _grams_of(b)
    if not first or not second:
        return 0.0
    return len(first & second) / float((len(first) * len(second)) ** 0.5)
