"""Training of item recommenders from what users chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph.errors import InputError
from graph.history.versions import Stamp
from kgtag.recommend.fitting import fit_ranker
from kgtag.recommend.interactions import Matrix, Pair, read_pairs
from kgtag.recommend.model import RecommenderModel
from kgtag.recommend.rankers import COLUMNS, Blend, Floats, ItemWeights, Popularity, weighted
from kgtag.recommend.side import nearest

if TYPE_CHECKING:
    from scipy import sparse

_NEIGHBOURS = 200
"""Targets kept of each item."""
_CHUNK = 1_000
_SHRINK = 10.0


@dataclass(frozen=True, slots=True)
class RecommenderReport:
    """What was trained; `unknown` items are in the interactions but not among the store's items."""

    version: str
    users: int
    items: int
    weights: int
    unknown: int
    settings: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def train_recommender(
    files: Sequence[Path],
    *,
    out: Path,
    known: Callable[[str], bool] = lambda _: True,
    stamp: Stamp | None = None,
    neighbours: int = _NEIGHBOURS,
    columns: int = COLUMNS,
    seed: int = 0,
    log: Callable[[str], None] = lambda _: None,
) -> RecommenderReport:
    """Fit item-item weights on all files together and write a directory.

    Where there is too little to choose settings by, the weights are shrunk cosines.

    Args:
        files: Rows of user TAB item, with a weight and a time if there are any.
        out: The directory.
        known: Whether the store has an item; the others still count as what users chose.
        stamp: The taxonomy's revision.
        neighbours: Targets kept of each item.
        columns: Items of EASE's dense matrix, those of most users; the others are compared by cosine.
        seed: Of the split that chooses the settings.
        log: Called with lines for people.

    Raises:
        FileFormatError: A row does not read.
        InputError: There is no user with two items.
    """
    pairs: list[Pair] = [pair for file in files for pair in read_pairs(file).pairs]
    matrix = Matrix.of(pairs)
    if not (np.diff(matrix.values.indptr) >= 2).any():
        raise InputError("no user has two items: there is nothing to learn from")
    fitted = fit_ranker(matrix.values, k=20, least=1, neighbours=False, columns=columns, seed=seed, log=log)
    weights, popularity = _merged(fitted.ranker, matrix.values, neighbours)
    weights = _with_rare(weights, matrix.values, neighbours)
    counts = np.bincount(matrix.values.indices, minlength=len(matrix.columns))
    model = RecommenderModel(
        matrix.columns,
        weights.indptr.astype(np.int64),
        weights.indices.astype(np.int32),
        weights=weights.data,
        counts=counts,
        popularity=popularity,
    )
    settings: dict[str, Any] = {"settings": fitted.settings, "users": len(matrix.rows)}
    if stamp is not None:
        settings |= {"taxonomy": asdict(stamp)}
    model.save(out, settings)
    loaded = RecommenderModel.load(out)
    unknown = sum(not known(id) for id in matrix.columns)
    return RecommenderReport(
        loaded.version, len(matrix.rows), len(matrix.columns), weights.nnz, unknown, fitted.settings
    )


def _merged(ranker: Any, values: sparse.csr_array, k: int) -> tuple[sparse.csr_array, float]:
    """One sparse matrix of the blend's item weights, and the weight of log popularity; parts are divided by the mean
    deviation of their scores over a sample of rows, as the blend divides by that of each row."""
    from scipy import sparse

    parts = list(zip(ranker.parts, ranker.weights, strict=True)) if isinstance(ranker, Blend) else [(ranker, 1.0)]
    sample = values[np.linspace(0, values.shape[0] - 1, min(200, values.shape[0]), dtype=int)]
    total = sparse.csr_array(values.shape[1:] * 2, dtype=np.float32)
    popularity = 0.0
    for part, weight in parts:
        spread = max(float(np.mean(part.scores(sample).std(axis=1))), 1e-9)
        if isinstance(part, ItemWeights):
            total = total + _strongest(part, values.shape[1], k) * np.float32(weight / spread)
        elif isinstance(part, Popularity):
            popularity += weight / spread
    found = sparse.csr_array(total)
    found.sort_indices()
    return found, popularity


def _strongest(part: ItemWeights, items: int, k: int) -> sparse.csr_array:
    """(items, items) with the `k` highest targets of each item, positive ones alone."""
    from scipy import sparse

    block: Floats = part.weights
    rows, columns, kept = [], [], []
    for i in range(len(block)):
        best = np.argpartition(-block[i], min(k, len(block) - 1))[:k]
        best = np.sort(best[block[i][best] > 0])
        rows.append(np.full(len(best), part.kept[i]))
        columns.append(part.kept[best])
        kept.append(block[i][best])
    places = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(kept), places), shape=(items, items))


def _with_rare(weights: sparse.csr_array, values: sparse.csr_array, k: int) -> sparse.csr_array:
    """Add shrunk cosines for items that have no weights: those of few users, beyond EASE's dense matrix.

    They are scaled so that an item's best neighbour weighs the same on average, and computed in chunks.
    """
    from scipy import sparse

    users = sparse.csc_array(weighted(values, "binary"))
    counts = np.diff(users.indptr)
    rare = np.flatnonzero((np.diff(weights.indptr) == 0) & (counts > 0))
    if not len(rare):
        return weights
    length = np.sqrt(counts + _SHRINK).astype(np.float32)
    units = sparse.csc_array(users @ sparse.diags_array(1 / length))
    shape = (len(counts), len(counts))
    found = sparse.csr_array(shape, dtype=np.float32)
    for start in range(0, len(rare), _CHUNK):
        chunk = rare[start : start + _CHUNK]
        block = sparse.coo_array(units[:, chunk].T @ units)
        row, column = chunk[block.coords[0]], block.coords[1]
        other = row != column
        places = (row[other], column[other])
        found = found + nearest(sparse.csr_array((block.data[other], places), shape=shape), k)
    most = _mean_best(weights) / max(_mean_best(found), 1e-9) if weights.nnz else 1.0
    total: sparse.csr_array = (weights + found.maximum(found.T) * np.float32(most)).tocsr().astype(np.float32)
    total.sort_indices()
    return total


def _mean_best(values: sparse.csr_array[Any, Any]) -> float:
    best = values.max(axis=1).toarray().ravel()
    return float(best[best > 0].mean()) if (best > 0).any() else 0.0
