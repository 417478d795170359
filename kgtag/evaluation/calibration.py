"""How far rates and probabilities can be trusted: reliability, bootstrap intervals, a paired test, thresholds.

Calibration has one definition for extraction, linking, embeddings and implicit values.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kgtag.evaluation.extraction import Protocol, best_mentions, rates
from kgtag.types import AnnotatedProduct, Extraction, Mention

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_Compared = tuple[dict[str, int], list[tuple[str, float, bool]]]
"""Gold values by attribute; (attribute, probability, correct) of each decision."""
_BINS = 10
_CHUNK = 200
_FEWEST = 20
"""Decisions of an attribute below which no threshold is chosen for it."""
_WORTH = 3.0
"""Correct decisions that a threshold must be worth: a small set rewards chance."""
GRID = tuple(round(step / 20, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Bin:
    """The `n` decisions with a probability in [low, high): their mean probability, and the share that is right."""

    low: float
    high: float
    n: int
    probability: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Calibration of `n` probabilities: expected calibration error over bins of equal width (0 is perfect), mean
    squared error (0.25 for a coin), mean negative log-likelihood in nats, the chance that a right decision has a higher
    probability than a wrong one (0.5 without both), and the bins that hold decisions, ascending."""

    n: int
    ece: float
    brier: float
    log_loss: float
    auc: float
    bins: tuple[Bin, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Everything, rounded to five digits."""
        return _rounded(self) | {"bins": [_rounded(one) for one in self.bins]}


def _rounded(one: Bin | Reliability) -> dict[str, object]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(one).items()}


def reliability(probability: ArrayLike, right: ArrayLike) -> Reliability:
    """Compare probabilities, (n,) in [0, 1], with outcomes, (n,) of 0 and 1.

    Example:
        >>> reliability([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0]).ece
        0.0
    """
    p, hit = np.asarray(probability, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(p):
        return Reliability(0, 0.0, 0.0, 0.0, 0.0)
    at = np.minimum((p * _BINS).astype(np.int64), _BINS - 1)
    table = tuple(
        Bin(b / _BINS, (b + 1) / _BINS, int((at == b).sum()), float(p[at == b].mean()), float(hit[at == b].mean()))
        for b in np.unique(at).tolist()
    )
    ece = sum(b.n * abs(b.probability - b.right) for b in table) / len(p)
    bounded = np.clip(p, 1e-6, 1 - 1e-6)
    log_loss = -np.mean(np.where(hit > 0, np.log(bounded), np.log1p(-bounded)))
    return Reliability(len(p), ece, float(np.mean((p - hit) ** 2)), float(log_loss), _auc(p, hit), table)


def _auc(probability: Floats, right: Floats) -> float:
    positives, negatives = probability[right > 0], np.sort(probability[right <= 0])
    if not len(positives) or not len(negatives):
        return 0.5
    below, upto = (np.searchsorted(negatives, positives, side=side) for side in ("left", "right"))
    return float(((below + upto) / 2).mean() / len(negatives))


@dataclass(frozen=True, slots=True)
class Decisions:
    """D predicted values, over n products and L attributes. `attributes` are names, in order; `categories` are by
    product, "" where gold has none; `gold` (n, L) counts gold values. In the ExtractGPT protocol there is one decision
    for each attribute that gold lists, and at most one gold value."""

    attributes: tuple[str, ...]
    categories: tuple[str, ...]
    product: Ints
    attribute: Ints
    probability: Floats
    correct: Bools
    gold: Ints

    def above(self, thresholds: Mapping[str, float]) -> Decisions:
        """Without the decisions that are less probable than their attribute's threshold."""
        least = np.array([thresholds.get(name, 0.0) for name in self.attributes])
        return self._only(self.probability >= least[self.attribute])

    def of_products(self, products: Bools) -> Decisions:
        """The decisions and the gold of the products where `products`, (n,), is true."""
        return replace(self._only(products[self.product]), gold=self.gold * products[:, None])

    def counts(self) -> tuple[Floats, Floats, Floats]:
        """Correct decisions, decisions, and gold values, each (n, L) float64."""
        correct, made = np.zeros(self.gold.shape), np.zeros(self.gold.shape)
        np.add.at(correct, (self.product, self.attribute), self.correct)
        np.add.at(made, (self.product, self.attribute), 1.0)
        return correct, made, self.gold.astype(np.float64)

    def micro(self) -> dict[str, float]:
        """Micro precision, recall and F1."""
        return rates(float(self.correct.sum()), float(len(self.correct)), float(self.gold.sum()))

    def _only(self, kept: Bools) -> Decisions:
        columns = {name: getattr(self, name)[kept] for name in ("product", "attribute", "probability", "correct")}
        return replace(self, **columns)


def decisions(data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], *, protocol: Protocol) -> Decisions:
    """Compare extractions with gold, by the rules of `kgtag.evaluation.extraction`."""
    names = {name for one in data for name in one.attributes} | {name for one in data for name, _ in one.spans}
    if protocol == "spans":
        names |= {mention.attribute for extraction in predicted for mention in extraction.mentions}
    attributes = tuple(sorted(names))
    index = {name: number for number, name in enumerate(attributes)}
    gold = np.zeros((len(data), len(attributes)), dtype=np.int64)
    rows: list[tuple[int, int, float, bool]] = []
    compare = _spans if protocol == "spans" else _values
    for number, (one, extraction) in enumerate(zip(data, predicted, strict=True)):
        counts, made = compare(one, extraction.mentions)
        for name, count in counts.items():
            gold[number, index[name]] = count
        rows += [(number, index[name], probability, correct) for name, probability, correct in made if name in index]
    product, attribute, probability, correct = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Decisions(
        attributes, tuple(one.product.category or "" for one in data), np.array(product, dtype=np.int64),
        np.array(attribute, dtype=np.int64), np.array(probability, dtype=np.float64), np.array(correct, dtype=bool),
        gold,
    )  # fmt: skip


