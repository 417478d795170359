"""F1 on dev counts what the evaluation of the format counts."""

from __future__ import annotations

import pytest

from kgtag.train.extractor.config import defaults
from kgtag.train.extractor.dataset import examples, label_map
from kgtag.train.extractor.decision import Decided, Metric
from kgtag.train.extractor.options import DevMetric, TrainOptions
from kgtag.types import AnnotatedProduct, Product, Span
from tests.kgtag.train.extractor.test_gold import tokenizer


def made() -> Decided:
    """Two red shoes of which both reds were found, and a brand that was not there."""
    title = "red shoes red"
    gold = (("color", Span(0, 3)), ("color", Span(10, 13)))
    data = [AnnotatedProduct(Product("1", title), {"color": ("red",), "brand": ()}, spans=gold)]
    (example,), _ = examples(data, label_map(data), tokenizer(), max_tokens=8)
    return Decided(example, ((1, 0.9, True), (1, 0.8, True), (1, 0.3, False), (0, 0.4, False)), {1: True, 0: False})


@pytest.mark.parametrize(
    ("dev_metric", "counts"), [("span_f1", [(0, 0, 1, 0), (1, 2, 3, 2)]), ("value_f1", [(0, 0, 1, 0), (1, 1, 1, 1)])]
)
def test_every_span_counts_or_one_of_each_attribute(dev_metric: DevMetric, counts: list[tuple[int, ...]]) -> None:
    assert list(made().counts(Metric.of(TrainOptions(dev_metric=dev_metric)))) == counts


def test_a_format_has_the_metric_of_its_evaluation() -> None:
    assert Metric.of(defaults("extractgpt")) == Metric(every_span=False, listed_only=True)
    for format in ("annotated", "spans", "bio", "bieos"):
        assert Metric.of(defaults(format)) == Metric.of(TrainOptions()) == Metric(True, False)
