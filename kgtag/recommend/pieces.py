"""Evidence for the neighbours of a concept: from relations, the hierarchy, items and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.columns.hierarchy import Csr
from graph.model import RELATION_TYPES, SYMMETRIC
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence
from kgtag.recommend.evidence import UNLIKE, Direction, Piece, Reason
from kgtag.recommend.labels import LabelSimilarity
from kgtag.recommend.rankers import Floats

if TYPE_CHECKING:
    from kgtag.embed.scorer import Scorer

_STEP = 0.7
"""Factor for each further step of an inferred path."""
_SIBLINGS = 300
"""Siblings that are compared at most."""
_SIBLING, _FAMILY, _ALIKENESS = 0.35, 12, 0.55
"""Strength of a sibling in a family of up to so many, less in larger ones, and what being near adds at most."""
_FEW = 2
"""Items that do not tell what a concept occurs with."""
_LIKE = 0.06
"""How near a value of an attribute with more values than that must be."""
_ALIKE = 0.3
"""Least cosine of what two concepts of one kind occur with."""
_EVERYTHING = 0.9
"""Share of the items from which a concept says nothing."""
_MANY = 20
"""Items without which they do not tell what stands above everything."""
COVERED = 0.6
"""A concept is left out for a narrower one with this share of its items, or score."""
_CACHED = 500
"""Concepts whose evidence is kept."""
_EDGE, _CELL = 5e-3, 2e-6
"""Milliseconds for a relation, and for a number of a matrix that is read whole."""
_ASSERTED: Reason = ("asserted", 1.0, None, None, None)


class Pieces:
    """Collects evidence in one snapshot, by the numbers of its concepts.

    Args:
        taxonomy: The snapshot.
        counted: Concepts on items, None without items.
        scorer: Embeddings, whose text vectors compare labels; without them, characters do.
    """

    def __init__(self, taxonomy: Taxonomy, counted: CoOccurrence | None, scorer: Scorer | None) -> None:
        self.taxonomy = taxonomy
        self.labels = LabelSimilarity(taxonomy, scorer)
        self._cooccurrence = counted
        self._cache: dict[int, list[Piece]] = {}
        self._everything: dict[int, bool] = {}
        both = ((type, taxonomy.adjacency(type), taxonomy.adjacency(type, forward=False)) for type in RELATION_TYPES)
        self._relations = [one for one in both if len(one[1].targets)]
        self._values = taxonomy.adjacency("value_of", forward=False)
        self._applies = taxonomy.adjacency("applies_to", forward=False)
        self._attribute = _first_targets(taxonomy.adjacency("value_of"))
        cells = self.labels.cells + (counted.cells if counted is not None else 0)
        self._each = _CELL * cells

    def of(self, i: int) -> list[Piece]:
        """All pieces for concept number `i`."""
        found = self._cache.get(i)
        if found is None:
            found = list(self._collect(i))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[i] = found
        return found

    def prepare(self, concepts: Sequence[int]) -> None:
        """Do at once what is faster for several concepts, for `of` each."""
        self.labels.prepare([i for i in concepts if i not in self._cache])

    def milliseconds(self, i: int) -> float:
        """About how long `of` takes."""
        if i in self._cache:
            return 0.0
        broader, narrower, edges = self.taxonomy.broader, self.taxonomy.narrower, 0
        for _, forward, backward in self._relations:
            edges += forward.first[i + 1] - forward.first[i] + backward.first[i + 1] - backward.first[i]
        edges += sum(narrower.first[j + 1] - narrower.first[j] for j in broader.row(i))
        return self._each + _EDGE * edges

    def _collect(self, i: int) -> Iterator[Piece]:
        counted = self._cooccurrence
        alike = counted.alike(i) if counted is not None and counted.count(i) else None
        yield from self._asserted(i)
        yield from self._inferred(i, alike)
        near, cosines = self.labels.near(i)
        if alike is None and not near:
            return
        hierarchy = self.taxonomy.derived.hierarchy
        line = {i, *hierarchy.above(i), *hierarchy.below(i)}
        if counted is not None and alike is not None:
            yield from self._occurring(i, line)
            close = np.flatnonzero(alike >= _ALIKE)
            for j, score in self._same_kind(i, close.tolist(), np.minimum(alike[close], 1.0).tolist(), line):
                yield j, "similar", "both", 0.9 * score, ("cooccurrence", score, None, None, None)
        for j, score in self._same_kind(i, near, cosines, line):
            yield j, "similar", "both", 0.9 * score, ("embedding", score, None, None, None)

    def _asserted(self, i: int) -> Iterator[Piece]:
        for relation, leaving, arriving in self._relations:
            score = 0.05 if relation == "excludes" else 1.0
            forward: Direction = "both" if relation in SYMMETRIC else "out"
            for j in leaving.row(i):
                yield j, relation, forward, score, _ASSERTED
            if relation not in SYMMETRIC and (others := arriving.row(i)):
                usage = self._usage(i, relation, others) if relation not in UNLIKE else ()
                for j, share in zip(others, usage, strict=False):
                    yield j, relation, "in", 0.75 + 0.2 * share, _ASSERTED
                if not usage:
                    yield from ((j, relation, "in", 0.05, _ASSERTED) for j in others)

    def _usage(self, i: int, relation: str, others: Sequence[int]) -> Sequence[float]:
        """In [0, 1]: the share of the concept's items with another; how alike the labels are without items."""
        counted = self._cooccurrence
        if counted is not None and (own := counted.count(i)):
            together = counted.together(i)
            return [together.get(j, 0) / own for j in others]
        if relation != "broader":
            return [0.5 * one for one in self.labels.of(i, others)]
        found = self.labels.family(i, others)[0, 1:].tolist()
        return [0.5 * one for one in found + self.labels.of(i, others[len(found) :])]

    def _inferred(self, i: int, alike: Floats | None) -> Iterator[Piece]:
        taxonomy, ids = self.taxonomy, self.taxonomy.ids
        parents = taxonomy.broader.row(i)
        line = taxonomy.path(ids[i])[::-1]
        for distance, ancestor in enumerate(line[2:], start=1):
            if (j := taxonomy.index(ancestor)) not in parents:
                score = _STEP**distance
                yield j, "broader", "out", score, ("inferred", score, tuple(line[: distance + 2]), None, None)
        for j, category in self._inherited(i):
            yield j, "applies_to", "in", _STEP, ("inferred", _STEP, (ids[j], ids[category], ids[i]), None, None)
        families = [(parent, taxonomy.narrower.row(parent)) for parent in parents]
        if not parents and (attribute := int(self._attribute[i])) >= 0:
            families.append((attribute, [j for j in self._values.row(attribute) if not taxonomy.broader.row(j)]))
        for above, members in families:
            path = ids[i], ids[above]
            # An attribute such as "feature" has values that are nothing like each other.
            least = _LIKE if len(members) > _FAMILY and not parents else 0.0
            usual = _SIBLING * min(1.0, (_FAMILY / len(members)) ** 0.5)
            near, strengths = self._near_siblings(i, above, members[:_SIBLINGS], usual, alike)
            for j, one, score in zip(members, near, strengths, strict=False):
                if one >= least and j != i:
                    yield j, "sibling", "both", score, ("inferred", score, (*path, ids[j]), None, None)

    def _near_siblings(
        self, i: int, above: int, members: Sequence[int], usual: float, alike: Floats | None
    ) -> tuple[list[float], list[float]]:
        """How near each is, in [0, 1], by what both occur with where both have items, else by their labels; and the
        strengths, `usual` of those that are not near at all: of many siblings, fewer have anything in common."""
        family, counted = self.labels.family(above, members), self._cooccurrence
        if i in members:
            labels = family[members.index(i) + 1, 1:]
        else:
            labels = np.array(self.labels.of(i, members), dtype=np.float32)
        near = 0.5 * labels
        if counted is None or alike is None or counted.count(i) <= _FEW:
            return near.tolist(), (usual + _ALIKENESS * near).tolist()
        both = counted.counts[members] > _FEW
        near = np.where(both, np.minimum(alike[members], 1.0), near)
        return near.tolist(), (np.where(both, _SIBLING, usual) + _ALIKENESS * near).tolist()

    def _inherited(self, i: int) -> Iterator[tuple[int, int]]:
        """(attribute, nearest broader category with it asserted) of inherited attributes."""
        if not len(self._applies.targets):
            return
        taxonomy = self.taxonomy
        asserted = set(self._applies.row(i))
        above = taxonomy.derived.hierarchy.above(i)
        for ancestor in sorted(above, key=lambda j: (-int(taxonomy.depths[j]), j)):
            for attribute in self._applies.row(ancestor):
                if attribute not in asserted:
                    asserted.add(attribute)
                    yield attribute, ancestor

    def is_everything(self, i: int) -> bool:
        """Whether it stands above nearly all items, or above most concepts of its kind."""
        if i not in self._everything:
            self._everything[i] = self._is_on_most(i) or self._is_over_most(i)
        return self._everything[i]

    def _is_on_most(self, i: int) -> bool:
        counted = self._cooccurrence
        return counted is not None and counted.items >= _MANY and counted.count(i) >= _EVERYTHING * counted.items

    def _is_over_most(self, i: int) -> bool:
        taxonomy, kind = self.taxonomy, self.taxonomy.columns.kind
        if taxonomy.broader.row(i):
            return False
        below = len(taxonomy.derived.hierarchy.below(i))
        return below > int(np.count_nonzero(kind.codes == kind.codes[i])) / 2

    def _occurring(self, i: int, line: set[int]) -> Iterator[Piece]:
        assert self._cooccurrence is not None
        hierarchy, mine = self.taxonomy.derived.hierarchy, self._attribute[i]
        # Items have the ancestors of their tags, and values of one attribute are alternatives.
        partners = [p for p in self._cooccurrence.partners(i) if p.j not in line]
        if mine >= 0:
            partners = [p for p in partners if self._attribute[p.j] != mine]
        covered: dict[int, int] = {}
        for partner in partners:
            for above in hierarchy.above(partner.j):
                covered[above] = max(covered.get(above, 0), partner.both)
        for j, both, of, gain in partners:
            if covered.get(j, 0) < COVERED * both:
                score = min(1.0, gain**0.5)
                yield j, "occurs_with", "both", score, ("cooccurrence", score, None, both, of)

    def _same_kind(
        self, i: int, others: Sequence[int], scores: Sequence[float], line: set[int]
    ) -> Iterator[tuple[int, float]]:
        """Those of the same kind, and attribute, neither above nor below."""
        kinds, attributes = self.taxonomy.columns.kind.codes, self._attribute
        kind, attribute = kinds[i], attributes[i]
        for j, score in zip(others, scores, strict=True):
            if j not in line and kinds[j] == kind and attributes[j] == attribute:
                yield j, score


def _first_targets(rows: Csr) -> NDArray[np.int32]:
    """(n,) the first target of each row, -1 without one."""
    found = np.full(len(rows), -1, dtype=np.int32)
    having = np.flatnonzero(np.diff(rows.starts))
    found[having] = rows.targets[rows.starts[having]]
    return found
