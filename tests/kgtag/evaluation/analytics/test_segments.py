"""Segments: what a query means, where it is wrong, and what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.editing import Signature, merge, rename
from graph.editing.edit import apply_with
from graph.errors import ConflictError, InputError
from graph.model import Concept, Relation
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.stores import load_taxonomy
from graph.taxonomy import Taxonomy
from kgtag.evaluation.analytics.segments import (
    Tree,
    delete_segment,
    describe,
    matching,
    parse_segment,
    save_segment,
    segment,
    segments,
)
from tests.kgtag.evaluation.analytics import stall
from tests.kgtag.running import main as run

MORE = (
    Concept("and", "s", "value", {"en": "Black AND White"}),
    Concept("mandarin", "s", "value", {"en": "Orange"}),
    Concept("oranges", "s", "category", {"en": "Orange"}),
    Concept("rain", "s", "category", {"en": "Rain boots", "zh": "雨靴"}),
)
SHOP = Taxonomy.of(
    TaxonomyData.of(
        1,
        tuple(sorted((*stall.CONCEPTS, *MORE), key=lambda c: c.id)),
        tuple(
            sorted(
                (
                    *stall.EDGES,
                    Relation("broader", "rain", "boots", primary=True),
                    Relation("value_of", "and", "colour"),
                    Relation("value_of", "mandarin", "colour"),
                )
            )
        ),
    )
)


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("boots", "Boots"),
        ("BOOTS AND red", "Boots AND Red"),
        ("boots red", None),
        ("boots AND red NOT sandals", "Boots AND Red NOT Sandals"),
        ("boots NOT red", "Boots NOT Red"),
        ("NOT red boots", None),
        ("NOT red AND boots", "NOT Red AND Boots"),
        ("boots AND (red OR navy) NOT crimson", "Boots AND (Red OR Navy) NOT Crimson"),
        ("boots OR hats AND red", "Boots OR Hats AND Red"),
        ("(boots OR hats) AND red", "(Boots OR Hats) AND Red"),
        ("rain boots NOT (red AND navy)", "Rain boots NOT (Red AND Navy)"),
        ("鞋 且 （红色 或 navy） 非 雨靴", "Shoes AND (Red OR Navy) NOT Rain boots"),
        ("shoes & !red", "Shoes NOT Red"),
        ('"Black AND White" | rain', '"Black AND White" OR Rain boots'),
        ("NOT NOT red AND boots", "NOT NOT Red AND Boots"),
        ("mandarin", "mandarin"),
        ("shoes NOT colour", "Shoes NOT Colour"),
    ],
)
def test_what_a_query_means(query: str, reads: str | None) -> None:
    if reads is None:
        with pytest.raises(InputError, match="for items with all of these write"):
            parse_segment(query, SHOP)
        return
    tree = parse_segment(query, SHOP)
    assert describe(tree, SHOP) == reads
    assert parse_segment(describe(tree, SHOP), SHOP) == tree


def test_a_preferred_label_comes_before_others() -> None:
    black = Concept("black", "s", "category", {"en": "Black"})
    tea = Concept("tea", "s", "category", {"en": "Black tea"}, alt_label={"en": ("black",)})
    assert parse_segment("black", Taxonomy.of(TaxonomyData.of(1, (black, tea), ()))) == ["tag", "black"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is empty; name a tag"),
        ("  ", "the query is empty"),
        ("boots AND", "a tag was expected at the end, at character 10: boots AND→"),
        ("boots AND OR red", "a tag was expected here, at character 11: boots AND →OR red"),
        ("(boots OR red", r"this bracket is not closed, at character 1: →\(boots"),
        ("boots) AND red", r"nothing opens this bracket, at character 6: boots→\)"),
        ("boots AND purplish", "no tag 'purplish'.*at character 11"),
        ("bootz NOT red", r"no tag 'bootz'; did you mean 'Boots' \(boots\).*at character 1"),
        ("boots and red", "no tag 'boots and red'; for items with all of these write boots AND red, at character 1"),
        ("boots red", "no tag 'boots red'; for items with all of these write boots AND red, at character 1"),
        ("NOT red", "NOT needs tags to take from"),
        ("boots OR NOT red", "NOT needs tags to take from"),
        ('boots AND "red', "a quotation mark is not closed, at character 11"),
        ("orange", r"'orange' is the label of several tags; write the id of one: Colour > Orange \(mandarin\), Orange"),
        ("boots AND " * 250 + "red", "2,503 characters; 2,000 is the most"),
        ("(" * 60 + "red" + ")" * 60, "more than 50 levels"),
    ],
)
def test_errors_point_at_the_place(query: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_segment(query, SHOP)


def trees() -> st.SearchStrategy[Any]:
    tags = st.sampled_from(["boots", "crimson", "hats", "navy", "red", "sandals", "shoes"]).map(lambda id: ["tag", id])
    return st.recursive(
        tags,
        lambda inner: st.one_of(
            inner.map(lambda one: ["not", one]),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: ["and", *parts]),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: ["or", *parts]),
        ),
        max_leaves=6,
    )


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = SqliteStore.open(tmp_path_factory.mktemp("stocked") / "kgtag.db")
    store.migrate()
    store.apply(stall.changes(*stall.CONCEPTS, *stall.EDGES))
    store.put_items(stall.items(days=20))
    yield store
    store.close()


@given(tree=trees())
def test_items_match_as_the_query_says(stocked: SqliteStore, tree: Tree) -> None:
    taxonomy = stall.taxonomy()
    tags = {item.id: [tag.concept for tag in item.tags if tag.status == "accepted"] for item in stocked.items()}
    carried = {id: {up for one in own for up in (one, *taxonomy.ancestors(one))} for id, own in tags.items()}

    def holds(tree: Tree, tags: set[str]) -> bool:
        if tree[0] == "tag":
            return tree[1] in tags
        if tree[0] == "not":
            return not holds(tree[1], tags)
        return (all if tree[0] == "and" else any)(holds(one, tags) for one in tree[1:])

    query = ["and", ["tag", "shoes"], tree]
    wanted = [id for id, tags in sorted(carried.items()) if holds(query, tags)]
    assert matching(query, taxonomy, stocked) == wanted
    again = parse_segment(describe(query, taxonomy), taxonomy)
    assert matching(again, taxonomy, stocked) == wanted


def test_saved_segments_survive_other_labels_and_merges(store: TaxonomyStore) -> None:
    store.apply(stall.changes(*stall.CONCEPTS, *stall.EDGES))
    store.put_items(stall.items(days=20))
    taxonomy = load_taxonomy(store)
    saved = save_segment(store, taxonomy, "red shoes no", "shoes AND 红色", author="ann")
    assert saved["tree"] == ["and", ["tag", "shoes"], ["tag", "red"]]
    before = matching(saved["tree"], taxonomy, store)
    assert before and segments(store, taxonomy) == [saved]
    with pytest.raises(ConflictError, match="there is a segment 'red shoes no' already"):
        save_segment(store, taxonomy, "red shoes no", "hats", author="ben")
    apply_with(store, lambda now: rename(now, "red", {"en": "Scarlet"}, Signature("ann")))
    apply_with(store, lambda now: merge(now, "crimson", "red", Signature("ann")))
    now = load_taxonomy(store)
    found = segment(store, now, "red shoes no")
    assert found is not None and found["reads"] == "Shoes AND Scarlet"
    assert matching(found["tree"], now, store) == before
    assert save_segment(store, now, "red shoes no", "hats", author="ben", replace=True)["author"] == "ben"
    assert delete_segment(store, "red shoes no") and not delete_segment(store, "red shoes no")
    assert segment(store, now, "red shoes no") is None


@pytest.mark.parametrize("name", ["", " x", "x ", "a/b", "x" * 101, "a\nb", "a\x07b"])
def test_names_that_no_address_could_have_are_refused(sqlite_store: SqliteStore, name: str) -> None:
    with pytest.raises(InputError, match="is not a name"):
        save_segment(sqlite_store, SHOP, name, "boots", author="ann")


def test_the_commands(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    stall.fill(sqlite_store)
    at = ("--store", sqlite_store.url)
    done = run("segments", "save", "summer red", "sandals AND red NOT crimson", *at, "--author", "ann", "--json").json
    assert done["reads"] == "Sandals AND Red NOT Crimson" and done["count"] > 100
    assert run("segments", "count", "summer red", *at).stdout == f"{done['count']}\n"
    counted = run("segments", "count", "--query", "sandals AND 红色 NOT crimson", *at, "--json").json
    assert counted["count"] == done["count"]
    run("segments", "export", "summer red", "--out", tmp_path / "ids.txt", *at)
    ids = (tmp_path / "ids.txt").read_text().splitlines()
    assert len(ids) == done["count"] and ids == sorted(ids)
    assert run("segments", "export", "summer red", *at).stdout.split() == ids
    assert "Sandals AND Red NOT Crimson" in run("segments", "list", *at).stdout
    (row,) = run("segments", "list", *at, "--json").json["segments"]
    assert (row["name"], row["author"], row["count"]) == ("summer red", "ann", done["count"])
    again = run("segments", "save", "summer red", "hats", *at)
    assert again.code != 0 and "delete it first, or replace it" in again.stderr
    assert run("segments", "save", "summer red", "hats", "--replace", *at).code == 0
    assert run("segments", "delete", "summer red", *at).code == 0
    gone = run("segments", "delete", "summer red", *at)
    assert gone.code == 2 and "see kgtag segments list" in gone.stderr
    wrong = run("segments", "count", "--query", "bootz", *at)
    assert wrong.code == 2 and "did you mean 'Boots'" in wrong.stderr
    assert "give the name of a segment, or --query" in run("segments", "count", *at).stderr