def per_category(made: Decisions) -> dict[str, dict[str, Any]]:
    """Micro rates, products and gold values by gold category; {} where gold names none."""
    categories = np.array(made.categories, dtype=object)
    result: dict[str, dict[str, Any]] = {}
    for name in sorted({name for name in made.categories if name}):
        here = made.of_products(categories == name)
        result[name] = here.micro() | {"support": int(here.gold.sum()), "products": int((categories == name).sum())}
    return result


def _spans(one: AnnotatedProduct, mentions: Sequence[Mention]) -> _Compared:
    gold = {(span.start, span.end, name) for name, span in one.spans}
    made: dict[tuple[int, int, str], float] = {}
    for mention in mentions:
        key = (mention.span.start, mention.span.end, mention.attribute)
        made[key] = max(made.get(key, 0.0), mention.probability)
    counts = Counter(name for _, _, name in gold)
    return counts, [(key[2], probability, key in gold) for key, probability in sorted(made.items())]


def _values(one: AnnotatedProduct, mentions: Sequence[Mention]) -> _Compared:
    gold = {name: {value.strip() for value in values if value != "n/a"} for name, values in one.attributes.items()}
    chosen = [mention for name, mention in best_mentions(mentions).items() if name in gold]
    made = [(m.attribute, m.probability, m.surface.strip() in gold[m.attribute]) for m in chosen]
    return {name: 1 for name, values in gold.items() if values}, made


@dataclass(frozen=True, slots=True)
class Resampled:
    """F1 of each of R samples of the products: `micro` and `macro` (R,), `per_label` (R, L), float64 fractions."""

    micro: Floats
    macro: Floats
    per_label: Floats


def bootstrap(made: Decisions, *, samples: int = 1000, seed: int = 0) -> Resampled:
    """F1 over products drawn with replacement, as many as there are. The same seed draws the same products, so that two
    models on the same data are compared sample by sample."""
    correct, predicted, gold = made.counts()
    seen = (predicted + gold).sum(axis=0) > 0
    rng, products = np.random.default_rng(seed), len(correct)
    even = np.full(products, 1 / max(products, 1))
    parts = []
    for start in range(0, samples, _CHUNK):
        weights = rng.multinomial(products, even, size=min(_CHUNK, samples - start)).astype(np.float64)
        hits, total = weights @ correct, weights @ (predicted + gold)
        label = _f1(hits, total)
        macro = label[:, seen].mean(axis=1) if seen.any() else np.zeros(len(weights))
        parts.append((_f1(hits.sum(axis=1), total.sum(axis=1)), macro, label))
    return Resampled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def interval(values: Floats) -> list[float]:
    """[low, high] of the middle 95% of the samples."""
    return [round(float(bound), 5) for bound in np.quantile(values, [0.025, 0.975])]


def paired(ours: Resampled, theirs: Resampled) -> dict[str, Any]:
    """Compare the micro-F1 of the same samples. The answer has the mean `difference` (ours - theirs), its 95%
    `interval`, and two-sided `p`: how often the sign differs."""
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
    """Thresholds by attribute that raise micro-F1, where one does. Decisions raise F1 when more than half of F1 of them
    are correct, so a threshold is worth that share of the decisions it drops, less those of them that are correct."""
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
    """Thresholds `by_attribute`, and the micro-F1 that they gain: `gain_here` on this data, where they were chosen;
    `gain` when each half of the products, divided by their `keys` (texts), chooses for the other."""
    chosen = choose_thresholds(made)
    half = np.array([hashlib.sha256(key.encode("utf-8", "replace")).digest()[0] % 2 == 0 for key in keys], dtype=bool)
    correct = predicted = 0.0
    for side in (half, ~half):
        kept = made.of_products(side).above(choose_thresholds(made.of_products(~side)))
        correct, predicted = correct + float(kept.correct.sum()), predicted + float(len(kept.correct))
    before, held = made.micro()["f1"], rates(correct, predicted, float(made.gold.sum()))["f1"]
    here = made.above(chosen).micro()["f1"]
    return {"by_attribute": chosen, "gain_here": round(here - before, 5), "gain": round(held - before, 5)}


def _f1(correct: Floats, total: Floats) -> Floats:
    """2 · correct / (decisions + gold), 0 where there is neither."""
    return np.divide(2 * correct, total, out=np.zeros_like(correct), where=total > 0)
