"""Uncertainty of the rates: bootstrap intervals, a paired test, thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtag.evaluation.decisions import Floats, Outcomes
from kgtag.evaluation.rates import rates

_CHUNK = 200
_FEWEST = 20
"""Decisions of an attribute below which no threshold is chosen for it."""
_WORTH = 3.0
"""Right decisions that a threshold must be worth: a small set rewards chance."""
GRID = tuple(round(step / 20, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Resampled:
    """F1 of each of R samples of the products: `micro` and `macro` (R,), `per_label` (R, L), float64 fractions."""

    micro: Floats
    macro: Floats
    per_label: Floats


def bootstrap(found: Outcomes, *, samples: int = 1000, seed: int = 0) -> Resampled:
    """F1 over products drawn with replacement, as many as there are. The same seed draws the same products, so that two
    models on the same data are compared sample by sample."""
    right, made, wanted = found.counts()
    seen = (made + wanted).sum(axis=0) > 0
    parts = []
    for weights in _draws(len(right), samples, seed):
        hits, total = weights @ right, weights @ (made + wanted)
        label = _f1(hits, total)
        macro = label[:, seen].mean(axis=1) if seen.any() else np.zeros(len(weights))
        parts.append((_f1(hits.sum(axis=1), total.sum(axis=1)), macro, label))
    return Resampled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def interval(values: Floats, *, level: float = 0.95) -> list[float]:
    """[low, high] of the middle `level` of the samples."""
    tail = (1 - level) / 2
    return [round(float(bound), 5) for bound in np.quantile(values, [tail, 1 - tail])]


def paired(ours: Resampled, theirs: Resampled) -> dict[str, Any]:
    """Their samples' micro-F1 against ours: mean difference (ours - theirs), its 95% interval, and `p`, two-sided: how
    often the difference has the other sign, or is none."""
    difference = ours.micro - theirs.micro
    p = 2 * min(float((difference <= 0).mean()), float((difference >= 0).mean()))
    return {"difference": round(float(difference.mean()), 5), "interval": interval(difference), "p": min(p, 1.0)}


def trade_off(found: Outcomes) -> list[dict[str, float]]:
    """Micro rates when only decisions at least so probable are taken, from everything to the most certain."""
    wanted = float(found.wanted.sum())
    points = []
    for threshold in (0.0, *GRID, 0.97, 0.99):
        kept = found.score >= threshold
        right = float(found.right[kept].sum())
        point = {"threshold": threshold} | rates(right, float(kept.sum()), wanted)
        points.append({name: round(value, 5) for name, value in point.items()})
    return points


def choose_thresholds(found: Outcomes) -> dict[str, float]:
    """Least probabilities by attribute under which decisions do micro-F1 more harm than good; only where they pay.

    A set of decisions raises F1 when more than half of F1 of them are right, so a threshold is worth what that share of
    the decisions it drops is, less those of them that are right.
    """
    break_even = _micro(found)["f1"] / 2
    chosen: dict[str, float] = {}
    for number, name in enumerate(found.attributes):
        mine = found.attribute == number
        score, right = found.score[mine], found.right[mine]
        if len(score) < _FEWEST:
            continue
        worth = {least: float((break_even - right[score < least]).sum()) for least in GRID}
        best = max(worth, key=lambda least: (round(worth[least], 9), -least))
        if worth[best] >= _WORTH:
            chosen[name] = best
    return chosen


def thresholds_report(found: Outcomes, keys: Sequence[str]) -> dict[str, Any]:
    """What thresholds by attribute would be, and the micro-F1 that they gain: on this data, where they were chosen
    (`gain_here`, flattering), and when each half of it chooses for the other (`gain`, what to expect). `keys`: of the
    products, they decide the halves."""
    chosen = choose_thresholds(found)
    half = np.array([hashlib.sha256(key.encode("utf-8", "replace")).digest()[0] % 2 == 0 for key in keys], dtype=bool)
    crossed: Mapping[str, float] = _micro(found)
    right = made = 0.0
    for side in (half, ~half):
        kept = found.of(side).above(choose_thresholds(found.of(~side)))
        right, made = right + float(kept.right.sum()), made + float(len(kept.right))
    held = rates(right, made, float(found.wanted.sum()))
    here = _micro(found.above(chosen))
    return {
        "by_attribute": chosen,
        "gain_here": round(here["f1"] - crossed["f1"], 5),
        "gain": round(held["f1"] - crossed["f1"], 5),
    }


def _micro(found: Outcomes) -> dict[str, float]:
    return rates(float(found.right.sum()), float(len(found.right)), float(found.wanted.sum()))


def _draws(products: int, samples: int, seed: int) -> Iterator[Floats]:
    """How often each product is drawn: (≤ _CHUNK, products) float64, `samples` rows in all."""
    rng = np.random.default_rng(seed)
    even = np.full(products, 1 / max(products, 1))
    for start in range(0, samples, _CHUNK):
        yield rng.multinomial(products, even, size=min(_CHUNK, samples - start)).astype(np.float64)


def _f1(right: Floats, total: Floats) -> Floats:
    """2 · right / (decisions + wanted), 0 where there is neither."""
    return np.divide(2 * right, total, out=np.zeros_like(right), where=total > 0)
