"""A second stage over the best candidates of a blend: gradient boosting on what the parts say of each.

It learns on pairs held out of the matrix, and takes part only where it beats the blend on a second such split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kgtag.recommend.fitting import Fitted, HeldOut, fit_ranker, without_known
from kgtag.recommend.rankers import RARE, Blend, Floats, Ranker, popularity, spread

if TYPE_CHECKING:
    from scipy import sparse

Candidates = NDArray[np.int64]
Log = Callable[[str], None]
_CANDIDATES = 80
_ROWS = 3_000
"""Rows of a split to learn from at most."""
_LEAST_ROWS = 200
_RARE_WEIGHT = 3.0
"""Weight of a right candidate that is rare, where the blend has weights for rare columns."""
_ABOVE = 1_000.0
"""Added to the scores of candidates: they come before everything else."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the second stage reads of columns: `counts` (columns,), rows with each; `weight` (columns,), the mean weight
    of a column's pairs."""

    counts: NDArray[np.int64]
    weight: Floats

    @classmethod
    def of(cls, values: sparse.csr_array) -> Columns:
        counts = popularity(values)
        sums = np.asarray(values.sum(axis=0)).ravel()
        return cls(counts, (sums / np.maximum(counts, 1)).astype(np.float32))

    def features(self, parts: Sequence[Floats], total: Floats, known: sparse.csr_array) -> tuple[Candidates, Floats]:
        """The best (n, m) candidates by `total` (n, columns), best first, and their features (n, m, f) float32."""
        ranked = without_known(total, known)
        m = min(_CANDIDATES, ranked.shape[1])
        candidates = np.argsort(-ranked, axis=1, kind="stable")[:, :m]
        at = np.arange(len(ranked))[:, None]
        scores = [part[at, candidates] for part in (*parts, total)]
        places = [np.log1p(np.argsort(np.argsort(-one, axis=1), axis=1)) for one in scores]
        logs = np.log1p(self.counts)
        lengths = np.diff(known.indptr)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        usual = np.bincount(rows, weights=logs[known.indices], minlength=len(lengths)) / np.maximum(lengths, 1)
        most = np.zeros(len(lengths))
        np.maximum.at(most, rows, known.data)
        of_row = (lengths, np.bincount(rows, weights=known.data, minlength=len(lengths)), most)
        columns = [
            *scores,
            *places,
            scores[-1] - scores[-1].max(axis=1, keepdims=True),
            logs[candidates],
            self.weight[candidates],
            logs[candidates] - usual[:, None],
            *(np.repeat(np.log1p(one)[:, None], m, axis=1) for one in of_row),
        ]
        return candidates, np.stack(columns, axis=-1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reranker:
    """Orders the best candidates of a blend by a classifier's log-odds that they are the row's.

    Args:
        blend: The first stage.
        others: Further parts that the classifier reads.
        columns: What it reads of columns.
        model: A fitted classifier with `decision_function`.
    """

    blend: Blend
    others: tuple[Ranker, ...]
    columns: Columns
    model: Any

    def scores(self, known: sparse.csr_array) -> Floats:
        parts = [spread(part.scores(known)) for part in (*self.blend.parts, *self.others)]
        return _reranked(self.model, self.columns, parts, self.blend, known)


def _reranked(model: Any, columns: Columns, parts: Sequence[Floats], blend: Blend, known: sparse.csr_array) -> Floats:
    total = blend.total(parts, columns.counts)
    candidates, features = columns.features(parts, total, known)
    odds = model.decision_function(features.reshape(-1, features.shape[-1])).reshape(candidates.shape)
    total[np.arange(len(total))[:, None], candidates] = _ABOVE + odds
    return total


def fit_reranked(
    values: sparse.csr_array, *, k: int, seed: int = 0, log: Log = lambda _: None, **options: Any
) -> Fitted:
    """As `fit_ranker`, with the second stage where it helps; `settings["second_stage"]` has both held-out values."""
    found = fit_ranker(values, k=k, seed=seed, log=log, **options)
    blend = found.ranker
    if not isinstance(blend, Blend) or min(len(one.rows) for one in found.held) < _LEAST_ROWS:
        return found
    check, unseen = found.held[-1], found.scores[-1]
    model = _fit(blend, found.held[:-1], found.scores[:-1], seed)
    columns = Columns.of(check.train)
    without = check.value(blend.total(unseen, columns.counts), k)
    scores = _reranked(model, columns, unseen, blend, check.known)
    value = check.value(scores, k)
    log(f"second stage: {without:.4f} without, {value:.4f} with it")
    settings = found.settings | {"second_stage": {"without": round(without, 4), "with": round(value, 4)}}
    if value > without:
        model = _fit(blend, found.held, found.scores, seed)
        blend = Reranker(blend, found.others, Columns.of(values), model)
    return replace(found, ranker=blend, settings=settings)


def _fit(blend: Blend, held: Sequence[HeldOut], scores: Sequence[Sequence[Floats]], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    read: list[Floats] = []
    right: list[NDArray[np.bool_]] = []
    weight: list[Floats] = []
    for one, parts in zip(held, scores, strict=True):
        rows = np.arange(len(one.rows))
        if len(rows) > _ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, _ROWS, replace=False))
        kept = [part[rows] for part in parts]
        columns = Columns.of(one.train)
        candidates, features = columns.features(kept, blend.total(kept, columns.counts), one.known[rows])
        hidden = np.zeros((len(one.rows), one.known.shape[1]), dtype=bool)
        hidden[one.row, one.column] = True
        read.append(features.reshape(-1, features.shape[-1]))
        right.append(hidden[rows[:, None], candidates].ravel())
        few = right[-1] & (columns.counts[candidates].ravel() < RARE) & any(blend.rare)
        weight.append(np.where(few, np.float32(_RARE_WEIGHT), np.float32(1)))
    model = HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=5.0,
        random_state=seed,
    )
    return model.fit(np.concatenate(read), np.concatenate(right), sample_weight=np.concatenate(weight))
