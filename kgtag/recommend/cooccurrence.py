"""Which concepts stand together on items, and how much more often than by chance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.taxonomy import Taxonomy

if TYPE_CHECKING:
    from scipy import sparse


class CoOccurrence:
    """Counts of concept pairs over items, as a symmetric sparse matrix indexed like the snapshot.

    An item carries its accepted tags; tags the snapshot doesn't know are skipped, redirected ones follow.
    """

    def __init__(self, pairs: sparse.csr_array, counts: NDArray[np.int64], items: int) -> None:
        self._pairs = pairs
        self._counts = counts
        self.items = items

    @classmethod
    def of(cls, taxonomy: Taxonomy, tag_sets: Iterable[Iterable[str]]) -> CoOccurrence:
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
        """Items that carry concept `i`."""
        return int(self._counts[i])

    def beside(self, i: int, *, least: int = 2) -> list[tuple[int, int, float]]:
        """(concept index, items that carry both, score), best first, for pairs on at least `least` items.

        The score is normalised pointwise mutual information, in (0, 1]: 1 means never one without the other;
        pairs that meet no more often than by chance are left out.
        """
        start, end = self._pairs.indptr[i], self._pairs.indptr[i + 1]
        others = self._pairs.indices[start:end]
        both = self._pairs.data[start:end].astype(np.float64)
        kept = both >= least
        others, both = others[kept], both[kept]
        if not len(others):
            return []
        lift = np.log(both * self.items / (self._counts[i] * self._counts[others]))
        # Both on every item says nothing about association, and its normaliser is 0.
        normaliser = -np.log(both / self.items)
        score = np.where(normaliser > 0, lift / np.where(normaliser > 0, normaliser, 1.0), 0.0)
        order = np.lexsort((others, -score))
        return [(int(others[k]), int(both[k]), float(min(score[k], 1.0))) for k in order if score[k] > 0]
