"""The same products annotated with raw and with normalised values teach the rules, and are evaluated by them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import ValueExtractor, evaluate_extractor
from kgtag.normalise import Normaliser, ValuePair, fit, pair_values
from kgtag.types import AnnotatedProduct, Extraction, Mention, Product, Span

RAW = {"a": {"maker": ("HP",), "colour": ("navy", "sky")}, "b": {"maker": ("Dell", "HP")}, "c": {"maker": ("Acer",)}}
MADE = {"b": {"maker": ("Dell Inc.",)}, "a": {"colour": ("Blue", "Blue"), "maker": ("Hewlett-Packard",)}}


def annotated(rows: dict[str, dict[str, tuple[str, ...]]]) -> list[AnnotatedProduct]:
    return [AnnotatedProduct(Product(id, f"title of {id}", category="laptop"), values) for id, values in rows.items()]


def test_values_pair_up_where_there_are_as_many() -> None:
    assert list(pair_values(annotated(RAW), annotated(MADE))) == [
        ValuePair("HP", "Hewlett-Packard", "maker", "laptop"),
        ValuePair("navy", "Blue", "colour", "laptop"),
        ValuePair("sky", "Blue", "colour", "laptop"),
    ]


def test_files_of_other_products_are_an_error() -> None:
    with pytest.raises(InputError, match="no product id is in both"):
        list(pair_values(annotated(RAW), annotated({"z": MADE["a"]})))


class Reader:
    """Finds HP wherever it stands."""

    version = "reader"
    attributes = ("maker",)

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [Extraction((Mention(Span(0, 2), one.title[:2], "maker", 0.9),)) for one in products]


def test_predictions_are_compared_as_normalised_values() -> None:
    rules = Normaliser(fit([ValuePair("HP", "Hewlett-Packard", "maker", "laptop")]).rules)
    gold = [AnnotatedProduct(Product("1", "HP 15", category="laptop"), {"maker": ("Hewlett-Packard",)})]
    assert evaluate_extractor(Reader(), gold, protocol="extractgpt")["counts"]["VW"] == 1
    answer = evaluate_extractor(ValueExtractor(Reader(), normaliser=rules), gold, protocol="extractgpt")
    assert answer["counts"]["VC"] == 1 and answer["micro"]["f1"] == 1.0
