"""What is known about columns beside the rows that have them: their labels, and their tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgtag.recommend.interactions import Matrix, Pair
from kgtag.recommend.rankers import Floats, unit_rows, weighted

if TYPE_CHECKING:
    from scipy import sparse

_GRAMS = (3, 4, 5)
_NEAREST = 50


@dataclass(frozen=True, slots=True)
class TextSimilarity:
    """Scores are sums of label similarities with the known columns: cosine of characters in threes to fives, weighted
    by rarity, and of words. `similar`: (columns, columns), the fifty nearest of each."""

    similar: sparse.csr_array

    @classmethod
    def of(cls, labels: Sequence[str]) -> TextSimilarity:
        """Compare labels; an empty one is like nothing."""
        from scipy import sparse

        found = vectors([grams(label) for label in labels])
        both = sparse.csr_array(found @ found.T)
        both.setdiag(0)
        return cls(nearest(both, _NEAREST))

    def scores(self, known: sparse.csr_array) -> Floats:
        found: Floats = (weighted(known, "binary") @ self.similar.power(2)).toarray()
        return found


def grams(label: str) -> set[str]:
    text = f" {label.casefold().strip()} "
    if not text.strip():
        return set()
    return {text[i : i + n] for n in _GRAMS for i in range(len(text) - n + 1)} | set(text.split())


def vectors(features: Sequence[Iterable[str]]) -> sparse.csr_array:
    """(n, features) float32 rows of length 1; a feature weighs log(n / rows with it)."""
    from scipy import sparse

    numbers: dict[str, int] = {}
    rows, columns = [], []
    for row, names in enumerate(features):
        for name in sorted(names):
            rows.append(row)
            columns.append(numbers.setdefault(name, len(numbers)))
    counts = np.bincount(columns, minlength=len(numbers)) if columns else np.zeros(0)
    weights = np.log(len(features) / np.maximum(counts, 1)) + 1e-6
    values = weights[columns].astype(np.float32) if columns else np.zeros(0, dtype=np.float32)
    found = sparse.csr_array((values, (rows, columns)), shape=(len(features), max(len(numbers), 1)))
    return unit_rows(found)


def nearest(similar: sparse.csr_array, k: int) -> sparse.csr_array:
    """The k highest of each row."""
    found = similar.tocsr(copy=True)
    for start, end in zip(found.indptr[:-1], found.indptr[1:], strict=True):
        if end - start > k:
            row = found.data[start:end]
            row[np.argpartition(row, -k)[:-k]] = 0
    found.eliminate_zeros()
    return found


@dataclass(frozen=True, slots=True)
class TagProfiles:
    """Users by the tags of their items.

    Args:
        warm: (items of train, tags) float32 rows of length 1, in the order of the matrix's columns.
        cold: Names of tagged items that no user has, ascending.
        cold_tags: (cold items, tags), as `warm`.
    """

    warm: sparse.csr_array
    cold: tuple[str, ...]
    cold_tags: sparse.csr_array

    @classmethod
    def of(cls, tagged: Iterable[Pair], items: Sequence[str]) -> TagProfiles:
        """`items`: the columns of the matrix; what a tag weighs grows with the log of its weight and its rarity."""
        from scipy import sparse

        known = set(items)
        pairs = list(tagged)
        cold = tuple(sorted({pair.row for pair in pairs} - known))
        matrix = Matrix.of(pairs)
        values = weighted(matrix.values, "relative")
        counts = np.bincount(values.indices, minlength=values.shape[1])
        rarity = np.log(values.shape[0] / np.maximum(counts, 1)).astype(np.float32)
        weighed, none = sparse.csr_array(values @ sparse.diags_array(rarity)), values.shape[0]
        empty = sparse.csr_array((1, values.shape[1]), dtype=np.float32)
        stacked = unit_rows(sparse.csr_array(sparse.vstack([weighed, empty])))
        place = {name: i for i, name in enumerate(matrix.rows)}
        warm = stacked[[place.get(name, none) for name in items]]
        return cls(warm, cold, stacked[[place[name] for name in cold]])

    def ranker(self, values: sparse.csr_array) -> TagProfiles:
        """Itself: it learns nothing from the users."""
        return self

    def scores(self, known: sparse.csr_array) -> Floats:
        found: Floats = (self._profiles(known) @ self.warm.T).toarray()
        return found

    def cold_scores(self, known: sparse.csr_array) -> Floats:
        """(n, cold items)."""
        found: Floats = (self._profiles(known) @ self.cold_tags.T).toarray()
        return found

    def _profiles(self, known: sparse.csr_array) -> sparse.csr_array:
        from scipy import sparse

        return sparse.csr_array(weighted(known, "relative") @ self.warm)
