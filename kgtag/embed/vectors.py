"""Trained vectors, scored by entity and relation number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.embed.geometry import Floats, ModelName, compare, compare_pairs, head_query, tail_query

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vectors:
    """`entity` (E, width) and `relation` (R, width) float32, laid out as `geometry` says; `norm` is TransE's p.

    Higher scores are more plausible; they rank within one model and are not probabilities.
    """

    model: ModelName
    entity: Floats
    relation: Floats
    norm: int = 1

    def score(self, triples: Ids) -> Floats:
        """(n, 3) of (head, relation, tail) → (n,) float32."""
        query = tail_query(self.model, self.entity[triples[:, 0]], self.relation[triples[:, 1]])
        return compare_pairs(self.model, query, np.asarray(self.entity[triples[:, 2]]), norm=self.norm)

    def tails(self, heads: Ids, relations: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m) for the m entities `among`."""
        query = tail_query(self.model, self.entity[heads], self.relation[relations])
        return compare(self.model, query, self._rows(among), norm=self.norm)

    def heads(self, relations: Ids, tails: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m)."""
        query = head_query(self.model, self.relation[relations], self.entity[tails])
        return compare(self.model, query, self._rows(among), norm=self.norm)

    def _rows(self, among: Ids | None) -> Floats:
        return self.entity if among is None else np.asarray(self.entity[among])


@dataclass(frozen=True, slots=True)
class Folds:
    """Vectors trained without part of the triples, to score those triples with.

    `held_out` (n, 5) int64: fold, head, relation, tail, and the head's degree in other relations.
    """

    vectors: tuple[Vectors, ...]
    held_out: Ids
