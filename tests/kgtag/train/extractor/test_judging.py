"""F1 on dev counts what the evaluation of the format counts."""

from __future__ import annotations

import numpy as np
import pytest

from kgtag.extract.decode import ALLOWED, ENDS, FORBIDDEN, STARTS, Chain, S
from kgtag.train.extractor.config import DevMetric, TrainOptions, defaults
from kgtag.train.extractor.dataset import examples, label_map
from kgtag.train.extractor.decision import Metric, Scored, outcomes
from kgtag.types import AnnotatedProduct, Product, Span
from tests.kgtag.train.extractor.test_gold import tokenizer

CHAIN = Chain(np.where(ALLOWED, 0.0, FORBIDDEN), np.where(STARTS, 0.0, FORBIDDEN), np.where(ENDS, 0.0, FORBIDDEN))


def made() -> Scored:
    """Two red shoes of which both reds are found, and a colour and a brand that are not there."""
    title = "red shoes red"
    gold = (("color", Span(0, 3)), ("color", Span(10, 13)))
    data = [AnnotatedProduct(Product("1", title), {"color": ("red",), "brand": ()}, spans=gold)]
    (example,), _ = examples(data, label_map(data), tokenizer(), max_tokens=8)
    emissions = np.zeros((2, 3, 5))
    emissions[0, 1, S] = 1.0
    emissions[1, :, S] = (3.0, 1.0, 2.0)
    return Scored(example, emissions)


@pytest.mark.parametrize(
    ("dev_metric", "counts"), [("span_f1", {0: [0, 1, 0], 1: [2, 3, 2]}), ("value_f1", {0: [0, 1, 0], 1: [1, 1, 1]})]
)
def test_every_span_counts_or_one_of_each_attribute(dev_metric: DevMetric, counts: dict[int, list[int]]) -> None:
    found = outcomes([made()], CHAIN, bias=0.0, metric=Metric.of(TrainOptions(dev_metric=dev_metric)))
    assert found.counts == counts
    assert found.hits.tolist() == [False, True, False, True]
    right, predicted, gold = map(sum, zip(*counts.values(), strict=True))
    assert found.f1 == 2 * right / (predicted + gold)


def test_a_format_has_the_metric_of_its_evaluation() -> None:
    assert Metric.of(defaults("extractgpt")) == Metric(every_span=False, listed_only=True)
    for format in ("annotated", "spans", "bio", "bieos"):
        assert Metric.of(defaults(format)) == Metric.of(TrainOptions()) == Metric(True, False)
