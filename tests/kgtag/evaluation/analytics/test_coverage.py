"""Coverage: what has a concept, of gold, of stored items, and of queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite.store import SqliteStore
from kgtag.evaluation.analytics.coverage import Coverage
from kgtag.types import AnnotatedProduct, Product
from tests.kgtag.evaluation.analytics import stall
from tests.kgtag.running import main as run


@pytest.fixture(scope="module")
def measure() -> Coverage:
    return Coverage(stall.taxonomy())


def names(rows: Any) -> dict[str, tuple[int, int]]:
    return {row["name"]: (row["known"], row["of"]) for row in rows}


def test_gold_values(measure: Coverage) -> None:
    gold = [
        AnnotatedProduct(
            Product("1", "Navy boot", category="boot", lang="en"), {"Colour": ("NAVY", "Teal"), "Style": ("boots",)}
        ),
        AnnotatedProduct(
            Product("2", "红色 帽子", category="Caps"), {"Colour": ("红色", "sandals", "teal"), "Style": ("plain",)}
        ),
    ]
    found = measure.values(gold)
    assert (found["known"], found["of"], found["elsewhere"]) == (3, 9, 2)
    assert names(found["by_attribute"]) == {"Colour": (2, 5), "Style": (0, 2), "category": (1, 2)}
    assert {row["name"]: row["elsewhere"] for row in found["by_attribute"]} == {"Colour": 1, "Style": 1, "category": 0}
    assert names(found["by_category"]) == {"boot": (2, 4), "Caps": (1, 5)}
    assert names(found["by_language"]) == {"en": (2, 4), "zh": (1, 5)}
    assert found["missing"][0] == {"text": "Teal", "count": 2, "attribute": "Colour"}
    assert found["low"] < found["share"] < found["high"]


def test_mentions_of_stored_items(sqlite_store: SqliteStore, measure: Coverage) -> None:
    from graph.model import ItemNil, ItemTag, TaggedItem

    tag = ItemTag("red", 0.9, "exact", 0, 3, "red")
    items = [
        TaggedItem("a", "red x", "en", "m", "r", (tag, ItemTag("boots", 0.9, "predicted")), "2026-01-31T00:00:00Z"),
        TaggedItem("b", "teal", "de", "m", "r", (), "2026-03-01T00:00:00Z", (ItemNil("teal", "colour", 0.9),)),
        TaggedItem("c", "x", None, "m", "r", (), None, (ItemNil("odd", None, 0.9),)),
    ]
    found = measure.mentions(items)
    assert (found["known"], found["of"]) == (1, 3)
    assert names(found["over_time"]) == {"2026-01": (1, 1), "2026-03": (0, 1)}
    assert names(found["by_category"]) == {"boots": (1, 1)}
    assert names(found["by_language"]) == {"de": (0, 1), "en": (1, 1)}
    assert names(found["by_attribute"]) == {"colour": (1, 2)}
    assert {row["text"] for row in found["missing"]} == {"teal", "odd"}
    assert measure.mentions([])["of"] == 0


def test_queries_count_as_often_as_they_are_asked(measure: Coverage) -> None:
    found = measure.queries([("red boots for kids", 3), ("gorpcore", 5), ("红色 鞋", 1)])
    assert (found["known"], found["of"]) == (4, 9)
    assert [(row["text"], row["count"]) for row in found["missing"]] == [("gorpcore", 5), ("kids", 3)]
    assert names(found["by_language"])["zh"] == (1, 1)


def test_the_command(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    gold, queries = tmp_path / "gold.jsonl", tmp_path / "queries.tsv"
    gold.write_text(json.dumps({"title": "x", "category": "Boots", "attributes": {"Colour": ["Teal"]}}))
    queries.write_text("red boots\t3\n\ngorpcore\n")
    answer = run("coverage", *at, "--gold", gold, "--queries", queries, "--by", "year", "--json").json
    assert (answer["values"]["known"], answer["values"]["of"]) == (1, 2)
    assert (answer["queries"]["known"], answer["queries"]["of"]) == (3, 4)
    assert answer["mentions"]["share"] == 0 and answer["mentions"]["missing"][0]["text"].lower() == "gorpcore"
    shown = run("coverage", *at, "--gold", gold, "--queries", queries).stdout
    assert "Gold values with a concept" in shown and "Missing most" in shown and "attribute Colour" in shown
    queries.write_text("red boots\tmany\n")
    wrong = run("coverage", *at, "--queries", queries)
    assert wrong.code == 2 and "queries.tsv:1: 'many' is not a count" in wrong.stderr
