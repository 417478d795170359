"""Training a placer on a taxonomy's own concepts: each fifth of the leaves is taken out in turn, and its parents found.

The towers are two linear maps of text vectors, a child's and its family's, trained with softmax cross-entropy among the
batch's parents, parents like those of the child, and others. Networks then rank places by the towers' score and by
features that nothing was fitted for; the towers that score a leaf were trained without its fifth.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from torch import Tensor, nn

from graph.taxonomy import Taxonomy
from kgtag.compute import unit
from kgtag.discover.place.families import Families, Floats, Ints
from kgtag.discover.place.features import Asked, Hierarchy
from kgtag.discover.place.model import FIELDS, MOVED, UNTRAINED, PlaceModel, Towers, fields
from kgtag.discover.place.placer import Placer, moves
from kgtag.evaluation.calibration import reliability
from kgtag.link.candidates.ngrams import GramIndex, grams
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import RankModel
from kgtag.train.calibration import fit_logistic
from kgtag.train.linker.dataset import RankData
from kgtag.train.linker.run import fit_networks

log = logging.getLogger(__name__)
_LEAST_LEAVES = 300
"""Leaves under which nothing is trained: weights that were fitted elsewhere do better (`benchmarks/place.py`)."""
_MOST_CONCEPTS = 50_000
"""Concepts up to which a placer is trained: their families' texts take half a gigabyte."""
_FOLDS, _MOST_COMPARED = 5, 100_000_000
"""Leaves are asked as long as all their comparisons with concepts are no more than this."""
_LETTERS, _WIDTH, _SCALE = 128, 384, 8.0
_EPOCHS, _BATCH, _RATE, _DROPOUT = 5, 256, 1.5e-3, 0.1
_LIKE, _DRAWN, _OTHERS = 40, 8, 256
"""Parents like a child's that are kept, and drawn a step for each child; others that are drawn for a batch."""
_START = (0.5, 1.0, 0.3, 0.2, 0.3)
"""Weights of a family's fields before training."""
_STEPS = 2_000
_PRIOR = 5.0
"""Strength with which the calibration of labels alone holds where there are few leaves."""
_MOVES = 2_000
"""Concepts of either sort, with children and without, that teach what moves under a new one."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Places of leaves that were taken out: `features` (m, K, f) and `right` (m, K)."""

    features: Floats
    right: NDArray[np.bool_]

    def data(self) -> RankData:
        m, k, width = self.features.shape
        return RankData(
            features=self.features.reshape(-1, width), lookup=np.repeat(np.arange(m, dtype=np.int32), k),
            right=self.right.ravel(), counts=np.ones(m * k, dtype=np.bool_), nil=np.asarray(~self.right.any(axis=1)),
            weight=np.ones(m, dtype=np.float32),
        )  # fmt: skip

    def odds(self, model: RankModel) -> NDArray[np.float64]:
        m, k, width = self.features.shape
        lookup = np.repeat(np.arange(m, dtype=np.int32), k)
        found: NDArray[np.float64] = model.log_odds(self.features.reshape(-1, width), lookup).reshape(m, k)
        return found


