"""The attributes and values that a new concept is likely to have: those that concepts like it have, or it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from graph.taxonomy import Taxonomy
from kgtag.discover.place.families import Floats
from kgtag.discover.place.placer import NewConcept, Place, Placer
from kgtag.recommend import CoOccurrence

_SPREAD = 0.1
"""Difference in similarity that makes a vote e times as heavy."""
_LINE = 0.5
"""What all of a line in common counts for, beside a cosine of labels."""
_PLACED = 0.15
"""Probability of the best place from which on anything but what is named is suggested."""
_LEAST_SHARE, _LEAST_ITEMS = 0.05, 2
"""Share of a category's items, and their number, from which on a value stands on it."""


@dataclass(frozen=True, slots=True)
class Likely:
    """An attribute or a value, and the share of the votes of similar concepts that it has, 0 to 1; 1 where the label
    names it."""

    concept: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """A row of `kgtag place`."""
        return {"concept": self.concept, "score": round(self.score, 4)}


class LikelyTags:
    """Predicts the attributes and values of new concepts.

    Each leaf of the placer's concepts votes for what it has, the more the more alike its label is and the more of its
    line it shares with the likely places. Both constants are the best of four and of three on the sample's categories
    and on public ones (`benchmarks/new_category.py`).

    Args:
        placer: Places the new concepts.
        counted: Concepts on items; without it there are no values but those that are named.
        named: The values that a label names: "cashmere" of "Cashmere scarves".
        least, most: The least score, and how many values at most.

    Example:
        >>> likely = LikelyTags(placer)  # doctest: +SKIP
        >>> places = placer.place([NewConcept("Trail gaiters")])  # doctest: +SKIP
        >>> [one.concept for one in likely.attributes([NewConcept("Trail gaiters")], places)[0]]  # doctest: +SKIP
        ['color', 'material', 'size']
    """

    def __init__(
        self,
        placer: Placer,
        *,
        counted: CoOccurrence | None = None,
        named: Callable[[str], Collection[str]] = lambda _: (),
        least: float = 0.2,
        most: int = 20,
    ) -> None:
        self._least, self._most, self._named = least, most, named
        self._placer, taxonomy = placer, placer.taxonomy
        self._leaves = np.flatnonzero(placer.families.sizes[:, 2])
        families = placer.families
        own = sparse.identity(len(families), format="csr", dtype=np.float32)
        self._lines = (families.above + own).tocsr()
        ids = [placer.ids[leaf] for leaf in self._leaves]
        self._attributes = _Votes([set(taxonomy.attributes_for(id)) for id in ids])
        self._values = _Votes([_standing(taxonomy, id, counted) if counted is not None else set() for id in ids])

    def attributes(self, asked: Sequence[NewConcept], places: Sequence[Sequence[Place]]) -> list[list[Likely]]:
        """For each concept, with its places, its likely attributes, best first, ties by id."""
        return self._attributes.winners(self._weights(asked, places), self._least)

    def values(self, asked: Sequence[NewConcept], places: Sequence[Sequence[Place]]) -> list[list[Likely]]:
        """For each concept, values that its label names or that stand on items of concepts like it, best first, ties by
        id."""
        return self._with_named(asked, self._values.winners(self._weights(asked, places), self._least))

    def _with_named(self, asked: Sequence[NewConcept], voted: Sequence[Sequence[Likely]]) -> list[list[Likely]]:
        """Named values first, and no other value of an attribute that has one choice."""
        taxonomy, found = self._placer.taxonomy, []
        for one, own in zip(asked, voted, strict=True):
            named = sorted(set(self._named(one.label)))
            homes = {home for id in named if (home := taxonomy.attribute_of(id)) is not None}
            chosen = {home for home in homes if taxonomy[home].choice == "single"}
            rest = [a for a in own if a.concept not in named and taxonomy.attribute_of(a.concept) not in chosen]
            found.append([*(Likely(id, 1.0) for id in named), *rest][: self._most])
        return found

    def rows(self, asked: Sequence[NewConcept], places: Sequence[Sequence[Place]]) -> list[dict[str, Any]]:
        """`attributes` and `values` of each concept, ready for JSON, without the attributes that its first place gives
        anyway; left out where nothing is known of either."""
        weights = self._weights(asked, places)
        attributes_for = self._placer.taxonomy.attributes_for
        # Where nothing is alike, what is likely is anyone's guess: what is named is left.
        placed = [bool(at) and at[0].probability >= _PLACED for at in places]
        attributes, voted = (
            [own if one else [] for own, one in zip(votes.winners(weights, self._least), placed, strict=True)]
            for votes in (self._attributes, self._values)
        )
        values = self._with_named(asked, voted)
        found: list[dict[str, Any]] = [{} for _ in asked]
        for row, own, other, at in zip(found, attributes, values, places, strict=True):
            given = set(attributes_for(at[0].broader)) if at else set()
            if self._attributes.ids:
                row["attributes"] = [one.to_dict() for one in own if one.concept not in given][: self._most]
            if self._values.ids or other:
                row["values"] = [one.to_dict() for one in other]
        return found

    def _weights(self, asked: Sequence[NewConcept], places: Sequence[Sequence[Place]]) -> Floats:
        """(m, leaves) float32; each row sums to 1."""
        alike = self._placer.similarities(asked)[:, self._leaves]
        at = {id: number for number, id in enumerate(self._placer.ids)}
        expected = np.zeros((len(asked), len(at)), dtype=np.float32)
        for row, found in zip(expected, places, strict=True):
            for place in found:
                row[at[place.broader]] += place.probability
        lines = expected @ sparse.diags(1 / np.asarray(self._lines.sum(axis=1)).ravel()) @ self._lines
        shared = (self._lines[self._leaves] @ lines.T).T
        weights = np.exp((alike + _LINE * shared - 1) / _SPREAD)
        found_weights: Floats = (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)).astype(np.float32)
        return found_weights


class _Votes:
    """What each of n voters has."""

    def __init__(self, have: Sequence[set[str]]) -> None:
        self.ids = sorted(set().union(*have)) if have else []
        at = {id: number for number, id in enumerate(self.ids)}
        cells = [(row, at[id]) for row, own in enumerate(have) for id in own]
        rows, columns = np.array(cells, dtype=np.int64).reshape(-1, 2).T
        ones = np.ones(len(rows), dtype=np.float32)
        self._have = sparse.csr_matrix((ones, (rows, columns)), shape=(len(have), len(self.ids)))

    def winners(self, weights: Floats, least: float) -> list[list[Likely]]:
        """By row of `weights` (m, n), what has so much of the votes, best first."""
        found = []
        for scores in np.asarray(weights @ self._have):
            order = np.lexsort((np.arange(len(scores)), -scores))
            found.append([Likely(self.ids[i], float(scores[i])) for i in order if scores[i] >= least])
        return found


def _standing(taxonomy: Taxonomy, category: str, counted: CoOccurrence) -> set[str]:
    """The values that stand on the items of a category."""
    number = taxonomy.index(category)
    least = max(_LEAST_ITEMS, _LEAST_SHARE * counted.count(number))
    often = (taxonomy.ids[other] for other, items in counted.together(number).items() if items >= least)
    return {id for id in often if taxonomy[id].kind == "value"}
