"""The protocols, on examples counted by hand."""

from __future__ import annotations

import pytest

from kgtag.evaluation.extraction import (
    as_documents,
    best_values,
    evaluate_extractgpt,
    evaluate_extractions,
    evaluate_spans,
    mistakes,
)
from kgtag.types import AnnotatedProduct, Extraction, Mention, Product, Span


def gold(**attributes: tuple[str, ...]) -> AnnotatedProduct:
    return AnnotatedProduct(Product("1", "title"), attributes)


def test_extractgpt_counts_each_product_and_attribute_once() -> None:
    data = [gold(brand=("Acme",), color=("red", "blue"), size=()), gold(brand=("Norda",), color=()), gold(brand=("X",))]
    predicted = [{"brand": "Acme", "color": "blue", "size": "9"}, {"color": "green", "weight": "3 kg"}, {"brand": "Y"}]
    found = evaluate_extractgpt(data, predicted)
    # VC: brand, color; VW: brand of the third; NV: size, color of the second; VN: brand of the second
    assert found["counts"] == {"VC": 2, "VW": 1, "NV": 2, "VN": 1, "NN": 0}
    assert found["micro"] == {"precision": 2 / 5, "recall": 2 / 4, "f1": pytest.approx(4 / 9)}
    assert found["strict"]["micro"] == {"precision": 2 / 6, "recall": 2 / 4, "f1": pytest.approx(0.4)}
    assert found["per_label"]["brand"]["support"] == 3
    assert found["per_label"]["color"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert found["macro"]["recall"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert (found["n"], found["protocol"]) == (3, "extractgpt")


def test_nothing_where_gold_says_absent_is_neither_right_nor_wrong() -> None:
    found = evaluate_extractgpt([gold(size=())], [{}])
    assert found["micro"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["counts"]["NN"] == 1


def test_values_compare_without_outer_blanks_but_with_case() -> None:
    data = [gold(brand=(" Acme",)), gold(brand=("Acme",))]
    assert evaluate_extractgpt(data, [{"brand": "Acme"}, {"brand": "acme"}])["counts"]["VC"] == 1


def test_spans_count_only_when_everything_is_equal() -> None:
    wanted = [{(0, 4, "brand"), (5, 8, "color")}, set()]
    found = evaluate_spans(wanted, [{(0, 4, "brand"), (5, 9, "color"), (5, 8, "size")}, {(0, 1, "brand")}])
    assert found["micro"] == {"precision": 1 / 4, "recall": 1 / 2, "f1": pytest.approx(1 / 3)}
    assert found["per_label"]["brand"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert found["macro"]["f1"] == pytest.approx(2 / 9)


def test_the_likeliest_mention_stands_for_its_attribute() -> None:
    mentions = [
        Mention(Span(0, 1), "a", "color", 0.5),
        Mention(Span(4, 5), "b", "color", 0.9),
        Mention(Span(2, 3), "c", "color", 0.9),
    ]
    assert best_values(mentions) == {"color": "c"}


def test_what_is_said_twice_counts_more() -> None:
    said = [
        Mention(Span(0, 3), "red", "color", 0.6),
        Mention(Span(0, 4, "text"), "blue", "color", 0.5),
        Mention(Span(9, 13, "text"), "blue", "color", 0.5),
    ]
    assert best_values(said) == {"color": "blue"}
    assert best_values(said[:2]) == {"color": "red"}


def test_what_stands_in_the_text_is_not_taken_for_the_title() -> None:
    product = Product("1", "red cup", "blue cup")
    item = AnnotatedProduct(product, {}, (("shade", Span(0, 3)), ("color", Span(0, 4, "text"))))
    found = Extraction(
        (Mention(Span(0, 3, "text"), "blu", "color", 0.9), Mention(Span(0, 4, "text"), "blue", "color", 0.9))
    )
    answer = evaluate_extractions([item], [found], protocol="spans")
    assert answer["micro"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    data, moved = as_documents([item], [found])
    (wrong, missed) = mistakes(data, moved, protocol="spans")
    assert (wrong.kind, wrong.gold) == ("wrong boundary", "blue")
    assert (missed.kind, missed.gold) == ("missed", "red")