def train_places(taxonomy: Taxonomy, encoder: SentenceEncoder, *, seed: int = 0) -> PlaceModel | None:
    """Train on the labels in the language that most concepts have. None with fewer than 300 leaves, or more than
    50,000 concepts."""
    placer = Placer(taxonomy)
    families, texts = placer.families, placer.hierarchy(placer.lang).texts
    leaves = np.flatnonzero((families.counts == 0) & (np.diff(families.parents.indptr) > 0))
    if len(leaves) < _LEAST_LEAVES or len(texts) > _MOST_CONCEPTS:
        log.info("no placer is trained on %d concepts with %d leaves", len(texts), len(leaves))
        return None
    vectors = encoder.encode_uncached([concept.label(placer.lang) for concept in placer.concepts])
    keys, basis = _letters(texts, seed=seed)
    empty = np.zeros(0, dtype=np.float32)
    untrained = Towers(empty, empty, empty, keys, basis)
    rows = untrained.texts(texts, vectors)
    draw = np.random.default_rng(seed)
    parts = np.array_split(draw.permutation(leaves)[: _MOST_COMPARED // len(texts)], _FOLDS)
    ranked = []
    for number, part in enumerate(parts):
        hidden = np.zeros(len(texts), dtype=np.bool_)
        hidden[part] = True
        kept = families.without(hidden)
        towers = _fit_towers(kept, rows[~hidden], untrained, seed=seed * 10 + number)
        places = towers.places(kept, rows[~hidden])
        hierarchy = Hierarchy(kept, [texts[i] for i in np.flatnonzero(~hidden).tolist()], vectors[~hidden], places)
        asked = Asked([texts[i] for i in part.tolist()], vectors[part], rows[part] @ towers.child)
        ranked.append(_ranked(hierarchy, asked, families, part, np.flatnonzero(~hidden)))
        log.info("places, part %d of %d: %.3f among the candidates", number + 1, _FOLDS, ranked[-1].right.any(1).mean())
    rank, metrics = _fit_rank(ranked, seed=seed)
    towers = _fit_towers(families, rows, untrained, seed=seed)
    moved = _fit_moves(Hierarchy(families, texts, vectors), vectors, seed=seed)
    return PlaceModel(rank, moved, towers, placer.lang, metrics)


def _letters(texts: Sequence[str], *, seed: int) -> tuple[Ints, Floats]:
    """The n-grams, and their vectors: the right singular ones of the texts' TF-IDF, weighted by idf."""
    rows = GramIndex(texts).rows
    keys = np.unique(grams(texts)[0])
    size = min(_LETTERS, min(rows.shape) - 1)
    start = np.random.default_rng(seed).standard_normal(min(rows.shape)).astype(np.float32)
    _, _, right = svds(rows, k=size, v0=start)
    frequency = np.bincount(rows.indices, minlength=len(keys))
    idf = 1 + np.log((1 + len(texts)) / (1 + frequency))
    return keys, (right.T * idf[:, None]).astype(np.float32)


def _ranked(hierarchy: Hierarchy, asked: Asked, families: Families, part: Ints, kept: Ints) -> _Ranked:
    found = list(hierarchy.candidates(asked))
    top = kept[np.concatenate([top for top, _ in found])]
    parents = families.parents
    gold = [set(parents.indices[parents.indptr[i] : parents.indptr[i + 1]].tolist()) for i in part.tolist()]
    right = np.array([[place in own for place in row] for row, own in zip(top.tolist(), gold, strict=True)])
    return _Ranked(np.concatenate([features for _, features in found]), right)


def _fit_rank(ranked: Sequence[_Ranked], *, seed: int) -> tuple[RankModel, dict[str, Any]]:
    """Calibrated on half of the last part with networks that did not see it, measured on the other half; then fitted
    on all."""

    def joined(some: Sequence[_Ranked]) -> _Ranked:
        return _Ranked(np.concatenate([one.features for one in some]), np.concatenate([one.right for one in some]))

    first = fit_networks(joined(ranked[:-1]).data(), seed=seed, steps=_STEPS)
    odds, right = ranked[-1].odds(first), ranked[-1].right
    at = np.arange(len(odds)), odds.argmax(axis=1)
    best, hit = odds[at], right[at]
    half = np.arange(len(odds)) % 2 == 0
    prior = (UNTRAINED.rank.slope, UNTRAINED.rank.offset)
    slope, offset = fit_logistic(best[half, None], hit[half].astype(float), penalty=_PRIOR, prior=prior).tolist()
    slope = max(slope, 0.05)
    first = replace(first, slope=round(slope, 6), offset=round(offset, 6))
    order = np.argsort(-odds, axis=1, kind="stable")
    hits = np.take_along_axis(right, order, axis=1)[~half]
    rank = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, np.inf)
    reliable = reliability(first.probability(best[~half]), hit[~half])
    metrics = {
        "n": int((~half).sum()), "hit_at_1": float((rank == 1).mean()), "hit_at_3": float((rank <= 3).mean()),
        "mrr": float((1 / rank).mean()), "ece": reliable.ece, "auc": reliable.auc,
    }  # fmt: skip
    whole = fit_networks(joined(ranked).data(), seed=seed, steps=_STEPS)
    return replace(whole, slope=first.slope, offset=first.offset, metrics=metrics), metrics


def _fit_towers(families: Families, rows: Floats, untrained: Towers, *, seed: int) -> Towers:
    """Deterministic on one machine. `rows` (n, d): the concepts' texts."""
    draw = np.random.default_rng(seed)
    edges, dim = families.edges, rows.shape[1]
    text, own = torch.from_numpy(rows), fields(families, rows)
    family = torch.from_numpy(np.stack(own, axis=1))
    summed = torch.from_numpy(np.asarray(families.children @ rows, dtype=np.float32))
    sizes, counts = torch.from_numpy(families.sizes), torch.from_numpy(families.counts)
    like = _like(families, unit(0.5 * own[0] + own[1]), rows)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = torch.eye(dim, _WIDTH)
        child = (start + 0.01 * torch.randn(dim, _WIDTH)).requires_grad_()
        parent = torch.stack([w * _SCALE * start + 0.05 * torch.randn(dim, _WIDTH) for w in _START]).requires_grad_()
        bias = torch.zeros(4, requires_grad=True)
        steps = -(-len(edges) // _BATCH) * _EPOCHS
        groups = [{"params": [child, bias], "lr": _RATE}, {"params": [parent], "lr": _RATE * _SCALE}]
        optimiser = torch.optim.Adam(groups)
        rates = [_RATE, _RATE * _SCALE]
        pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=max(0.1, 2.5 / steps))
        for _ in range(_EPOCHS):
            order = draw.permutation(len(edges))
            for at in range(0, len(order), _BATCH):
                heads, tails = edges[order[at : at + _BATCH]].T
                drawn = like[heads][:, draw.integers(like.shape[1], size=_DRAWN)]
                pool = np.unique(np.concatenate([tails, drawn.ravel(), draw.integers(len(rows), size=_OTHERS)]))
                asked = nn.functional.dropout(text[heads], _DROPOUT) @ child
                # A child's own family is compared without the child.
                rest = nn.functional.normalize(summed[tails] - text[heads], dim=1, eps=1e-6)
                rest = rest * (counts[tails] > 1)[:, None]
                without = torch.cat([family[tails][:, :1], rest[:, None], family[tails][:, 2:]], dim=1)
                mine = (asked * _placed(without, parent)).sum(dim=1) + sizes[tails] @ bias
                scores = asked @ _placed(family[pool], parent).T + sizes[pool] @ bias
                same = torch.from_numpy((pool == tails[:, None]) | (pool == heads[:, None]))
                scores = torch.cat([mine[:, None], scores.masked_fill(same, -1e4)], dim=1)
                loss = (torch.logsumexp(scores, dim=1) - mine).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                pace.step()
    return replace(untrained, child=_array(child), parent=_array(parent), sizes=_array(bias))


def _placed(family: Tensor, parent: Tensor) -> Tensor:
    """(n, FIELDS, d) → (n, k)."""
    dropped = nn.functional.dropout(family, _DROPOUT)
    return dropped.reshape(len(family), -1) @ parent.reshape(FIELDS * parent.shape[1], -1)


def _like(families: Families, family: Floats, rows: Floats) -> Ints:
    """(n, 40): the parents whose families are most like each concept."""
    parents = np.flatnonzero(families.counts > 0)
    k = min(_LIKE, len(parents))
    found = np.empty((len(rows), k), dtype=np.int64)
    for start in range(0, len(rows), 1024):
        fits = rows[start : start + 1024] @ family[parents].T
        found[start : start + 1024] = parents[np.argpartition(-fits, k - 1, axis=1)[:, :k]]
    return found


def _array(weights: Tensor) -> Floats:
    array: Floats = weights.detach().numpy().astype(np.float32)
    return array


def _fit_moves(hierarchy: Hierarchy, vectors: Floats, *, seed: int) -> Floats:
    """Logistic weights. Concepts are taken out, and their children, given to their parents, are to be found again."""
    families, draw = hierarchy.families, np.random.default_rng(seed)
    children = families.children
    features, moved = [], []
    inner = families.counts > 0
    edges = families.edges[draw.permutation(len(families.edges))]
    for has in (True, False):
        for child, parent in edges[inner[edges[:, 0]] == has][:_MOVES].tolist():
            own = children.indices[children.indptr[child] : children.indptr[child + 1]]
            others = children.indices[children.indptr[parent] : children.indptr[parent + 1]]
            under = np.concatenate([own, others[others != child]])
            if len(under):
                asked = Asked([hierarchy.texts[child]], vectors[child : child + 1])
                features.append(moves(hierarchy, asked, parent, under))
                moved.append(np.arange(len(under)) < len(own))
    if not features:
        return np.zeros(len(MOVED) + 1, dtype=np.float32)
    target = np.concatenate(moved).astype(np.float64)
    weights = fit_logistic(np.concatenate(features).astype(np.float64), target, penalty=1.0)
    return np.round(weights, 6).astype(np.float32)
