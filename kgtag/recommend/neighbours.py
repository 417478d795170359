"""Neighbours of a concept, each once with its evidence, and what goes with a set of concepts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence, has_one_value
from kgtag.recommend.evidence import EVIDENCE_TYPES, UNLIKE, Evidence, EvidenceType, Group, Neighbour, Piece, joined
from kgtag.recommend.pieces import COVERED, Pieces

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

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
        for piece in self._pieces.of(concept):
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
        rows = [joined(pieces, taxonomy[id].label(lang)) for id, pieces in found.items()]
        rows = [row for row in rows if row.score >= least and group in (None, row.group)]
        rows.sort(key=lambda row: (-row.score, row.concept))
        return rows[:limit]

    def _says_nothing(self, piece: Piece) -> bool:
        """Whether it is left out unless its relation is asked for: what must not go together, and what is above all."""
        other, relation, direction = piece[:3]
        above = relation == "occurs_with" or (relation == "broader" and direction == "out")
        return relation in UNLIKE or (above and self._pieces.is_everything(other))

    def is_cached(self, concept: str) -> bool:
        """Whether the evidence for the concept has been collected."""
        return concept in self._pieces

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
        found: dict[str, list[Piece]] = {}
        for piece in self._fitting(sorted(known), 20 * limit):
            found.setdefault(piece[0], []).append(piece)
        asked = [id for id in given if id not in above]
        # Items tell what goes with a whole set; without them, or without a category, neighbours of each do.
        categories = [id for id in asked if taxonomy[id].kind == "category"]
        if categories and self._cooccurrence is not None and kind != "attribute":
            asked = categories
        for id in asked:
            for row in self.neighbours(id, kind=kind, limit=10 * limit):
                if row.group != "taxonomy" or row.direction == "in":
                    share = 0.5 * row.score / len(asked)
                    score = min(share + max((piece[3] for piece in found.get(row.concept, ())), default=0.0), 1.0)
                    rows = found.setdefault(row.concept, [])
                    rows += [(row.concept, row.relation, row.direction, score, why) for why in row.evidence]
        rules = _Rules(taxonomy, given, self._cooccurrence)
        best = {
            id: max(piece[3] for piece in pieces)
            for id, pieces in found.items()
            if id not in known and rules.allow(id, kind) and not self._pieces.is_everything(id)
        }
        broad = {a: best[id] for id in sorted(best, key=lambda id: best[id]) for a in taxonomy.ancestors(id)}
        ranked = sorted(best, key=lambda id: (-best[id], id))
        ranked = [id for id in ranked if broad.get(id, 0.0) < COVERED * best[id]]
        return [joined(found[id], taxonomy[id].label(lang)) for id in ranked[:limit]]

    def _fitting(self, known: Sequence[str], most: int) -> Iterator[Piece]:
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
                    why = Evidence("cooccurrence", score, (taxonomy.ids[best], id), count, of)
                    yield id, "occurs_with", "both", score, why


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
