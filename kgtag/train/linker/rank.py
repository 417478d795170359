"""Fitting the ranking networks: over each query's candidates and NIL together, the right one is to score highest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kgtag.link.candidates.label_table import Ids
from kgtag.link.features.candidate_set import Floats
from kgtag.link.models import CLIP, Layer, RankModel

_NETWORKS = 4
_WIDTHS = (48, 24)
_EPOCHS, _MOST_STEPS = 25, 800
_BATCH = 64
_RATE, _DECAY = 3e-3, 0.02


@dataclass(frozen=True, slots=True)
class RankData:
    """Candidates of all queries, `lookup` (n,) sorted and numbering them from 0; `features` (n, features) float32.

    `right`, `counts` (n,) bool: whether a candidate is gold, and whether it counts at all. By query (queries,):
    `nil` bool, `weight` float32. Queries that are not NIL and whose gold isn't among the candidates teach nothing.
    """

    features: NDArray[np.float32]
    lookup: Ids
    right: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    nil: NDArray[np.bool_]
    weight: NDArray[np.float32]


def fit_networks(data: RankData, *, seed: int) -> RankModel:
    """Deterministic on one machine. Needs at least one query with its gold among the candidates."""
    mean: Floats = np.asarray(data.features.mean(axis=0, dtype=np.float64), dtype=np.float64)
    spread: Floats = np.asarray(data.features.std(axis=0, dtype=np.float64), dtype=np.float64)
    spread = np.where(spread > 1e-6, spread, np.inf)
    scaled = np.empty(data.features.shape, dtype=np.float32)
    np.clip((data.features - mean) / spread, -CLIP, CLIP, out=scaled, casting="same_kind")
    starts = np.searchsorted(data.lookup, np.arange(len(data.nil) + 1))
    gold = np.full(len(data.nil), -1, dtype=np.int64)  # by query: the place of its gold among its candidates
    rows = np.flatnonzero(data.right)
    gold[data.lookup[rows]] = rows - starts[data.lookup[rows]]
    usable = np.flatnonzero((gold >= 0) | data.nil)
    networks = tuple(
        _fit(scaled, data, starts=starts, gold=gold, usable=usable, seed=seed * 10 + n) for n in range(_NETWORKS)
    )
    spread = np.where(np.isfinite(spread), spread, 1e12)
    return RankModel(mean=np.round(mean, 6), spread=np.round(spread, 6), networks=networks)


def _fit(
    scaled: NDArray[np.float32],
    data: RankData,
    *,
    starts: NDArray[np.int64],
    gold: NDArray[np.int64],
    usable: NDArray[np.int64],
    seed: int,
) -> tuple[Layer, ...]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lower = nn.Linear(scaled.shape[1], _WIDTHS[0]), nn.ReLU(), nn.Dropout(0.2)
        upper = nn.Linear(*_WIDTHS), nn.ReLU(), nn.Dropout(0.1)
        net = nn.Sequential(*lower, *upper, nn.Linear(_WIDTHS[1], 1))
        draw = np.random.default_rng(seed)
        batches = (len(usable) + _BATCH - 1) // _BATCH
        epochs = max(3, min(_EPOCHS, _MOST_STEPS // batches))
        optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
        pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=epochs * batches)
        net.train()
        for _ in range(epochs):
            order = draw.permutation(usable)
            for start in range(0, len(order), _BATCH):
                loss = _loss(net, scaled, data, starts=starts, gold=gold, queries=order[start : start + _BATCH])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                pace.step()
    return tuple((_rounded(layer.weight.T), _rounded(layer.bias)) for layer in net if isinstance(layer, nn.Linear))


def _loss(
    net: nn.Sequential,
    scaled: NDArray[np.float32],
    data: RankData,
    *,
    starts: NDArray[np.int64],
    gold: NDArray[np.int64],
    queries: NDArray[np.int64],
) -> Tensor:
    sizes = starts[queries + 1] - starts[queries]
    width = int(sizes.max())
    place = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = place + np.repeat(starts[queries], sizes)
    owner = np.repeat(np.arange(len(queries)), sizes)
    scores = torch.full((len(queries), width + 1), -1e4)
    found = net(torch.from_numpy(scaled[rows])).squeeze(-1)
    found = found.masked_fill(torch.from_numpy(~data.counts[rows]), -1e4)
    scores = scores.index_put((torch.from_numpy(owner), torch.from_numpy(place)), found)
    scores = torch.cat([scores[:, :width], torch.zeros(len(queries), 1)], dim=1)
    target = torch.from_numpy(np.where(data.nil[queries], width, gold[queries]))
    losses = nn.functional.cross_entropy(scores, target, reduction="none")
    weight = torch.from_numpy(data.weight[queries])
    return (losses * weight).sum() / weight.sum()


def _rounded(tensor: Tensor) -> Floats:
    exact: Floats = tensor.detach().numpy().astype(np.float64)
    return np.round(exact, 6)
