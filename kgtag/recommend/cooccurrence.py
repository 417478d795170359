"""Concepts on the same items: counts, how much one makes the other likelier, and what fits a set of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph.taxonomy import Taxonomy
from kgtag.recommend.rankers import EaseSettings, Floats, ItemWeights, fit_ease, unit_rows

if TYPE_CHECKING:
    from scipy import sparse

_PRIOR = 4.0
"""Items as usual that count beside those of a concept: a pair seen twice is not certain."""
_LEAST = 2
_FORWARD = 0.7
"""Weight of the direction from the concept asked about, geometrically."""
_EASE = EaseSettings(ridge=10.0, dropout=0.5, row_power=0.5)
"""The best on public tag data, see benchmarks/related.py."""
_COLUMNS = 2_000
_SHARED = 3
_ENOUGH = 20
_SEVERAL = 1.3
"""Values per item from which an attribute's values go with each other."""
_CACHED = 2_000
"""Rows of counts kept as dictionaries."""


class Partner(NamedTuple):
    """Concept number `j` on `both` of the `of` items with the concept asked about. `score` in (0, 1]: the share beyond
    the usual share of `j`, over both directions."""

    j: int
    both: int
    of: int
    score: float


class CoOccurrence:
    """Concepts by item, each with everything broader.

    Args:
        carried: (items, concepts), numbered like the snapshot.

    Attributes:
        items: How many there are.
        counts: (concepts,) int64, items with each.
    """

    def __init__(self, carried: sparse.csr_array) -> None:
        from scipy import sparse

        self.items = carried.shape[0]
        self._carried = carried
        pairs = sparse.csr_array(carried.T @ carried)
        self.counts = np.asarray(pairs.diagonal(), dtype=np.int64)
        pairs.setdiag(0)
        pairs.eliminate_zeros()
        pairs.sort_indices()
        self._pairs = pairs
        self._lock = threading.Lock()
        self._rows: dict[int, dict[int, int]] = {}
        self._choices: dict[tuple[int, ...], float] = {}
        self._weights: ItemWeights | None = None
        self._profiles: sparse.csr_array | None = None

    @classmethod
    def of(cls, taxonomy: Taxonomy, tag_sets: Iterable[Iterable[str]]) -> CoOccurrence:
        """Count over the concepts of each item; unknown ones are skipped, redirects followed."""
        from scipy import sparse  # Commands that serve nothing start sooner without it.

        above: dict[str, list[int]] = {}
        starts, columns = [0], []
        for tags in tag_sets:
            present: set[int] = set()
            for tag in tags:
                if tag not in above:
                    above[tag] = with_broader(taxonomy, tag)
                present.update(above[tag])
            columns += sorted(present)
            starts.append(len(columns))
        shape = (len(starts) - 1, len(taxonomy))
        ones = np.ones(len(columns), dtype=np.float32)
        return cls(sparse.csr_array((ones, np.array(columns, dtype=np.int32), np.array(starts)), shape=shape))

    @property
    def cells(self) -> int:
        """Pairs of concepts on the same items, which `alike` reads."""
        return int(self._pairs.nnz)

    def count(self, i: int) -> int:
        """Items with concept `i`."""
        return int(self.counts[i])

    def count_any(self, rows: Sequence[int]) -> int:
        """Items with any of the concepts."""
        return int(np.count_nonzero(self._carried[:, list(rows)].sum(axis=1))) if rows else 0

    def together(self, i: int) -> dict[int, int]:
        """Items with concept `i` and another, by the other's number."""
        found = self._rows.get(i)
        if found is None:
            others, both = self._row(i)
            found = dict(zip(others.tolist(), both.astype(int).tolist(), strict=True))
            if len(self._rows) >= _CACHED:
                self._rows.clear()
            self._rows[i] = found
        return found

    def partners(self, i: int) -> list[Partner]:
        """Concepts on two or more of the items of concept `i`, more often than elsewhere, best first."""
        others, both = self._row(i)
        kept = both >= _LEAST
        others, both = others[kept], both[kept]
        if not len(others):
            return []
        score = self._gains(i, others, both)
        order = np.lexsort((others, -score))
        mine = int(self.counts[i])
        return [Partner(int(others[k]), int(both[k]), mine, float(score[k])) for k in order if score[k] > 0]

    def _row(self, i: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        start, end = self._pairs.indptr[i], self._pairs.indptr[i + 1]
        return self._pairs.indices[start:end], self._pairs.data[start:end].astype(np.float64)

    def _gains(self, i: int, others: NDArray[np.int32], both: NDArray[np.float64]) -> NDArray[np.float64]:
        mine, theirs = self.counts[i], self.counts[others]
        forward = _gain(both, mine, theirs / self.items)
        backward = _gain(both, theirs, np.full(len(others), mine / self.items))
        gains: NDArray[np.float64] = forward**_FORWARD * backward ** (1 - _FORWARD)
        return gains

    def alike(self, i: int) -> NDArray[np.float32]:
        """(concepts,) cosine of what the concepts occur with, in [0, 1]; 0 where fewer than three items are behind."""
        profiles = self._of_concepts()
        found: NDArray[np.float32] = np.asarray((profiles @ profiles[[i]].T).toarray()).ravel()
        found[self.counts < _SHARED] = 0
        return found if self.counts[i] >= _SHARED else np.zeros_like(found)

    def _of_concepts(self) -> sparse.csr_array:

        with self._lock:
            if self._profiles is None:
                found = self._pairs.astype(np.float32)
                rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
                usual = self.counts / max(self.items, 1)
                share = found.data / (self.counts[rows] + _PRIOR)
                found.data = np.maximum(np.log((share + 1e-9) / np.maximum(usual[found.indices], 1e-9)), 0) * np.sqrt(
                    share
                )
                found.eliminate_zeros()
                self._profiles = unit_rows(found)
        return self._profiles

    def fitting(self, given: Sequence[int]) -> Floats:
        """(concepts,) how well each fits the given ones together, by EASE, about the share of such items that have it.
        Learned from the items at the first call."""
        found = np.zeros(self._carried.shape[1], dtype=np.float32)
        if self.items < 2:
            return found
        with self._lock:
            if self._weights is None:
                self._weights = fit_ease(self._carried, _EASE, columns=_COLUMNS)
        kept = self._weights.kept
        found[kept] = self._weights.weights[np.isin(kept, np.array(given))].sum(axis=0)
        return found

    def support(self, given: Sequence[int], j: int) -> tuple[int, int, int]:
        """(the given concept of whose items most have `j`; items with both; its items)."""
        with_j = self.together(j)
        best = max(given, key=lambda i: (with_j.get(i, 0) / max(self.count(i), 1), -i))
        return best, with_j.get(best, 0), self.count(best)

    def values_per_item(self, values: Sequence[int]) -> float:
        """How many of the concepts an item has that has any; several for a handful of items."""
        key = tuple(values)
        if key not in self._choices:
            each = np.asarray(self._carried[:, list(values)].sum(axis=1)).ravel()
            # With a handful of items, one value each says nothing.
            enough = (each > 0).sum() >= _ENOUGH
            self._choices[key] = float(each[each > 0].mean()) if enough else _SEVERAL
        return self._choices[key]


def _gain(both: NDArray[np.float64], of: NDArray[np.int64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shrunk share of `both` among `of`, beyond `usual`, over what would be left."""
    share = (both + _PRIOR * usual) / (of + _PRIOR)
    gain: NDArray[np.float64] = np.maximum(share - usual, 0) / np.maximum(1 - usual, 1e-9)
    return np.where(usual >= 1, 0.0, gain)


def has_one_value(taxonomy: Taxonomy, attribute: str, counted: CoOccurrence | None) -> bool:
    """Whether items have one value of the attribute at most: by its choice, or nearly always, such as one colour."""
    if taxonomy[attribute].choice == "single":
        return True
    tops = [taxonomy.index(id) for id in taxonomy.values_of(attribute) if not taxonomy.out(id, "broader")]
    return counted is not None and bool(tops) and counted.values_per_item(tops) < _SEVERAL


def with_broader(taxonomy: Taxonomy, tag: str) -> list[int]:
    """Numbers of the concept that stands for `tag` and of everything broader; none for an unknown one."""
    if tag not in taxonomy:
        return []
    i = taxonomy.index(taxonomy.resolve(tag))
    return [i, *taxonomy.ancestor_indices(i).tolist()]
