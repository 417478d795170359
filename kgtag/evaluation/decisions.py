"""What an extractor said that counts, beside what it should have said: the columns that every measure is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
class Outcomes:
    """`attributes` in order; `categories` by product, "" where gold has none. Of D decisions to name a value, all (D,):
    `product` and `attribute` (indices, int64), `score` (the extractor's probability), `right`. `wanted`: (n, L) int64,
    how many values gold has, by product and attribute.

    In the ExtractGPT protocol one decision for each attribute that gold speaks of, and at most one value wanted.
    """

    attributes: tuple[str, ...]
    categories: tuple[str, ...]
    product: Ints
    attribute: Ints
    score: Floats
    right: Bools
    wanted: Ints

    def above(self, thresholds: Mapping[str, float]) -> Outcomes:
        """Without the decisions that are less probable than their attribute's threshold."""
        least = np.array([thresholds.get(name, 0.0) for name in self.attributes])
        kept = self.score >= least[self.attribute]
        return Outcomes(
            self.attributes,
            self.categories,
            self.product[kept],
            self.attribute[kept],
            self.score[kept],
            self.right[kept],
            self.wanted,
        )

    def of(self, products: Bools) -> Outcomes:
        """Of the products where `products`, (n,), is true."""
        kept = products[self.product]
        return Outcomes(
            self.attributes,
            self.categories,
            self.product[kept],
            self.attribute[kept],
            self.score[kept],
            self.right[kept],
            self.wanted * products[:, None],
        )

    def counts(self) -> tuple[Floats, Floats, Floats]:
        """Right decisions, decisions, and values wanted, each (n, L) float64."""
        shape = self.wanted.shape
        right, made = np.zeros(shape), np.zeros(shape)
        np.add.at(right, (self.product, self.attribute), self.right)
        np.add.at(made, (self.product, self.attribute), 1.0)
        return right, made, self.wanted.astype(np.float64)


def outcomes(data: Sequence[AnnotatedProduct], found: Sequence[Extraction], *, protocol: Protocol) -> Outcomes:
    """By the same rules as `kgtag.evaluation.extraction`."""
    names = {name for one in data for name in one.attributes} | {name for one in data for name, _ in one.spans}
    if protocol == "spans":
        names |= {mention.attribute for extraction in found for mention in extraction.mentions}
    attributes = tuple(sorted(names))
    index = {name: number for number, name in enumerate(attributes)}
    wanted = np.zeros((len(data), len(attributes)), dtype=np.int64)
    rows: list[tuple[int, int, float, bool]] = []
    judge = _spans if protocol == "spans" else _values
    for number, (one, extraction) in enumerate(zip(data, found, strict=True)):
        gold, decisions = judge(one, extraction.mentions)
        for name, count in gold.items():
            wanted[number, index[name]] = count
        rows += [(number, index[name], score, right) for name, score, right in decisions if name in index]
    product, attribute, score, right = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Outcomes(
        attributes,
        tuple(one.product.category or "" for one in data),
        np.array(product, dtype=np.int64),
        np.array(attribute, dtype=np.int64),
        np.array(score, dtype=np.float64),
        np.array(right, dtype=bool),
        wanted,
    )


def per_category(found: Outcomes) -> dict[str, dict[str, Any]]:
    """Micro rates, products and values wanted by gold category; {} where gold names none."""
    right, made, wanted = (part.sum(axis=1) for part in found.counts())
    categories = np.array(found.categories, dtype=object)
    result: dict[str, dict[str, Any]] = {}
    for name in sorted({name for name in found.categories if name}):
        here = categories == name
        result[name] = {
            **rates(float(right[here].sum()), float(made[here].sum()), float(wanted[here].sum())),
            "support": int(wanted[here].sum()),
            "products": int(here.sum()),
        }
    return result


_Judged = tuple[dict[str, int], list[tuple[str, float, bool]]]


def _spans(one: AnnotatedProduct, mentions: Sequence[Mention]) -> _Judged:
    gold = {(span.start, span.end, name) for name, span in one.spans}
    made: dict[tuple[int, int, str], float] = {}
    for mention in mentions:
        key = (mention.span.start, mention.span.end, mention.attribute)
        made[key] = max(made.get(key, 0.0), mention.probability)
    counts: dict[str, int] = {}
    for _, _, name in gold:
        counts[name] = counts.get(name, 0) + 1
    return counts, [(key[2], score, key in gold) for key, score in sorted(made.items())]


def _values(one: AnnotatedProduct, mentions: Sequence[Mention]) -> _Judged:
    gold = {name: {value.strip() for value in values if value != "n/a"} for name, values in one.attributes.items()}
    best = best_mentions(mentions)
    decisions = [
        (name, best[name].probability, best[name].surface.strip() in values)
        for name, values in gold.items()
        if name in best
    ]
    return {name: 1 for name, values in gold.items() if values}, decisions
