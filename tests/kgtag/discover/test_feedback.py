"""What follows from feedback: precision of tags, disagreements, products to train on."""

from __future__ import annotations

import pytest

from graph.model import Feedback, ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.stores import load_taxonomy
from kgtag.data import read_annotated
from kgtag.data.annotated import gold_row
from kgtag.discover.feedback import disagreements, precision_of_tags, reviewed_products
from kgtag.types import AnnotatedProduct, Product, Span
from tests.api import shop
from tests.kgtag.running import main as run


def given(number: int, verdict: str, *, concept: str = "red", item: str = "i", reviewer: str = "ann") -> Feedback:
    return Feedback(f"{number:03}", "2026-01-01T00:00:00Z", reviewer, concept, verdict, item)  # type: ignore[arg-type]


@pytest.fixture
def filled(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


def test_precision_is_of_the_latest_verdicts_with_an_interval() -> None:
    rows = [given(n, "right", item=f"i{n}") for n in range(9)] + [given(9, "wrong", item="i9")]
    rows += [given(10, "wrong", item="i0"), given(11, "missing", concept="blue")]
    red, blue = precision_of_tags(rows)
    assert (red.concept, red.right, red.wrong, red.precision) == ("red", 8, 2, 0.8)
    assert (red.low, red.high) == (0.4902, 0.9433)  # as statsmodels' proportion_confint has it
    assert (blue.concept, blue.missing, blue.precision, blue.low) == ("blue", 1, None, None)


def test_people_disagree_about_one_tag_of_one_item() -> None:
    rows = [
        given(1, "right"),
        given(2, "wrong", reviewer="bob"),
        given(3, "right", item="j"),
        given(4, "missing", concept="blue"),
    ]
    ((first, second),) = disagreements(rows)
    assert {(one.reviewer, one.verdict) for one in (first, second)} == {("ann", "right"), ("bob", "wrong")}
    assert disagreements([*rows, given(5, "right", reviewer="bob")]) == []


def test_reviewed_products_have_the_tags_that_feedback_left(filled: SqliteStore) -> None:
    tags = (
        ItemTag("red", 0.9, "exact", 0, 3, "Red"),
        ItemTag("running", 0.9, "exact"),
        ItemTag("sneakers", 0.9, "implied"),
        ItemTag("leather", 0.4, "inferred"),
    )
    filled.put_items(
        [TaggedItem("i", "Red suede runners", "en", "m", "r", tags), TaggedItem("j", "x", "en", "m", "r", tags)]
    )
    filled.put_feedback(given(1, "wrong", concept="leather"))
    product = {"title": "Shoes in BLUE", "lang": "en"}
    filled.put_feedback(Feedback("002", "", "ann", "blue", "right", product=product))
    filled.put_feedback(Feedback("003", "", "ann", "sandals", "missing", product=product))
    filled.put_feedback(Feedback("004", "", "ann", "red", "wrong", product=product))
    stored, other = reviewed_products(filled, load_taxonomy(filled))
    assert (stored.product.title, stored.product.category) == ("Red suede runners", "Running shoes")
    assert stored.attributes == {"Colour": ("Red",)} and stored.concepts == {("Colour", "Red"): "red"}
    assert stored.spans == (("Colour", Span(0, 3)),)
    assert (other.product.title, other.product.category, other.attributes) == (
        "Shoes in BLUE", "Sandals", {"Colour": ("BLUE",)}
    )  # fmt: skip


def test_reviewed_products_have_the_names_of_those_beside_them(filled: SqliteStore) -> None:
    tags = (ItemTag("red", 0.9, "exact", 0, 3, "Red"), ItemTag("running", 0.9, "exact"))
    filled.put_items([TaggedItem("i", "Red suede runners", "en", "m", "r", tags)])
    filled.put_feedback(given(1, "right"))
    beside = AnnotatedProduct(Product("k", "Blue runners", category="running shoe"), {"colour": ("Blue",)})
    (found,) = reviewed_products(filled, load_taxonomy(filled), beside=[beside])
    assert (found.product.category, found.attributes) == ("running shoe", {"colour": ("Red",)})


def test_the_command_adds_lists_sums_up_and_exports(
    filled: SqliteStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tags = (ItemTag("red", 0.9, "exact", 0, 3, "Red"), ItemTag("leather", 0.9, "inferred"))
    filled.put_items([TaggedItem("i", "Red suede runners", "en", "m", "r", tags)])

    def ran(*args: str) -> object:
        return run("feedback", *args, "--store", filled.url)

    assert ran("add", "wrong", "leather", "--item", "i", "--reviewer", "ann", "--reason", "suede").code == 0  # type: ignore[attr-defined]
    assert ran("add", "right", "leather", "--item", "i", "--reviewer", "bob").code == 0  # type: ignore[attr-defined]
    listed = ran("list", "--json").json  # type: ignore[attr-defined]
    assert [(one["reviewer"], one["verdict"], one["reason"]) for one in listed] == [
        ("ann", "wrong", "suede"), ("bob", "right", "")
    ]  # fmt: skip
    summed = ran("summary", "--json").json  # type: ignore[attr-defined]
    assert summed["precision"][0]["precision"] == 0.5 and len(summed["disagreements"]) == 1
    assert "Disagreements" in ran("summary").stdout  # type: ignore[attr-defined]
    out = tmp_path_factory.mktemp("out") / "reviewed.jsonl"
    ran("export", "--out", str(out))
    (row,) = read_annotated(out)
    assert row.attributes == {"Colour": ("Red",), "Material": ("Leather",)}
    assert gold_row(row)["spans"] == [{"start": 0, "end": 3, "label": "Colour", "concept": "red"}]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("add", "so-so", "red", "--item", "i"), "no verdict 'so-so'; there is right, wrong, missing"),
        (("add", "right", "red"), "give --item or --title"),
        (("add", "right", "red", "--item", "nobody"), "no item 'nobody' is stored"),
        (("add", "right", "rde", "--title", "x"), "no concept 'rde'"),
    ],
    ids=str,
)
def test_feedback_on_nothing_is_refused(filled: SqliteStore, args: tuple[str, ...], expected: str) -> None:
    ran = run("feedback", *args, "--store", filled.url)
    assert ran.code == 2 and expected in ran.stderr


def test_training_with_feedback_needs_a_store(tmp_path: object) -> None:
    ran = run("train", "extractor", "--data", "none.jsonl", "--feedback", "--out", "m")
    assert ran.code == 2
