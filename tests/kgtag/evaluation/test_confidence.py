"""Decisions, intervals, calibration, thresholds and mistakes, on examples counted by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.evaluation.confidence import (
    bootstrap,
    choose_thresholds,
    decisions,
    interval,
    paired,
    per_category,
    thresholds_report,
    trade_off,
)
from kgtag.evaluation.errors import KINDS, error_table, mistakes
from kgtag.evaluation.extraction import Protocol, evaluate_extractions, rates
from kgtag.evaluation.tagging import evaluate_hierarchical
from kgtag.types import AnnotatedProduct, Extraction, Mention, Product, Span


def gold(title: str, category: str = "Cup", absent: tuple[str, ...] = (), **values: str) -> AnnotatedProduct:
    spans = tuple((name, Span(title.index(value), title.index(value) + len(value))) for name, value in values.items())
    attributes: dict[str, tuple[str, ...]] = {name: (value,) for name, value in values.items()}
    return AnnotatedProduct(Product(title, title, category=category), attributes | dict.fromkeys(absent, ()), spans)


def predicted(title: str, *mentions: tuple[str, str, float]) -> Extraction:
    """Mentions as (attribute, surface, probability)."""
    return Extraction(
        tuple(
            Mention(Span(title.index(surface), title.index(surface) + len(surface)), surface, attribute, probability)
            for attribute, surface, probability in mentions
        )
    )


TITLES = ("Acme dark red mug", "Norda blue mug 2 l", "Velox steel pan")
GOLD = [
    gold(TITLES[0], brand="Acme", color="dark red", absent=("size",)),
    gold(TITLES[1], brand="Norda", color="blue"),
    gold(TITLES[2], "Pan", brand="Velox", material="steel"),
]
PREDICTED = [
    predicted(TITLES[0], ("brand", "Acme", 0.9), ("color", "red", 0.6), ("size", "mug", 0.3)),
    predicted(TITLES[1], ("brand", "blue", 0.4), ("size", "2 l", 0.7)),
    predicted(TITLES[2], ("brand", "Velox", 0.95), ("material", "pan", 0.5)),
]


@pytest.mark.parametrize("protocol", ["spans", "extractgpt"])
def test_columns_count_what_the_protocols_count(protocol: Protocol) -> None:
    found = decisions(GOLD, PREDICTED, protocol=protocol)
    wanted = evaluate_extractions(GOLD, PREDICTED, protocol=protocol)
    correct, made, gold_values = (part.sum() for part in found.counts())
    assert rates(correct, made, gold_values) == pytest.approx(wanted["micro"])
    assert (len(found.probability), int(found.correct.sum())) == ((7, 2) if protocol == "spans" else (6, 2))
    by_category = per_category(found)
    assert by_category["Pan"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2, "products": 1}
    assert by_category["Cup"]["support"] == 4


def test_intervals_hold_the_value_and_shrink_with_more_products() -> None:
    few = bootstrap(decisions(GOLD * 5, PREDICTED * 5, protocol="spans"), samples=400)
    many = bootstrap(decisions(GOLD * 80, PREDICTED * 80, protocol="spans"), samples=400)
    f1 = evaluate_extractions(GOLD, PREDICTED, protocol="spans")["micro"]["f1"]
    (low, high), (lower, higher) = interval(many.micro), interval(few.micro)
    assert lower < low < f1 < high < higher
    assert np.array_equal(few.micro, bootstrap(decisions(GOLD * 5, PREDICTED * 5, protocol="spans"), samples=400).micro)
    assert few.per_label.shape == (400, 4)


def test_two_models_are_compared_product_by_product() -> None:
    perfect = [predicted(title, ("brand", title.split()[0], 0.9)) for title in TITLES]
    ours = bootstrap(decisions(GOLD * 20, perfect * 20, protocol="spans"), samples=300)
    theirs = bootstrap(decisions(GOLD * 20, PREDICTED * 20, protocol="spans"), samples=300)
    found = paired(ours, theirs)
    assert found["difference"] > 0 and found["interval"][0] > 0 and found["p"] < 0.05
    same = paired(ours, ours)
    assert (same["difference"], same["interval"], same["p"]) == (0.0, [0.0, 0.0], 1.0)


def test_a_higher_threshold_costs_recall() -> None:
    rows = trade_off(decisions(GOLD, PREDICTED, protocol="spans"))
    assert rows[0]["threshold"] == 0 and rows[0]["recall"] == pytest.approx(2 / 6, abs=1e-5)
    assert all(a["recall"] >= b["recall"] for a, b in pairwise(rows))
    assert next(row for row in rows if row["threshold"] == 0.8)["precision"] == 1.0


def test_thresholds_where_they_pay_and_only_there() -> None:
    found = decisions(GOLD * 24, PREDICTED * 24, protocol="spans")
    assert choose_thresholds(found) == {"brand": 0.45, "color": 0.65, "material": 0.55, "size": 0.75}
    chosen = thresholds_report(found, [f"{number}" for number in range(72)])
    assert chosen["gain"] > 0.03 and chosen["gain_here"] >= chosen["gain"]
    assert choose_thresholds(decisions(GOLD * 2, PREDICTED * 2, protocol="spans")) == {}


def test_mistakes_by_kind_with_their_place() -> None:
    found = list(mistakes(GOLD, PREDICTED, protocol="spans"))
    assert [(one.attribute, one.kind, one.predicted, one.gold) for one in found] == [
        ("color", "wrong boundary", "red", "dark red"),
        ("size", "invented", "mug", None),
        ("brand", "wrong attribute", "blue", "blue (color)"),
        ("size", "invented", "2 l", None),
        ("color", "missed", None, "blue"),
        ("material", "wrong value", "pan", "steel"),
    ]
    assert found[0].context == "Acme {dark [red]} mug"
    counted = error_table(found, examples=1)
    assert counted["by_kind"] == dict(zip(KINDS, (1, 1, 1, 2, 1), strict=True))
    assert list(counted["by_attribute"]) == ["color", "size", "brand", "material"]
    assert [one["predicted"] for one in counted["examples"] if one["attribute"] == "size"] == ["2 l"]
    values = list(mistakes(GOLD, PREDICTED, protocol="extractgpt"))
    counts = evaluate_extractions(GOLD, PREDICTED, protocol="extractgpt")["counts"]
    assert len(values) == counts["VW"] + counts["NV"] + counts["VN"]


def test_long_titles_are_cut_around_the_mistake() -> None:
    title = "x" * 100 + " red " + "y" * 100
    (one,) = mistakes([gold(title, color="red")], [predicted(title)], protocol="spans")
    assert one.context == "…" + "x" * 39 + " {red} " + "y" * 39 + "…"


def test_a_near_miss_is_partly_right() -> None:
    rows = [Concept("color", "s", "attribute", {"en": "color"})]
    rows += [Concept(id, "s", "value", {"en": id}) for id in ("red", "dark red", "blue")]
    edges = [Relation("value_of", id, "color") for id in ("blue", "dark red", "red")]
    edges.append(Relation("broader", "dark red", "red", True))
    taxonomy = Taxonomy.of(TaxonomyData.of(0, tuple(sorted(rows, key=lambda c: c.id)), tuple(sorted(edges))))
    found = evaluate_hierarchical(GOLD[:1], PREDICTED[:1], taxonomy)
    assert (found["precision"], found["recall"], found["flat"]["f1"]) == (1.0, 0.5, 0.0)
    assert (found["known"], found["values"]) == (1, 2)
