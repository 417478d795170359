"""Uncertainty of the rates: bootstrap intervals, a paired test, thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtag.evaluation.decisions import Decisions, Floats
from kgtag.evaluation.rates import rates

_CHUNK = 200
_FEWEST = 20
"""Decisions of an attribute below which no threshold is chosen for it."""
_WORTH = 3.0
"""Correct decisions that a threshold must be worth: a small set rewards chance."""
GRID = tuple(round(step / 20, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Resampled:
    """F1 of each of R samples of the products: `micro` and `macro` (R,), `per_label` (R, L), float64 fractions."""

    micro: Floats
    macro: Floats
    per_label: Floats


def bootstrap(made: Decisions, *, samples: int = 1000, seed: int = 0) -> Resampled:
    """F1 over products drawn with replacement, as many as there are.

    The same seed draws the same products, so that two models on the same data are compared sample by sample.
    """
    correct, predicted, gold = made.counts()
    seen = (predicted + gold).sum(axis=0) > 0
    parts = []
    for weights in _draws(len(correct), samples, seed):
        hits, total = weights @ correct, weights @ (predicted + gold)
        label = _f1(hits, total)
        macro = label[:, seen].mean(axis=1) if seen.any() else np.zeros(len(weights))
        parts.append((_f1(hits.sum(axis=1), total.sum(axis=1)), macro, label))
    return Resampled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def interval(values: Floats, *, level: float = 0.95) -> list[float]:
    """[low, high] of the middle `level` of the samples."""
    tail = (1 - level) / 2
    return [round(float(bound), 5) for bound in np.quantile(values, [tail, 1 - tail])]


def paired(ours: Resampled, theirs: Resampled) -> dict[str, Any]:
    """Compare the micro-F1 of the same samples.

    Returns:
        The mean `difference` (ours - theirs), its 95% `interval`, and two-sided `p`: how often the sign differs.
    """
    difference = ours.micro - theirs.micro
    p = 2 * min(float((difference <= 0).mean()), float((difference >= 0).mean()))
    return {"difference": round(float(difference.mean()), 5), "interval": interval(difference), "p": min(p, 1.0)}


def trade_off(made: Decisions) -> list[dict[str, float]]:
    """Micro rates at rising thresholds, the same for all attributes."""
    points = []
    for threshold in (0.0, *GRID, 0.97, 0.99):
        point = {"threshold": threshold} | made.above(dict.fromkeys(made.attributes, threshold)).micro()
        points.append({name: round(value, 5) for name, value in point.items()})
    return points


def choose_thresholds(made: Decisions) -> dict[str, float]:
    """Thresholds by attribute that raise micro-F1, for the attributes where one does.

    A set of decisions raises F1 when more than half of F1 of them are correct, so a threshold is worth that share of
    the decisions it drops, less those of them that are correct.
    """
    break_even = made.micro()["f1"] / 2
    chosen: dict[str, float] = {}
    for number, name in enumerate(made.attributes):
        mine = made.attribute == number
        probability, correct = made.probability[mine], made.correct[mine]
        if len(probability) < _FEWEST:
            continue
        worth = {least: float((break_even - correct[probability < least]).sum()) for least in GRID}
        best = max(worth, key=lambda least: (round(worth[least], 9), -least))
        if worth[best] >= _WORTH:
            chosen[name] = best
    return chosen


def thresholds_report(made: Decisions, keys: Sequence[str]) -> dict[str, Any]:
    """Thresholds by attribute, and the micro-F1 that they gain.

    Args:
        made: The decisions.
        keys: Texts of the products, which divide them into two halves.

    Returns:
        `by_attribute`; `gain_here` on this data, where they were chosen; `gain` when each half chooses for the other.
    """
    chosen = choose_thresholds(made)
    half = np.array([hashlib.sha256(key.encode("utf-8", "replace")).digest()[0] % 2 == 0 for key in keys], dtype=bool)
    correct = predicted = 0.0
    for side in (half, ~half):
        kept = made.of_products(side).above(choose_thresholds(made.of_products(~side)))
        correct, predicted = correct + float(kept.correct.sum()), predicted + float(len(kept.correct))
    before, held = made.micro()["f1"], rates(correct, predicted, float(made.gold.sum()))["f1"]
    here = made.above(chosen).micro()["f1"]
    return {"by_attribute": chosen, "gain_here": round(here - before, 5), "gain": round(held - before, 5)}


def _draws(products: int, samples: int, seed: int) -> Iterator[Floats]:
    """How often each product is drawn: (≤ _CHUNK, products) float64, `samples` rows in all."""
    rng = np.random.default_rng(seed)
    even = np.full(products, 1 / max(products, 1))
    for start in range(0, samples, _CHUNK):
        yield rng.multinomial(products, even, size=min(_CHUNK, samples - start)).astype(np.float64)


def _f1(correct: Floats, total: Floats) -> Floats:
    """2 · correct / (decisions + gold), 0 where there is neither."""
    return np.divide(2 * correct, total, out=np.zeros_like(correct), where=total > 0)
