"""Chooses a ranker for a matrix: EASE's settings and what else to blend in, on pairs held out of the matrix itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.recommend.rankers import (
    COLUMNS,
    RARE,
    Blend,
    EaseSettings,
    Floats,
    ItemWeights,
    Popularity,
    Ranker,
    RowNeighbours,
    fit_bayes,
    fit_ease,
    popularity,
    spread,
)

if TYPE_CHECKING:
    from scipy import sparse

_HELD_OUT = 0.1
_LEAST_PAIRS = 20
"""Pairs below which nothing is chosen: the order is that of popularity."""
_PAIRS, _SPLITS = 7_000, 3
"""EASE's settings are compared on as many splits as have so many pairs together; weights on all."""
_CELLS = 25_000_000
"""Scores of one ranker held at once while weights are chosen: 100 MB."""
_RIDGES = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
_START = 5
_STEPS = (-0.4, -0.2, -0.1, 0.05, 0.1, 0.2, 0.4, 0.8)
_GAIN = 3e-4
"""What a further part must add."""
_RARE_STEPS = (0.5, 1.0)
_RARE_LOSS, _RARE_PAIRS = 3e-3, 100
"""What the weights of rare columns may cost overall, and the held-out pairs of such columns that they need."""
_NEIGHBOUR_ROWS = 40_000
"""Rows up to which their neighbours are looked for."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pairs taken out of a matrix: `train` without them; `rows` (n,) of `train`, `known` their (n, columns) part of it;
    `row` (m,) into `rows` and `column` (m,) of the pairs."""

    train: sparse.csr_array
    rows: NDArray[np.int64]
    known: sparse.csr_array
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    @classmethod
    def of(cls, values: sparse.csr_array, *, least: int, share: float = _HELD_OUT, seed: int = 0) -> HeldOut:
        """Take out a share of the pairs; evaluated are rows that keep `least` columns, as many as memory allows."""
        from scipy import sparse

        rng = np.random.default_rng(seed)
        found = values.tocoo()
        row, column = (places.astype(np.int64) for places in found.coords)
        out = rng.random(found.nnz) < share
        train = sparse.csr_array((found.data[~out], (row[~out], column[~out])), shape=values.shape)
        lengths, counts = np.diff(train.indptr), popularity(train)
        usable = out & (lengths[row] >= least) & (counts[column] > 0)
        rows = np.unique(row[usable])
        rows = np.sort(rng.permutation(rows)[: max(100, _CELLS // max(values.shape[1], 1))])
        usable &= np.isin(row, rows)
        return cls(train, rows, train[rows], np.searchsorted(rows, row[usable]), column[usable])

    def ranks(self, scores: Floats) -> NDArray[np.float64]:
        """(m,) rank of each pair's column among those that the row does not have; `scores`: (n, columns)."""
        return pair_ranks(scores, self.known, self.row, self.column)

    def value(self, scores: Floats, k: int) -> float:
        """Recall at k and half the mean reciprocal rank."""
        ranks = self.ranks(scores)
        return float((ranks <= k).mean() + 0.5 * (1 / ranks).mean())


def pair_ranks(
    scores: Floats, known: sparse.csr_array, row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Ranks of (row, column) among the row's columns that are not known; a tie counts as its mean place."""
    open_scores = without_known(scores, known)
    found = np.empty(len(row))
    for start in range(0, len(row), 1024):
        part = slice(start, start + 1024)
        ranked = open_scores[row[part]]
        own = ranked[np.arange(len(ranked)), column[part]][:, None]
        found[part] = (ranked > own).sum(axis=1) + ((ranked == own).sum(axis=1) + 1) / 2
    return found


def without_known(scores: Floats, known: sparse.csr_array) -> Floats:
    """The scores, with minus infinity at known columns."""
    found = scores.copy()
    found[np.repeat(np.arange(known.shape[0]), np.diff(known.indptr)), known.indices] = -np.inf
    return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was chosen.

    Args:
        ranker: The blend, fitted on the whole matrix.
        ease: Plain EASE with the best ridge: the baseline.
        settings: For people, with the held-out value of each part.
        others: Parts that the blend left out, fitted as well.
        held: The splits.
        scores: Of each split, the scores of the blend's parts and of the others, with a deviation of 1 in each row.
    """

    ranker: Ranker
    ease: Ranker
    settings: dict[str, Any]
    others: tuple[Ranker, ...] = ()
    held: tuple[HeldOut, ...] = ()
    scores: tuple[list[Floats], ...] = ()


def fit_ranker(
    values: sparse.csr_array,
    *,
    k: int,
    least: int = 2,
    extra: Sequence[tuple[str, Callable[[sparse.csr_array], Ranker]]] = (),
    neighbours: bool = True,
    rare: bool = False,
    columns: int = COLUMNS,
    seed: int = 0,
    log: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Choose settings and weights on held-out pairs, then fit on all.

    Args:
        values: (rows, columns) weights.
        k: Places that count.
        least: Known columns of a row that is evaluated.
        extra: Further parts by name, each fitted on a matrix.
        neighbours: Whether similar rows may take part, which needs the rows when it serves.
        rare: Whether rare columns get weights of their own, which raise their recall and cost next to none overall.
        columns: Columns of the dense matrix at most.
        seed: Of the split.
        log: Called with lines for people.

    Raises:
        InputError: There is not a single pair.
    """
    if not values.nnz:
        raise InputError("there are no pairs to learn from")
    held = [HeldOut.of(values, least=least, seed=seed + i) for i in range(_SPLITS)]
    if (pairs := sum(len(one.row) for one in held)) < _LEAST_PAIRS:
        log(f"only {pairs} pairs could be held out, fewer than {_LEAST_PAIRS}: no settings are chosen")
        flat = Popularity(popularity(values))
        return Fitted(flat, fit_ease(values, EaseSettings(), columns=columns), {"parts": {"popularity": 1.0}})
    search = _Search(held, k, columns, log)
    plain = search.ridge(EaseSettings(ridge=_RIDGES[_START]))
    tuned = search.tune(plain)
    made: dict[str, Callable[[sparse.csr_array], Ranker]] = {
        f"ease {one.weighting}": _ease(one, columns) for one in tuned
    }
    if plain not in tuned:
        made["ease plain"] = _ease(plain, columns)
    if neighbours and values.shape[0] <= _NEIGHBOUR_ROWS:
        made["similar rows"] = RowNeighbours.of
        made["naive bayes"] = lambda of: fit_bayes(of, columns=columns)
    made["popularity"] = lambda of: Popularity(popularity(of))
    made |= dict(extra)
    parts = {name: [spread(make(one.train).scores(one.known)) for one in held] for name, make in made.items()}
    weights = _weigh(parts, held, k)
    chosen = [[parts[name][i] for name in weights] for i in range(len(held))]
    blend = Blend((), tuple(weights.values()))
    if rare:
        blend = _weigh_rare(blend, chosen, held, k)
    log("chosen: " + ", ".join(f"{name} {weight:+.2f}" for name, weight in weights.items()))
    ranker = replace(blend, parts=tuple(made[name](values) for name in weights), counts=popularity(values))
    order = [*weights, *(name for name in made if name not in weights)]
    others = tuple(made[name](values) for name in order[len(weights) :])
    scores = tuple([parts[name][i] for name in order] for i in range(len(held)))
    alone = {name: round(_value(held, scores, k), 4) for name, scores in parts.items()}
    value = _value(held, [blend.total(one, popularity(of.train)) for one, of in zip(chosen, held, strict=True)], k)
    settings = {
        "parts": {name: round(weight, 3) for name, weight in weights.items()},
        "rare": dict(zip(weights, blend.rare, strict=False)),
        "ease": [asdict(one) for one in tuned],
        "held_out": {"pairs": sum(len(one.row) for one in held), "value": round(value, 4), "alone": alone},
    }
    return Fitted(ranker, fit_ease(values, plain, columns=columns), settings, others, tuple(held), scores)


def _value(held: Sequence[HeldOut], scores: Sequence[Floats], k: int) -> float:
    """The mean over the splits."""
    return float(np.mean([one.value(found, k) for one, found in zip(held, scores, strict=True)]))


def _ease(settings: EaseSettings, columns: int) -> Callable[[sparse.csr_array], ItemWeights]:
    return lambda values: fit_ease(values, settings, columns=columns)


class _Search:
    """Values of EASE's settings on the held-out pairs, each measured once."""

    def __init__(self, held: Sequence[HeldOut], k: int, columns: int, log: Callable[[str], None]) -> None:
        enough = next((i for i in range(1, len(held)) if sum(len(one.row) for one in held[:i]) >= _PAIRS), len(held))
        self._held, self._k, self._columns, self._log = held[:enough], k, columns, log
        self._found: dict[EaseSettings, float] = {}

    def value(self, settings: EaseSettings) -> float:
        if settings not in self._found:
            make = _ease(settings, self._columns)
            self._found[settings] = _value(
                self._held, [make(one.train).scores(one.known) for one in self._held], self._k
            )
            self._log(f"{settings}: {self._found[settings]:.4f}")
        return self._found[settings]

    def ridge(self, start: EaseSettings) -> EaseSettings:
        """Climb to the best ridge next to where it starts."""
        place = _RIDGES.index(start.ridge)
        while True:
            near = [i for i in (place - 1, place, place + 1) if 0 <= i < len(_RIDGES)]
            best = max(near, key=lambda i: (self.value(replace(start, ridge=_RIDGES[i])), i))
            if best == place:
                return replace(start, ridge=_RIDGES[place])
            place = best

    def tune(self, plain: EaseSettings) -> list[EaseSettings]:
        """The best settings of each weighting, the better one first."""
        best = plain
        for change in ({"row_power": 0.5}, {"dropout": 0.5}):
            changed = replace(best, **change)  # type: ignore[arg-type]
            lower = replace(changed, ridge=_RIDGES[max(_RIDGES.index(best.ridge) - 1, 0)])
            best = max((best, changed, lower), key=self.value)
        best = self.ridge(best)
        weights = self._held[0].train.data
        if (weights == weights[0]).all():
            return [best]
        return sorted((best, self.ridge(replace(best, weighting="relative"))), key=self.value, reverse=True)


def _weigh(parts: dict[str, list[Floats]], held: Sequence[HeldOut], k: int) -> dict[str, float]:
    """Weights of the parts that help: the best part first, then in turn the step of one weight that adds most."""
    first = max(parts, key=lambda name: _value(held, parts[name], k))
    weights, total = {first: 1.0}, parts[first]
    best = _value(held, total, k)

    def moved(name: str, step: float) -> list[Floats]:
        return [base + np.float32(step) * part for base, part in zip(total, parts[name], strict=True)]

    for _ in range(3 * len(parts)):
        steps = [(name, step) for name in parts for step in _STEPS if name != first and _allowed(name, weights, step)]
        tried = [(_value(held, moved(name, step), k), name, step) for name, step in steps]
        if not tried or max(tried)[0] < best + _GAIN:
            break
        best, name, step = max(tried)
        total = moved(name, step)
        weights[name] = weights.get(name, 0.0) + step
    return weights


def _weigh_rare(blend: Blend, parts: Sequence[list[Floats]], held: Sequence[HeldOut], k: int) -> Blend:
    """Raise the weights of parts for rare columns, in turn the one that adds most to their recall, while the value of
    all columns stays within a small loss. `parts`: those of the blend, of each split."""
    counts = [popularity(one.train) for one in held]
    pairs = [of[one.column] < RARE for of, one in zip(counts, held, strict=True)]
    if sum(int(few.sum()) for few in pairs) < _RARE_PAIRS:
        return blend

    def totals(rare: tuple[float, ...]) -> list[Floats]:
        return [replace(blend, rare=rare).total(one, of) for one, of in zip(parts, counts, strict=True)]

    def recall(rare: tuple[float, ...]) -> float:
        ranks = [
            pair_ranks(scores, one.known, one.row[few], one.column[few])
            for scores, one, few in zip(totals(rare), held, pairs, strict=True)
        ]
        return float((np.concatenate(ranks) <= k).mean())

    chosen = (0.0,) * len(blend.weights)
    best, least = recall(chosen), _value(held, totals(chosen), k) - _RARE_LOSS
    while True:
        tried = [
            tuple(weight + step * (i == j) for j, weight in enumerate(chosen))
            for i in range(len(chosen))
            for step in _RARE_STEPS
        ]
        gains = sorted(((recall(one), one) for one in tried), reverse=True)
        found = next((one for one in gains if one[0] > best + _GAIN and _value(held, totals(one[1]), k) >= least), None)
        if found is None:
            return replace(blend, rare=chosen)
        best, chosen = found


def _allowed(name: str, weights: dict[str, float], step: float) -> bool:
    """Popularity alone may count against a column; a negative weight of anything else follows the noise."""
    return name == "popularity" or weights.get(name, 0.0) + step >= 0
