"""Neighbours of a concept with typed evidence: asserted, inferred, co-occurrence on items, embedding."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from graph.model import RELATION_TYPES, SYMMETRIC
from graph.taxonomy import Taxonomy
from kgtag.rows import EvidenceRow, NeighbourRow

if TYPE_CHECKING:
    from scipy import sparse

    from kgtag.embed.scorer import Scorer


class CoOccurrence:
    """Counts of concept pairs over items, a symmetric sparse matrix indexed like the snapshot."""

    def __init__(self, pairs: sparse.csr_array, counts: NDArray[np.int64], items: int) -> None:
        self._pairs = pairs
        self._counts = counts
        self.items = items

    @classmethod
    def of(cls, taxonomy: Taxonomy, tag_sets: Iterable[Iterable[str]]) -> CoOccurrence:
        """Count over the concepts of each item; unknown ones are skipped, redirects followed."""
        from scipy import sparse  # Commands that serve nothing start sooner without it.

        rows, columns, items = [], [], 0
        for tags in tag_sets:
            present = {taxonomy.index(taxonomy.resolve(tag)) for tag in tags if tag in taxonomy}
            rows += [items] * len(present)
            columns += sorted(present)
            items += 1
        ones = np.ones(len(rows), dtype=np.int64)
        carried = sparse.csr_array((ones, (rows, columns)), shape=(items, len(taxonomy)))
        pairs = sparse.csr_array(carried.T @ carried)
        counts = np.asarray(pairs.diagonal(), dtype=np.int64)
        pairs.setdiag(0)
        pairs.eliminate_zeros()
        return cls(pairs, counts, items)

    def count(self, i: int) -> int:
        """Items with concept `i`."""
        return int(self._counts[i])

    def partners(self, i: int, *, min_count: int = 2) -> list[tuple[int, int, float]]:
        """(concept index, items with both, score), best first, of pairs on `min_count` items or more. The score is
        normalised pointwise mutual information, in (0, 1]: 1 means never one without the other."""
        start, end = self._pairs.indptr[i], self._pairs.indptr[i + 1]
        others = self._pairs.indices[start:end]
        both = self._pairs.data[start:end].astype(np.float64)
        kept = both >= min_count
        others, both = others[kept], both[kept]
        if not len(others):
            return []
        lift = np.log(both * self.items / (self._counts[i] * self._counts[others]))
        # Two concepts on every item have no association, and a normaliser of 0.
        normaliser = -np.log(both / self.items)
        score = np.where(normaliser > 0, lift / np.where(normaliser > 0, normaliser, 1.0), 0.0)
        order = np.lexsort((others, -score))
        return [(int(others[k]), int(both[k]), float(min(score[k], 1.0))) for k in order if score[k] > 0]


EvidenceType = Literal["asserted", "inferred", "cooccurrence", "embedding"]
Direction = Literal["out", "in", "both"]
EVIDENCE_TYPES: tuple[EvidenceType, ...] = get_args(EvidenceType)

_STEP = 0.5
"""Factor for each further step of an inferred path."""
_SIBLINGS = 50
"""Most siblings that are evidence."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two concepts are neighbours. `score` in [0, 1]; `path` from end to end; `count` in items."""

    type: EvidenceType
    score: float
    path: tuple[str, ...] | None = None
    count: int | None = None

    def to_dict(self) -> EvidenceRow:
        """The row of a piece of evidence; fields that do not apply are left out."""
        row: EvidenceRow = {"type": self.type, "score": round(self.score, 6)}
        if self.path is not None:
            row["path"] = list(self.path)
        if self.count is not None:
            row["count"] = self.count
        return row


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A related concept. `score` in [0, 1] is the noisy-or of the evidence: 1 - Π(1 - score)."""

    concept: str
    label: str
    relation: str
    direction: Direction
    score: float
    evidence: tuple[Evidence, ...]

    def to_dict(self) -> NeighbourRow:
        """The row of a neighbour."""
        return {
            "concept": self.concept,
            "label": self.label,
            "relation": self.relation,
            "direction": self.direction,
            "score": round(self.score, 6),
            "evidence": [piece.to_dict() for piece in self.evidence],
        }


class Recommender:
    """Finds neighbours in one snapshot; every part but the taxonomy may be missing."""

    def __init__(
        self, taxonomy: Taxonomy, *, cooccurrence: CoOccurrence | None = None, similarity: Scorer | None = None
    ) -> None:
        self.taxonomy = taxonomy
        self._cooccurrence = cooccurrence
        self._similarity = similarity

    def neighbours(
        self,
        concept: str,
        *,
        relation: str | None = None,
        evidence: Collection[EvidenceType] = EVIDENCE_TYPES,
        limit: int = 20,
        lang: str | None = None,
    ) -> list[Neighbour]:
        """Neighbours best first, one row for each (concept, relation, direction). Raises UnknownConcept."""
        found: dict[tuple[str, str, Direction], list[Evidence]] = defaultdict(list)
        for other, name, direction, piece in self._evidence(concept, evidence, limit):
            if relation in (None, name):
                found[other, name, direction].append(piece)
        ranked = nsmallest(limit, ((-_noisy_or(pieces), key) for key, pieces in found.items()))
        return [
            Neighbour(key[0], self.taxonomy[key[0]].label(lang), key[1], key[2], -score, tuple(found[key]))
            for score, key in ranked
        ]

    def recommend(
        self, concepts: Sequence[str], *, limit: int = 20, lang: str | None = None, kind: str | None = None
    ) -> list[Neighbour]:
        """Concepts related to all of `concepts` together, none of which is among them or broader than one of them."""
        given = {self.taxonomy.ids[self.taxonomy.index(id)] for id in concepts}
        known = given | {ancestor for id in given for ancestor in self.taxonomy.ancestors(id)}
        pieces: dict[str, list[Evidence]] = defaultdict(list)
        for id in sorted(given):
            for row in self.neighbours(id, limit=10 * limit):
                excluded = row.relation in ("excludes", "replaced_by") or any(
                    self.taxonomy.excluded(row.concept, other) for other in given
                )
                if row.concept not in known and not excluded and kind in (None, self.taxonomy[row.concept].kind):
                    pieces[row.concept] += row.evidence
        rows = [
            Neighbour(id, self.taxonomy[id].label(lang), "recommended", "out", _noisy_or(why), tuple(why))
            for id, why in pieces.items()
        ]
        rows.sort(key=lambda row: (-row.score, row.concept))
        return rows[:limit]

    def _evidence(
        self, concept: str, wanted: Collection[EvidenceType], limit: int
    ) -> Iterator[tuple[str, str, Direction, Evidence]]:
        self.taxonomy.index(concept)
        if "asserted" in wanted:
            yield from self._asserted(concept)
        if "inferred" in wanted:
            yield from self._inferred(concept)
        if "cooccurrence" in wanted and self._cooccurrence is not None:
            line = {*self.taxonomy.ancestors(concept), *self.taxonomy.descendants(concept)}
            for j, count, score in self._cooccurrence.partners(self.taxonomy.index(concept)):
                other = self.taxonomy.ids[j]
                if other not in line:  # Items always have the ancestors of their tags.
                    yield other, "occurs_with", "both", Evidence("cooccurrence", score, count=count)
        if "embedding" in wanted and self._similarity is not None and concept in self._similarity:
            for other, cosine in self._similarity.neighbours(concept, limit):
                if other in self.taxonomy and cosine > 0:
                    yield other, "similar", "both", Evidence("embedding", min(cosine, 1.0))

    def _asserted(self, concept: str) -> Iterator[tuple[str, str, Direction, Evidence]]:
        for relation in RELATION_TYPES:
            forward: Direction = "both" if relation in SYMMETRIC else "out"
            for other in self.taxonomy.out(concept, relation):
                yield other, relation, forward, Evidence("asserted", 1.0)
            if relation not in SYMMETRIC:
                for other in self.taxonomy.into(concept, relation):
                    yield other, relation, "in", Evidence("asserted", 1.0)

    def _inferred(self, concept: str) -> Iterator[tuple[str, str, Direction, Evidence]]:
        taxonomy = self.taxonomy
        parents = taxonomy.out(concept, "broader")
        line = taxonomy.path(concept)[::-1]
        for distance, ancestor in enumerate(line[2:], start=1):
            if ancestor not in parents:
                path = tuple(line[: distance + 2])
                yield ancestor, "broader", "out", Evidence("inferred", _STEP**distance, path=path)
        for attribute, category in self._inherited(concept):
            yield attribute, "applies_to", "in", Evidence("inferred", _STEP, path=(attribute, category, concept))
        for parent in parents:
            siblings = taxonomy.into(parent, "broader")
            if len(siblings) <= _SIBLINGS:
                for sibling in siblings:
                    if sibling != concept:
                        yield sibling, "sibling", "both", Evidence("inferred", _STEP, path=(concept, parent, sibling))

    def _inherited(self, category: str) -> Iterator[tuple[str, str]]:
        """(attribute, nearest broader category with it asserted) of inherited attributes."""
        asserted = set(self.taxonomy.into(category, "applies_to"))
        ancestors = sorted(self.taxonomy.ancestors(category), key=lambda id: (-self.taxonomy.depth(id), id))
        for ancestor in ancestors:
            for attribute in self.taxonomy.into(ancestor, "applies_to"):
                if attribute not in asserted:
                    asserted.add(attribute)
                    yield attribute, ancestor


def _noisy_or(pieces: Sequence[Evidence]) -> float:
    return 1 - math.prod(1 - piece.score for piece in pieces)
