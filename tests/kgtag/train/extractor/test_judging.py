"""What the dev set counts is what the evaluation of the format counts."""

from __future__ import annotations

import pytest

from kgtag.cli.training_data import base_options
from kgtag.train.extractor.dataset import examples, label_map
from kgtag.train.extractor.decision import Decided, Judging
from kgtag.train.extractor.options import TrainOptions
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
    ("judged", "counts"), [("spans", [(0, 0, 1, 0), (1, 2, 3, 2)]), ("values", [(0, 0, 1, 0), (1, 1, 1, 1)])]
)
def test_every_span_counts_or_one_of_each_attribute(judged: str, counts: list[tuple[int, ...]]) -> None:
    judging = Judging(every_span=judged == "spans", listed_only=False)
    assert list(made().counts(judging)) == counts


def test_a_format_is_judged_as_it_is_evaluated() -> None:
    assert Judging.of(base_options("extractgpt")) == Judging(every_span=False, listed_only=True)
    for format in ("annotated", "spans", "bio", "bieos"):
        assert Judging.of(base_options(format)) == Judging.of(TrainOptions()) == Judging(True, False)
