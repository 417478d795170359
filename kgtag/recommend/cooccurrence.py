"""Concepts that occur together on items more often than by chance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.taxonomy import Taxonomy

if TYPE_CHECKING:
    from scipy import sparse


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
        """(concept index, items with both, score), best first, of pairs on `min_count` items or more.

        The score is normalised pointwise mutual information, in (0, 1]: 1 means never one without the other.
        """
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
