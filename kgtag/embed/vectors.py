"""Trained vectors, scored by number: what the trainer evaluates and the scorer serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.embed.geometry import Floats, ModelName, compare, compare_pairs, head_query, tail_query

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vectors:
    """`entity` (E, width) and `relation` (R, width) float32, laid out as `geometry` says; `norm` is TransE's p.

    Every score is higher for the more plausible triple, ranks within one model, and is no probability.
    """

    model: ModelName
    entity: Floats
    relation: Floats
    norm: int = 1

    def score(self, triples: Ids) -> Floats:
        """(n, 3) of (head, relation, tail) → (n,) float32."""
        head, relation, tail = (
            np.asarray(part)
            for part in (self.entity[triples[:, 0]], self.relation[triples[:, 1]], self.entity[triples[:, 2]])
        )
        return compare_pairs(self.model, tail_query(self.model, head, relation), tail, norm=self.norm)

    def tails(self, heads: Ids, relations: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m) when only the m entities `among` are asked about."""
        query = tail_query(self.model, self.entity[heads], self.relation[relations])
        return compare(self.model, query, self._asked(among), norm=self.norm)

    def heads(self, relations: Ids, tails: Ids, among: Ids | None = None) -> Floats:
        """(n,), (n,) → (n, E) float32, or (n, m)."""
        query = head_query(self.model, self.relation[relations], self.entity[tails])
        return compare(self.model, query, self._asked(among), norm=self.norm)

    def _asked(self, among: Ids | None) -> Floats:
        return self.entity if among is None else np.asarray(self.entity[among])


@dataclass(frozen=True, slots=True)
class Folds:
    """Vectors trained without part of the triples, to judge those triples by.

    `held_out` (n, 5) int64: fold, head, relation, tail, and how many triples of other relations speak of the head.
    """

    vectors: tuple[Vectors, ...]
    held_out: Ids
