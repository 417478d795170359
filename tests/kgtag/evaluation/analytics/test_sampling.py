"""A sample to check, and the precision that it comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import Concept, Feedback, ItemTag, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.evaluation.analytics.sampling import Candidate, allocate, candidates, draw, estimate
from tests.kgtag.evaluation.analytics import stall
from tests.kgtag.running import main as run


def members(**sizes: tuple[int, float]) -> dict[str, list[Candidate]]:
    return {
        name: [Candidate(f"{name}{n}", "t", "red", probability, name) for n in range(size)]
        for name, (size, probability) in sizes.items()
    }


def test_checks_go_where_the_doubt_is() -> None:
    found = allocate(members(sure=(1000, 0.999), unsure=(1000, 0.5), small=(7, 0.9)), 200)
    assert sum(found.values()) == 200 and found["small"] == 7 and found["unsure"] > 3 * found["sure"] >= 10
    assert allocate(members(a=(5, 0.5), b=(2, 0.5)), 100) == {"a": 5, "b": 2}
    many = members(**{f"s{n}": (50, 0.9) for n in range(40)})
    assert sum(allocate(many, 41).values()) == 41
    with pytest.raises(InputError, match="20 checks are fewer than the 40 parts"):
        allocate(many, 20)


def test_a_sample_is_random_stratified_and_repeatable() -> None:
    population = candidates(stall.taxonomy(), stall.items(days=100))
    assert {one.stratum for one in population} == {"Shoes", "Hats"}
    rows = draw(population, 60, seed=1, taxonomy=stall.taxonomy())
    assert (
        rows
        == draw(population, 60, seed=1, taxonomy=stall.taxonomy())
        != draw(population, 60, taxonomy=stall.taxonomy())
    )
    assert len(rows) == 60 == len({(row["item"], row["concept"]) for row in rows})
    assert sum({row["stratum"]: row["stratum_size"] for row in rows}.values()) == len(population)
    by_attribute = candidates(stall.taxonomy(), stall.items(days=100), by="attribute")
    assert {one.stratum for one in by_attribute} == {"category", "colour"}


def test_implied_given_and_rejected_tags_are_not_drawn() -> None:
    tags = [
        ItemTag("red", 0.9, "implied"),
        ItemTag("navy", 0.9, "given"),
        ItemTag("boots", 0.9, "exact", status="rejected"),
    ]
    assert candidates(stall.taxonomy(), [TaggedItem("a", "x", None, "m", "r", tuple(tags))]) == []
    loose = TaggedItem("a", "x", None, "m", "r", (ItemTag("red", 0.9, "exact"),))
    assert [one.stratum for one in candidates(stall.taxonomy(), [loose])] == [""]


def test_one_category_above_all_is_not_a_part() -> None:
    concepts = (*stall.CONCEPTS, Concept("all", "s", "category", {"en": "Everything"}))
    edges = (*stall.EDGES, Relation("broader", "hats", "all"), Relation("broader", "shoes", "all"))
    ordered = tuple(sorted(concepts, key=lambda one: one.id))
    shop = Taxonomy.of(TaxonomyData.of(1, ordered, tuple(sorted(edges))))
    assert {one.stratum for one in candidates(shop, stall.items(days=20))} == {"Shoes", "Hats"}


def row(stratum: str, size: int, verdict: str | None) -> dict[str, Any]:
    return {"stratum": stratum, "stratum_size": size, "verdict": verdict}


def test_strata_count_by_their_size() -> None:
    rows = [row("big", 900, "right")] * 18 + [row("big", 900, "wrong")] * 2 + [row("small", 100, "wrong")] * 10
    found = estimate([*rows, row("big", 900, None), row("none", 50, "")])
    assert found["precision"] == pytest.approx(0.81) and found["low"] < 0.7 and 0.81 < found["high"] < 0.92
    assert (found["checks"], found["population"], found["unchecked"]) == (30, 1050, 50)
    whole = estimate([row("a", 20, "right")] * 15 + [row("a", 20, "wrong")] * 5)
    assert whole["low"] == whole["precision"] == whole["high"] == 0.75, "all of them were checked"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a", 5, None)], 'no row has a verdict; write "right" or "wrong"'),
        ([row("a", 5, "yes")], "row 1: 'yes' is not a verdict"),
        ([{"verdict": "right"}], "row 1: not a row of kgtag evaluate sample"),
    ],
)
def test_what_cannot_be_estimated_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate(rows)


def test_the_commands(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at, file = ("--store", sqlite_store.url), tmp_path / "check.jsonl"
    done = run("evaluate", "sample", *at, "--count", "50", "--out", file)
    assert done.code == 0 and "50 of 8760 tags to check, of 2 parts" in done.stderr
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["verdict"] for row in rows} == {None} and {"title", "label", "attribute"} <= rows[0].keys()
    assert "no row has a verdict" in run("evaluate", "precision", file).stderr
    for number, one in enumerate(rows):
        verdict: Any = "wrong" if number < 5 else "right"
        given = Feedback(f"f{number:03}", "2026-01-31T12:00:00Z", "ann", one["concept"], verdict, one["item"])
        sqlite_store.put_feedback(given)
    found = run("evaluate", "precision", file, *at, "--json").json
    assert found["checks"] == 50 and found["low"] < 0.9 < found["high"]
    file.write_text("".join(json.dumps({**row, "verdict": "right"}) + "\n" for row in rows))
    shown = run("evaluate", "precision", file)
    assert shown.stdout.startswith("precision 1.000 ±") and "Hats" in shown.stdout
    assert "not by 'x'" in run("evaluate", "sample", *at, "--by", "x").stderr
