"""Neighbours of a concept, each once with its evidence, and what goes with a set of concepts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence, has_one_value
from kgtag.recommend.evidence import (
    EVIDENCE_TYPES,
    UNLIKE,
    EvidenceType,
    Group,
    Neighbour,
    Piece,
    calibrated,
    group_of,
    joined,
    rank,
    strength,
)
from kgtag.recommend.pieces import COVERED, Pieces

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

_MAY_SAY_NOTHING = UNLIKE | {"occurs_with", "broader"}
_QUICK = 0.5
_FIT = 0.1
"""Least score of a concept that fits a set."""


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
        self._pieces = Pieces(taxonomy, self._cooccurrence, similarity)

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
        start: int = 0,
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
            start: Rows that come before the first one returned.
            lang: Language of the labels.
        """
        i, concepts = self.taxonomy.index(concept), self.taxonomy.concepts
        attributes = concepts[i].kind == "attribute" or kind == "attribute" or group == "facets" or relation is not None
        found = self._found(i, relation, set(evidence), kind, attributes)
        if group is not None:
            found = {j: pieces for j, pieces in found.items() if group_of(min(pieces, key=rank)[1]) == group}
        best = [(calibrated(-negative), j) for negative, j in _best_first(found)]
        if least:
            best = [one for one in best if one[0] >= least]
        best = best[start : start + limit]
        return [joined(found[j], concepts[j].id, concepts[j].label(lang), score) for score, j in best]

    def _found(
        self, i: int, relation: str | None, evidence: Collection[str], kind: Kind | None, attributes: bool
    ) -> dict[int, list[Piece]]:
        """The pieces for concept number `i` that pass the filters, by neighbour."""
        concepts, found = self.taxonomy.concepts, dict[int, list[Piece]]()
        for piece in self._pieces.of(i):
            j, type = piece[0], piece[1]
            if piece[4][0] not in evidence or relation not in (None, type):
                continue
            if relation is None and type in _MAY_SAY_NOTHING and self._says_nothing(piece):
                continue
            other = concepts[j]
            if (other.kind == "attribute" and not attributes) or kind not in (None, other.kind):
                continue
            if other.status != "deprecated" or type == "replaced_by":
                found.setdefault(j, []).append(piece)
        return found

    def _says_nothing(self, piece: Piece) -> bool:
        """Whether it is left out unless its relation is asked for: what must not go together, and what is above all."""
        other, relation, direction = piece[:3]
        above = relation == "occurs_with" or (relation == "broader" and direction == "out")
        unlike = relation in UNLIKE and (relation, direction) != ("replaced_by", "out")
        return unlike or (above and self._pieces.is_everything(other))

    def is_quick(self, concept: str) -> bool:
        """Whether the concept is known and its neighbours are found well within a millisecond."""
        return concept in self.taxonomy and self._pieces.milliseconds(self.taxonomy.index(concept)) < _QUICK

    def warm(self) -> None:
        """Learn what goes with sets now, not at the first recommendation."""
        if self._cooccurrence is not None:
            self._cooccurrence.fitting(())

    def prepare(self, concepts: Sequence[str]) -> None:
        """Compare the embeddings of several known concepts at once, which is faster, for `neighbours` of each."""
        self._pieces.prepare([self.taxonomy.index(id) for id in concepts])

    def recommend(
        self, concepts: Sequence[str], *, limit: int = 20, lang: str | None = None, kind: Kind | None = None
    ) -> list[Neighbour]:
        """Concepts that go with all of `concepts` together, best first.

        None is among them, broader than one of them, excluded by one, or another value of a single-choice attribute
        that they have a value of; attributes only for `kind="attribute"`. Without items, neighbours of each count.
        Raises UnknownConcept.
        """
        taxonomy, counted = self.taxonomy, self._cooccurrence
        all_above, kind_of = taxonomy.derived.hierarchy.above, taxonomy.concepts
        given = list(dict.fromkeys(taxonomy.index(taxonomy.resolve(id)) for id in concepts if taxonomy.index(id) >= 0))
        above = {j for i in given for j in all_above(i)}
        known = above.union(given)
        found: dict[int, list[Piece]] = {}
        for piece in self._fitting(sorted(known), 20 * limit):
            found.setdefault(piece[0], []).append(piece)
        asked = [i for i in given if i not in above]
        # Items tell what goes with a whole set; without them, or without a category, neighbours of each do.
        categories = [i for i in asked if kind_of[i].kind == "category"]
        if categories and counted is not None and kind != "attribute":
            asked = categories
        for i in asked:
            near = self._found(i, None, EVIDENCE_TYPES, kind, kind == "attribute" or kind_of[i].kind == "attribute")
            for negative, j in _best_first(near)[: 10 * limit]:
                _, relation, direction, _, _ = min(near[j], key=rank)
                if group_of(relation) != "taxonomy" or direction == "in":
                    rows = found.setdefault(j, [])
                    score = min(max((row[3] for row in rows), default=0.0) - 0.5 * negative / len(asked), 1.0)
                    rows += [(j, relation, direction, score, piece[4]) for piece in sorted(near[j], key=rank)]
        rules = _Rules(taxonomy, [taxonomy.ids[i] for i in given], counted)
        best = {
            j: max(row[3] for row in rows)
            for j, rows in found.items()
            if j not in known and rules.allow(taxonomy.ids[j], kind) and not self._pieces.is_everything(j)
        }
        broad = {a: best[j] for j in sorted(best, key=lambda j: best[j]) for a in all_above(j)}
        ranked = [j for j in sorted(best, key=lambda j: (-best[j], j)) if broad.get(j, 0.0) < COVERED * best[j]]
        return [joined(found[j], taxonomy.ids[j], kind_of[j].label(lang), strength(found[j])) for j in ranked[:limit]]

    def _fitting(self, known: Sequence[int], most: int) -> Iterator[Piece]:
        """Concepts on items like the given ones; categories only where none is given, since an item has one."""
        counted, taxonomy = self._cooccurrence, self.taxonomy
        if counted is None:
            return
        sorted_in = any(taxonomy.concepts[i].kind == "category" for i in known)
        fits = counted.fitting(known)
        for j in np.argsort(-fits, kind="stable")[:most].tolist():
            score = min(float(fits[j]), 1.0)
            if score < _FIT:
                return
            if not (sorted_in and taxonomy.concepts[j].kind == "category"):
                best, count, of = counted.support(known, j)
                if count:
                    path = taxonomy.ids[best], taxonomy.ids[j]
                    yield j, "occurs_with", "both", score, ("cooccurrence", score, path, count, of)


def _best_first(found: Mapping[int, Sequence[Piece]]) -> list[tuple[float, int]]:
    """(minus the score, neighbour), ascending; numbers are in the order of the ids."""
    return sorted((-strength(pieces), j) for j, pieces in found.items())


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
