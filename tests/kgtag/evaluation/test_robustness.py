"""Titles written otherwise, and rates by field."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import extract_all
from kgtag.evaluation.robustness import PERTURBATIONS, evaluate_perturbed, perturbed, slices
from kgtag.types import AnnotatedProduct, Extraction, Extractor, Mention, Product, Span

GOLD = [
    AnnotatedProduct(
        Product("1", "Waterproof hiking backpack, dark green canvas", lang="en"),
        {"color": ("dark green",), "brand": ("Fells",)},
        (("color", Span(28, 38)), ("shade", Span(33, 38)), ("use", Span(11, 17))),
    ),
    AnnotatedProduct(Product("2", "红色羽绒服 男", lang="zh"), {"color": ("红色",)}, (("color", Span(0, 2)),)),
    AnnotatedProduct(Product("3", "green", lang="en"), {"color": ("green",)}, (("color", Span(0, 5)),)),
]


class Greens(Extractor):
    """Finds "dark green", "green" and 红色 as they stand."""

    version, attributes = "greens-1", ("color",)

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [self._one(product.title) for product in products]

    def _one(self, title: str) -> Extraction:
        for word in ("dark green", "green", "红色"):
            if (at := title.find(word)) >= 0:
                return Extraction((Mention(Span(at, at + len(word)), word, "color", 0.9),))
        return Extraction(())


@pytest.mark.parametrize("kind", list(PERTURBATIONS))
def test_spans_follow_their_words(kind: str) -> None:
    changed = 0
    for before, after in zip(GOLD, perturbed(GOLD, kind), strict=True):
        if after is None:
            continue
        changed += 1
        assert after.product.title != before.product.title
        for (name, old), (_, new) in zip(sorted(before.spans), sorted(after.spans), strict=True):
            was, now = before.product.cut(old), after.product.cut(new)
            assert sorted(was.lower()) == sorted(now.lower()) or kind == "traditional", name
    assert changed and perturbed(GOLD, kind) == perturbed(GOLD, kind)


def test_traditional_characters() -> None:
    latin, chinese, _ = perturbed(GOLD, "traditional")
    assert latin is None and chinese is not None and chinese.product.title == "紅色羽絨服 男"


def test_f1_before_and_after() -> None:
    found = evaluate_perturbed(Greens(), GOLD, ["upper", "lower", "traditional"])
    assert found["upper"]["n"] == 2 and found["upper"]["f1"] == 0 and found["upper"]["difference"] < 0
    # Products are read in simplified characters.
    assert found["traditional"] == {"n": 1, "before": 1.0, "f1": 1.0, "difference": 0.0}
    assert evaluate_perturbed(Greens(), GOLD[1:2], ["upper"])["upper"]["difference"] is None
    with pytest.raises(InputError, match="no perturbation 'noise'; there is typos"):
        evaluate_perturbed(Greens(), GOLD, ["noise"])


def test_slices_by_field_and_by_attribute() -> None:
    predicted = extract_all(Greens(), GOLD)
    found = slices(GOLD, predicted, ["lang", "brand"], protocol="spans")
    assert [(row["value"], row["n"]) for row in found["lang"]] == [("en", 2), ("zh", 1)]
    assert found["lang"][1]["f1"] == 1.0
    assert [(row["value"], row["n"]) for row in found["brand"]] == [("", 2), ("fells", 1)]
    with pytest.raises(InputError, match="'season', which --slice names"):
        slices(GOLD, predicted, ["season"], protocol="spans")
