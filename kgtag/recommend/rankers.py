"""Rankers of columns for a row of known columns: tags for an item, items for a user.

`X` is the (rows, columns) matrix of training. A ranker's scores rank the columns of one row; they are not probabilities
and do not compare between rows. Sources: EASE (Steck, WWW 2019) with its diagonal from dropout (Steck, NeurIPS 2020),
row neighbours (Resnick 1994), and popularity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float32]
Weighting = Literal["binary", "relative"]
RARE = 5
"""Rows of a column below which it is rare."""
COLUMNS = 6_000
"""Columns of the dense item-item matrix at most, those of most rows; float32, this is 144 MB."""


class Ranker(Protocol):
    """Ranks columns."""

    def scores(self, known: sparse.csr_array) -> Floats:
        """(n, columns) weights of known columns → (n, columns) float32, higher ranks first."""


def weighted(values: sparse.csr_array, weighting: Weighting) -> sparse.csr_array:
    """Weights as a ranker reads them: 1 each, or 1 + log over the mean of the row, so that a row sums to its length."""
    found = values.copy()
    if weighting == "binary":
        found.data = np.ones_like(found.data)
        return found
    smallest = float(found.data.min()) if found.nnz else 1.0
    found.data = 1 + np.log(found.data / min(smallest, 1.0))
    lengths = np.diff(found.indptr)
    means = np.asarray(found.sum(axis=1)).ravel() / np.maximum(lengths, 1)
    found.data /= np.repeat(means, lengths)
    return found


def popularity(values: sparse.csr_array) -> NDArray[np.int64]:
    """(columns,) rows with each column."""
    return np.bincount(values.indices, minlength=values.shape[1])


@dataclass(frozen=True, slots=True)
class Popularity:
    """The same order for every row: `counts` (columns,), rows with each column."""

    counts: NDArray[np.int64]

    def scores(self, known: sparse.csr_array) -> Floats:
        return np.tile(np.log1p(self.counts).astype(np.float32), (known.shape[0], 1))


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """Scores are the known columns' weights times `weights` (k, k) float32, zero on the diagonal, from row to column.

    `kept` (k,) names the columns that take part; the others score 0.
    """

    weights: Floats
    kept: NDArray[np.int64]
    weighting: Weighting = "binary"

    def scores(self, known: sparse.csr_array) -> Floats:
        found = np.zeros(known.shape, dtype=np.float32)
        found[:, self.kept] = weighted(known, self.weighting)[:, self.kept] @ self.weights
        return found


@dataclass(frozen=True, slots=True)
class EaseSettings:
    """How EASE is fitted.

    Args:
        ridge: λ, of rows of mean weight.
        dropout: Share of a column's own weight that is added to its ridge, p / (1 - p) of dropout at rate p.
        row_power: Rows count their length to the power of minus this.
        weighting: What a pair weighs.
    """

    ridge: float = 100.0
    dropout: float = 0.0
    row_power: float = 0.0
    weighting: Weighting = "binary"


def fit_ease(values: sparse.csr_array, settings: EaseSettings, *, columns: int = COLUMNS) -> ItemWeights:
    """Regress every column on all others, in closed form; columns of one row take no part.

    Time grows with the cube of the columns or of the rows, whichever are fewer.
    """
    from scipy import sparse

    counts = popularity(values)
    kept = np.sort(np.argsort(-counts, kind="stable")[:columns])
    kept = kept[counts[kept] >= min(2, int(counts.max(initial=0)))]
    lengths = np.maximum(np.diff(values.indptr), 1).astype(np.float32)
    rows = lengths ** np.float32(-settings.row_power)
    # Square roots on either side: the Gram matrix gets `rows` once.
    x = sparse.diags_array(np.sqrt(rows)) @ weighted(values, settings.weighting)[:, kept]
    own = np.asarray(x.power(2).sum(axis=0)).ravel()
    ridge = (settings.ridge * rows.mean() + settings.dropout * own).astype(np.float32)
    inverse = _inverse(sparse.csr_array(x), ridge)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return ItemWeights(weights, kept, settings.weighting)


def _inverse(x: sparse.csr_array, ridge: Floats) -> Floats:
    """(XᵀX + diag(ridge))⁻¹, float32; by Woodbury's identity where there are fewer rows than columns."""
    from scipy import sparse

    if x.shape[0] >= x.shape[1]:
        gram: Floats = (x.T @ x).toarray().astype(np.float32)
        gram[np.diag_indices_from(gram)] += ridge
        found: Floats = np.linalg.inv(gram)
        return found
    scaled = sparse.csr_array(x @ sparse.diags_array(1 / ridge))
    inner = (scaled @ x.T).toarray()
    inner[np.diag_indices_from(inner)] += 1
    found = -(scaled.T @ np.asarray((scaled.T @ np.linalg.inv(inner).T).T)).astype(np.float32)
    found[np.diag_indices_from(found)] += 1 / ridge
    return found


