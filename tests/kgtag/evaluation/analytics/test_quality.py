"""The quality of tags: what was spoilt comes first, and what is not known changes nothing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import Concept, Feedback, ItemTag, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.evaluation.analytics.lookalikes import look_alikes
from kgtag.evaluation.analytics.quality import tag_quality, why
from kgtag.types import AnnotatedProduct, Product
from tests.kgtag.evaluation.analytics import stall
from tests.kgtag.running import main as run

NAVYS = Concept("navys", "s", "value", {"en": "Navys"})
SPOILT = Taxonomy.of(
    TaxonomyData.of(
        1,
        tuple(sorted((*stall.CONCEPTS, NAVYS), key=lambda c: c.id)),
        tuple(sorted((*stall.EDGES, Relation("value_of", "navys", "colour")))),
    )
)


def rows(items: list[TaggedItem], **options: Any) -> dict[str, Any]:
    return {row["concept"]: row for row in tag_quality(SPOILT, items, **options)["tags"]}


def retagged(item: TaggedItem, old: str, new: str) -> TaggedItem:
    return replace(item, tags=tuple(replace(t, concept=new) if t.concept == old else t for t in item.tags))


def verdict(number: int, item: str, concept: str, what: Any) -> Feedback:
    return Feedback(f"f{number}", "2026-01-31T12:00:00Z", "ann", concept, what, item)


def test_a_good_tag_has_a_good_score_and_an_unused_one_none() -> None:
    found = rows(stall.items(days=100))
    assert found["boots"]["score"] > 0.9 and found["boots"]["agreement"] == 1 and "precision" not in found["boots"]
    assert (found["navys"]["score"], found["navys"]["support"]) == (0, 0)
    assert found["boots"]["coverage"] == pytest.approx(found["boots"]["support"] / found["shoes"]["support"], abs=1e-4)
    assert "colour" not in found and found["red"]["attribute"] == "colour"
    assert found[list(found)[-1]]["support"] == 0 < found[next(iter(found))]["support"]


def test_the_less_used_twin_is_the_worse_one() -> None:
    items = [retagged(one, "navy", "navys") if n % 4 == 0 else one for n, one in enumerate(stall.items(days=200))]
    found = rows(items)
    assert found["navys"]["confused_with"] == "navy" and found["navys"]["confusability"] > 0.5
    assert found["navys"]["score"] < found["navy"]["score"]
    assert "looks like navy" in why(found["navys"])


def test_titles_that_name_a_sibling_count_against_a_tag() -> None:
    items = [retagged(one, "red", "navy") if n % 2 else one for n, one in enumerate(stall.items(days=200))]
    found = rows(items)
    assert found["navy"]["conflict"] > 0.25 and found["red"]["conflict"] == 0
    assert found["navy"]["score"] < 0.7 < found["red"]["score"]
    assert why(found["navy"]).startswith(f"{found['navy']['conflict']:.0%} of its titles name another one")


def test_verdicts_and_gold_count_and_few_of_them_count_little() -> None:
    items = stall.items(days=100)
    navy = [one.id for one in items if any(tag.concept == "navy" for tag in one.tags)]
    plain = rows(items)["navy"]["score"]
    wrong = [verdict(n, id, "navy", "wrong") for n, id in enumerate(navy[:6])]
    missing = [verdict(n + 50, id, "red", "missing") for n, id in enumerate(navy[:3])]
    found = rows(items, feedback=[*wrong, *missing, verdict(99, navy[9], "navy", "right")])
    assert found["navy"]["precision"] == {"right": 1, "of": 7, "share": 0.1429, "low": 0.0257, "high": 0.5131}
    assert found["navy"]["confused_with"] == "red" and found["navy"]["score"] < plain / 2
    few = rows(items, feedback=[wrong[0], *(verdict(n + 200, navy[n], "red", "right") for n in range(40))])
    assert found["navy"]["score"] < few["navy"]["score"] < plain
    red, other = {"Colour": ("Red",)}, {"Material": ("Suede",)}
    gold = {id: AnnotatedProduct(Product(id, "x"), red) for id in navy[:10]}
    checked = rows(items, gold=gold | {navy[10]: AnnotatedProduct(Product(navy[10], "x"), other)})
    assert checked["navy"]["precision"]["of"] == 10 and checked["navy"]["precision"]["right"] == 0
    assert checked["navy"]["confused_with"] == "red"


def test_a_tag_whose_categories_change_has_drifted() -> None:
    def moved(number: int, one: TaggedItem) -> TaggedItem:
        kind = one.tags[0].concept
        if number < 400:
            return one
        return retagged(one, "navy", "red") if kind == "hats" else retagged(one, "red", "navy")

    items = stall.items(days=200)
    steady, found = rows(items), rows([moved(n, one) for n, one in enumerate(items)])
    assert steady["navy"]["drift"] < 0.05 < 0.1 < found["navy"]["drift"]
    assert "drift" not in rows([replace(one, at=None) for one in items])["navy"]


def test_figures_by_category() -> None:
    def item(n: int, kind: str, colour: str) -> TaggedItem:
        tags = ItemTag(kind, 1.0, "given"), ItemTag(colour, 1.0, "given")
        return TaggedItem(f"i{n}", "x", None, "m", "r", tags)

    apart = rows([item(n, "boots" if n < 8 else "hats", "red" if n < 8 else "navy") for n in range(16)])["red"]
    assert (apart["coverage"], apart["entropy"], apart["information"]) == (1, 0, 1)
    mixed = rows([item(n, "boots" if n < 8 else "hats", "red" if n % 2 else "navy") for n in range(16)])["red"]
    assert (mixed["coverage"], mixed["entropy"], mixed["information"]) == (0.5, 1, 0)


def test_look_alikes_are_siblings() -> None:
    concepts = [SPOILT[id] for id in ("boots", "crimson", "navy", "navys", "red")]
    found = look_alikes(SPOILT, concepts, np.array([5, 5, 30, 10, 9]))
    assert found[0] is None or found[0].concept not in ("navy", "navys")
    assert [one and one.concept for one in found[2:4]] == ["navys", "navy"]
    assert found[3] is not None and found[3].score == pytest.approx(0.95 * 0.75)
    assert found[1] is None or found[1].concept != "red", "what is broader is not a sibling"


def test_the_command_gives_what_the_library_gives(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    sqlite_store.put_feedback(verdict(1, "i00001", "navy", "wrong"))
    items, given = list(sqlite_store.items()), list(sqlite_store.feedback())
    library = tag_quality(stall.taxonomy(), items, feedback=given, kind="value", scheme="s")
    assert run("quality", *at, "--kind", "value", "--scheme", "s", "--json").json == json.loads(json.dumps(library))
    shown = run("quality", *at)
    assert "Tags, the worst first" in shown.stdout and "Crimson (Colour)" in shown.stdout
    assert "1 verdicts" in shown.stderr
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"id": "i00002", "title": "x", "attributes": {"Colour": ["Red"]}}))
    assert run("quality", *at, "--gold", gold, "--out", tmp_path / "q.csv", "--json").json["verdicts"] >= 1
    with (tmp_path / "q.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 7 and {"precision", "precision_low", "drift", "confused_with"} <= table[0].keys()
    failed = run("quality", *at, "--fail-under", "0.99")
    assert failed.code == 1 and "tags score less than 0.99" in failed.stderr
    assert run("quality", *at, "--fail-under", "0.001").code == 0
    assert "no scheme 't'" in run("quality", *at, "--scheme", "t").stderr


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(InputError, match="no scheme 't'; there is s"):
        tag_quality(SPOILT, [], scheme="t")
    assert [row["score"] for row in tag_quality(SPOILT, [])["tags"]] == [0] * 8


def test_a_right_verdict_does_not_lower_a_tag() -> None:
    items = stall.items(days=100)
    wrong = [verdict(1, items[0].id, "red", "wrong")]
    right = [*wrong, verdict(2, items[1].id, "boots", "right")]
    assert rows(items, feedback=right)["boots"]["score"] >= rows(items, feedback=wrong)["boots"]["score"]


def test_other_numbers_are_not_alike() -> None:
    sizes = [Concept(f"v{n}", "s", "category", {"en": f"{n} ml"}) for n in (350, 50)]
    found = look_alikes(Taxonomy.of(TaxonomyData.of(1, tuple(sizes), ())), sizes, np.array([50, 5]))
    assert found == [None, None]
