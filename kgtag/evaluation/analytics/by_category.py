"""How the items of each concept spread over categories, and whether that changes over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from kgtag.compute.intervals import Floats
from kgtag.evaluation.analytics.table import UNKNOWN, ItemTable
from kgtag.rows.analytics import TagQuality

if TYPE_CHECKING:
    from scipy import sparse

_LEAST = 20
"""Items of a concept with a time, from which on its drift is measured."""
_FIGURES: tuple[Literal["coverage", "entropy", "information", "drift"], ...] = (
    "coverage",
    "entropy",
    "information",
    "drift",
)


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """By concept: coverage, normalised entropy, information, drift; NaN where it is unknown."""

    coverage: Floats
    entropy: Floats
    information: Floats
    drift: Floats

    def add(self, row: TagQuality, at: int) -> None:
        """Enter what is known into the row of the concept at a place."""
        for name in _FIGURES:
            if not np.isnan(value := getattr(self, name)[at]):
                row[name] = round(float(value), 4)


def by_category(table: ItemTable, rows: NDArray[np.int64]) -> CategoryFigures:
    """How the items of each concept spread over the most specific categories.

    Coverage is the share of the items of a tag's categories that have it, as the items of the tag see it: the sum over
    categories of P(category | tag) P(tag | category). Entropy is that of its categories over that of all items'.
    Information is how many bits of an item's category the tag's presence tells, over the tag's own entropy.
    """
    empty = np.full(len(rows), np.nan)
    home, homes = _leaves(table)
    if not homes:
        return CategoryFigures(empty, empty.copy(), empty.copy(), empty.copy())
    known = home >= 0
    ones = table.carried[known][:, rows]
    of = np.bincount(home[known], minlength=homes)
    counts = _spread(ones, home[known], homes)
    n, total = counts.sum(axis=1), int(of.sum())
    coverage, within, entropy = empty.copy(), np.zeros(len(rows)), empty.copy()
    everywhere = _entropy(of[of > 0] / total)
    for at in np.flatnonzero(n):
        start, end = counts.indptr[at], counts.indptr[at + 1]
        hit, size = counts.data[start:end].astype(float), of[counts.indices[start:end]]
        coverage[at] = float((hit * hit / size).sum() / n[at])
        entropy[at] = _entropy(hit / n[at]) / everywhere if everywhere else 0.0
        inside = size * _two(hit / size)
        within[at] = float(inside.sum()) / total
    own = _two(n / total)
    information = np.where((own > 0) & (n > 0), (own - within) / np.maximum(own, 1e-12), np.nan)
    return CategoryFigures(coverage, entropy, information, _drift(table, rows, home, homes))


def _leaves(table: ItemTable) -> tuple[NDArray[np.int64], int]:
    """(items,) the number of each item's most specific category, -1 without one, and how many there are."""
    taxonomy, carried = table.taxonomy, table.carried
    category = taxonomy.columns.kind.where("category")
    row = np.repeat(np.arange(len(table)), np.diff(carried.indptr))
    keep = category[carried.indices]
    row, column = row[keep], carried.indices[keep].astype(np.int64)
    order = np.lexsort((column, taxonomy.depths[column], row))
    row, column = row[order], column[order]
    last = np.flatnonzero(np.append(row[1:] != row[:-1], True)) if len(row) else row
    home = np.full(len(table), -1, dtype=np.int64)
    leaves, number = np.unique(column[last], return_inverse=True)
    home[row[last]] = number
    return home, len(leaves)


def _spread(ones: sparse.csr_array, home: NDArray[np.int64], homes: int) -> sparse.csr_array:
    """(concepts, homes) items of each concept by category."""
    from scipy import sparse

    at = np.arange(len(home))
    into = sparse.csr_array((np.ones(len(home), dtype=np.int64), (at, home)), shape=(len(home), homes))
    found = sparse.csr_array(ones.T.tocsr() @ into)
    found.sort_indices()
    return found


def _drift(table: ItemTable, rows: NDArray[np.int64], home: NDArray[np.int64], homes: int) -> Floats:
    """(concepts,) how far the categories of a concept's later items depart from those that all items of its categories
    lead to expect: the total variation, less what chance adds, in [0, 1]."""
    drift = np.full(len(rows), np.nan)
    timed = (table.days != UNKNOWN) & (home >= 0)
    if timed.sum() < 2 * _LEAST:
        return drift
    late = table.days > np.median(table.days[timed])
    both = [_spread(table.carried[timed & half][:, rows], home[timed & half], homes) for half in (~late, late)]
    of = [np.bincount(home[timed & half], minlength=homes) for half in (~late, late)]
    usual = of[1] / np.maximum(of[0] + of[1], 1)
    counts = _sum(both)
    for at in np.flatnonzero(counts.sum(axis=1) >= _LEAST):
        start, end = counts.indptr[at], counts.indptr[at + 1]
        where = counts.indices[start:end]
        n, later = counts.data[start:end].astype(float), both[1][[at]].toarray().ravel()[where]
        if not 0 < later.sum() < n.sum():
            continue
        share = usual[where] * (later.sum() / max(float((n * usual[where]).sum()), 1e-12))
        share = np.clip(share, 1e-3, 1 - 1e-3)
        off = np.abs(later - n * share)
        square = float((off**2 / (n * share * (1 - share))).sum())
        drift[at] = min(1.0, off.sum() / (2 * later.sum())) * max(0.0, 1 - len(where) / max(square, 1e-12))
    return drift


def _sum(parts: list[sparse.csr_array]) -> sparse.csr_array:
    from scipy import sparse

    found = sparse.csr_array(parts[0] + parts[1])
    found.sort_indices()
    return found


def _entropy(shares: Floats) -> float:
    return float((shares * np.log2(1 / shares)).sum())


def _two(share: Floats) -> Floats:
    """Entropy of present and absent, in bits."""
    safe = np.clip(share, 1e-12, 1 - 1e-12)
    return np.where((share <= 0) | (share >= 1), 0.0, -(safe * np.log2(safe) + (1 - safe) * np.log2(1 - safe)))