def fit_cosine(values: sparse.csr_array, *, columns: int = COLUMNS, shrink: float = 0.0) -> ItemWeights:
    """Cosine of columns, their lengths increased by `shrink`: pairs seen once or twice count less."""
    counts = popularity(values)
    kept = np.sort(np.argsort(-counts, kind="stable")[:columns])
    x = weighted(values, "binary")[:, kept]
    both: Floats = (x.T @ x).toarray().astype(np.float32)
    length = np.sqrt(np.maximum(np.diag(both) + shrink, 1e-9))
    both /= np.outer(length, length)
    np.fill_diagonal(both, 0)
    return ItemWeights(both, kept)


def fit_bayes(values: sparse.csr_array, *, columns: int = COLUMNS, prior: float = 2.0) -> ItemWeights:
    """Naive Bayes without its prior: log of how much likelier a known column is on rows that have the ranked one."""
    counts = popularity(values)
    kept = np.sort(np.argsort(-counts, kind="stable")[:columns])
    x = weighted(values, "binary")[:, kept]
    both: Floats = (x.T @ x).toarray().astype(np.float32)
    own = np.diag(both).copy()
    usual = np.maximum(own / max(values.shape[0], 1), 1e-9)
    found = np.log((both + prior * usual[:, None]) / (own + prior)[None, :] / usual[:, None]).astype(np.float32)
    np.fill_diagonal(found, 0)
    return ItemWeights(found, kept)


@dataclass(frozen=True, slots=True)
class RowNeighbours:
    """The columns of similar rows: cosine of rows by rare columns, of the `nearest` rows, to the power of two.

    Args:
        train: (rows, columns), binary.
        units: The rows with columns weighted by log(rows / rows with the column), of length 1.
        rarity: (columns,) those weights.
    """

    train: sparse.csr_array
    units: sparse.csr_array
    rarity: Floats
    nearest: int = 200

    @classmethod
    def of(cls, values: sparse.csr_array) -> RowNeighbours:
        train = weighted(values, "binary")
        rarity = np.log(train.shape[0] / np.maximum(popularity(values), 1)).astype(np.float32)
        return cls(train, _rare_units(train, rarity), rarity)

    def scores(self, known: sparse.csr_array) -> Floats:
        from scipy import sparse

        alike: Floats = (_rare_units(weighted(known, "binary"), self.rarity) @ self.units.T).toarray()
        alike[alike > 1 - 1e-5] = 0  # the row itself, in training
        if alike.shape[1] > self.nearest:
            alike[alike < np.partition(alike, -self.nearest, axis=1)[:, -self.nearest][:, None]] = 0
        found: Floats = (sparse.csr_array(alike**2) @ self.train).toarray()
        return found


def lengths_of(values: sparse.csr_array) -> Floats:
    """(rows,) Euclidean lengths."""
    found: Floats = np.sqrt(np.asarray(values.power(2).sum(axis=1)).ravel())
    return found


def unit_rows(values: sparse.csr_array) -> sparse.csr_array:
    """The rows scaled to length 1; empty ones stay."""
    from scipy import sparse

    scale = (1 / np.maximum(lengths_of(values), 1e-9)).astype(np.float32)
    return sparse.csr_array(sparse.diags_array(scale) @ values)


def _rare_units(values: sparse.csr_array, columns: Floats) -> sparse.csr_array:
    """The rows with their columns weighted, scaled to length 1."""
    from scipy import sparse

    return unit_rows(values @ sparse.diags_array(columns))


@dataclass(frozen=True, slots=True)
class Blend:
    """The sum of rankers' scores, each divided by its standard deviation in the row, times its weight.

    Args:
        parts, weights: The rankers.
        rare: Added to the weights for columns of fewer than five rows; empty for none.
        counts: (columns,) rows with each column.
    """

    parts: tuple[Ranker, ...]
    weights: tuple[float, ...]
    rare: tuple[float, ...] = ()
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def scores(self, known: sparse.csr_array) -> Floats:
        return self.total([spread(part.scores(known)) for part in self.parts], self.counts)

    def total(self, parts: Sequence[Floats], counts: NDArray[np.int64]) -> Floats:
        """The sum of the parts' scores, spread already, where columns have these counts; further parts are left out."""
        parts = parts[: len(self.weights)]
        found = mix(parts, self.weights)
        if any(self.rare):
            few = counts < RARE
            found[:, few] += mix([part[:, few] for part in parts], self.rare)
        return found


def spread(scores: Floats) -> Floats:
    """Scores with a standard deviation of 1 in each row; the mean does not matter to the order."""
    found: Floats = scores / np.maximum(scores.std(axis=1, keepdims=True), 1e-9)
    return found


def mix(parts: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted sum."""
    found = np.zeros_like(parts[0])
    for part, weight in zip(parts, weights, strict=True):
        if weight:
            found += np.float32(weight) * part
    return found
