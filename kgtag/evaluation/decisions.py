"""An extractor's decisions beside gold: the columns that intervals and thresholds are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgtag.evaluation.extraction import Protocol, best_mentions
from kgtag.evaluation.rates import rates
from kgtag.types import AnnotatedProduct, Extraction, Mention

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decisions:
    """D predicted values, over n products and L attributes.

    In the ExtractGPT protocol there is one decision for each attribute that gold lists, and at most one gold value.

    Attributes:
        attributes: Names, in order.
        categories: By product; "" where gold has none.
        product: (D,) int64.
        attribute: (D,) int64.
        probability: (D,) float64.
        correct: (D,) bool.
        gold: (n, L) int64, the number of gold values.
    """

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
        attributes,
        tuple(one.product.category or "" for one in data),
        np.array(product, dtype=np.int64),
        np.array(attribute, dtype=np.int64),
        np.array(probability, dtype=np.float64),
        np.array(correct, dtype=bool),
        gold,
    )


def per_category(made: Decisions) -> dict[str, dict[str, Any]]:
    """Micro rates, products and gold values by gold category; {} where gold names none."""
    categories = np.array(made.categories, dtype=object)
    result: dict[str, dict[str, Any]] = {}
    for name in sorted({name for name in made.categories if name}):
        here = made.of_products(categories == name)
        result[name] = here.micro() | {"support": int(here.gold.sum()), "products": int((categories == name).sum())}
    return result


_Compared = tuple[dict[str, int], list[tuple[str, float, bool]]]
"""Gold values by attribute; (attribute, probability, correct) of each decision."""


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
