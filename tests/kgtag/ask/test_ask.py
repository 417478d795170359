"""Questions about a small shop: what tags and graph say, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError, TextError
from graph.model import ChangeSet, Concept, ItemNil, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.store import TaxonomyStore
from graph.stores import open_store
from graph.taxonomy import Taxonomy
from kgtag import load
from kgtag.ask.grammar import plain, readings
from kgtag.pipeline import Pipeline
from tests.kgtag.running import main


def _concept(id: str, kind: Any, en: str, zh: str, **more: Any) -> Concept:
    return Concept(id, "shop", kind, {"en": en, "zh": zh}, **more)


CONCEPTS = (
    _concept("bags", "category", "Bags", "包"),
    _concept("backpacks", "category", "Backpacks", "双肩包", definition={"en": "Bags worn on the back."}),
    _concept("totes", "category", "Tote bags", "托特包"),
    _concept("caps", "category", "Caps", "帽子"),
    _concept("color", "attribute", "Color", "颜色", choice="single"),
    _concept("material", "attribute", "Material", "材质"),
    _concept("capacity", "attribute", "Capacity", "容量"),
    _concept("size", "attribute", "Size", "尺码"),
    _concept("red", "value", "Red", "红色"),
    _concept("wine", "value", "Wine red", "酒红色"),
    _concept("black", "value", "Black", "黑色"),
    _concept("canvas", "value", "Canvas", "帆布"),
    _concept("leather", "value", "Leather", "皮革"),
    _concept("l20", "value", "20 L", "20升"),
    _concept("l40", "value", "40 L", "40升"),
)
RELATIONS = [
    *(Relation("broader", one, "bags", primary=True) for one in ("backpacks", "totes")),
    *(Relation("value_of", one, "color") for one in ("red", "wine", "black")),
    *(Relation("value_of", one, "material") for one in ("canvas", "leather")),
    *(Relation("value_of", one, "capacity") for one in ("l20", "l40")),
    *(Relation("applies_to", one, "bags") for one in ("color", "material", "capacity")),
    Relation("applies_to", "size", "caps"),
    Relation("broader", "wine", "red", primary=True),
    Relation("related", "backpacks", "caps"),
]
ITEMS = {
    "b-001": ("Trail backpack Fells 40 L canvas", ("backpacks", "canvas", "l40", "red")),
    "b-002": ("City backpack Quay, black leather", ("backpacks", "leather", "l20", "black")),
    "b-003": ("Market tote in wine red canvas", ("totes", "canvas", "wine")),
    "c-001": ("Cap Harbour", ("caps", "black")),
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return load(store=_filled(tmp_path_factory.mktemp("ask") / "shop.db"))


def _filled(path: Path) -> TaxonomyStore:
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    edges = [edge.canonical() for edge in RELATIONS]
    store.apply(ChangeSet((*map(PutConcept, CONCEPTS), *map(PutRelation, edges)), "test", "fill"))
    revision = Taxonomy.of(store.read()).revision
    for id, (title, tags) in ITEMS.items():
        found = [ItemTag(tag, 0.9, "exact") for tag in tags]
        if id == "b-002":
            found.append(ItemTag("canvas", 0.9, "exact", status="rejected"))
        nil = (ItemNil("58 cm", "size", 0.9),) if id == "c-001" else ()
        store.put_items([TaggedItem(id, title, "en", "test", revision, tuple(found), nil=nil)])
    return store


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("What color is b-001?", ["Red"]),
        ("Which material does the Trail backpack Fells have?", ["Canvas"]),
        ("what is b-002 made of", ["Leather"]),
        ("Trail backpack Fells 40 L canvas: capacity?", ["40 L"]),
        ("What colors do backpacks come in?", ["Red", "Black"]),
        ("What size is the Cap Harbour?", ["58 cm"]),
        ("b-001是什么颜色？", ["红色"]),
        ("请问b-002的材质是什么", ["皮革"]),
        ("双肩包有哪些颜色？", ["红色", "黑色"]),
    ],
)
def test_values_of_items_and_of_shelves(pipeline: Pipeline, question: str, values: list[str]) -> None:
    found = pipeline.ask(question)
    assert (found["intent"], found["known"]) == ("value", True)
    assert sorted(row["text"] for row in found["values"]) == sorted(values)
    assert found["citations"] and all(row["item"] in ITEMS for row in found["citations"])


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("Is b-001 red?", True),
        ("Is b-003 red?", True),  # wine red is red
        ("Is b-001 black?", False),  # one colour
        ("Is b-001 wine red?", None),  # red may be wine red
        ("Does b-001 have leather?", None),  # items have several materials
        ("Does b-002 have canvas?", False),  # a reviewer took it off
        ("Is the City backpack Quay a tote bag?", False),
        ("Is b-001 a bag?", True),
        ("Does b-001 have a capacity of 40 L?", True),
        ("Is the material of b-002 leather?", True),
        ("b-001是红色的吗？", True),
        ("b-001是黑色的吗？", False),
        ("b-001是皮革的吗", None),
        ("Does b-001 have wheels?", None),
    ],
)
def test_yes_no_and_silence_are_three_answers(pipeline: Pipeline, question: str, holds: bool | None) -> None:
    found = pipeline.ask(question)
    assert (found["known"], found.get("holds")) == (holds is not None, holds), found["answer"]
    assert bool(found.get("reason")) == (holds is None)


@pytest.mark.parametrize(
    ("question", "items"),
    [
        ("Which items are red?", ["b-001", "b-003"]),
        ("Do you have canvas bags?", ["b-001", "b-003"]),
        ("bags that are not red", ["b-002"]),
        ("show me red or black backpacks", ["b-001", "b-002"]),
        ("backpacks under 30 L", ["b-002"]),
        ("哪些双肩包是帆布的？", ["b-001"]),
        ("有没有红色的双肩包", ["b-001"]),
    ],
)
def test_items_with_tags_without_tags_and_within_bounds(pipeline: Pipeline, question: str, items: list[str]) -> None:
    found = pipeline.ask(question)
    assert found["known"] and sorted(row["item"] for row in found["items"]) == items, found["answer"]
    assert found.get("count") == len(items)


@pytest.mark.parametrize(("question", "count"), [("How many backpacks do you have?", 2), ("有多少个包？", 3)])
def test_counts(pipeline: Pipeline, question: str, count: int) -> None:
    assert pipeline.ask(question).get("count") == count


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("What is the warranty of b-001?", "no attribute is called “warranty”"),
        ("What color is b-777?", "no stored item is called “b-777”"),
        ("What is the capacity of b-003?", "no tag says the capacity of “Market tote in wine red canvas”"),
        ("What is the size of b-001?", "size does not apply to Backpacks"),
        ("Which items are vegan?", "nothing in the taxonomy is called “vegan”"),
        ("Which tote bags are black?", "no stored item has all of: tote bags and black"),
        ("red bags under 50 €", "no item among these has an amount to compare with “under 50 €”"),
        ("What is a rucksack?", "no concept is called “rucksack”"),
        ("b-001的保修期是什么？", "没有叫“保修期”的属性"),
        ("colorless green ideas sleep", "nothing in the taxonomy is called"),
    ],
)
def test_what_is_not_known_is_refused_with_the_reason(pipeline: Pipeline, question: str, reason: str) -> None:
    found = pipeline.ask(question)
    assert not found["known"] and reason in found.get("reason", "")
    assert found["answer"].startswith(("Not known: ", "不知道："))


def test_differences_name_what_is_not_said(pipeline: Pipeline) -> None:
    found = pipeline.ask("What is the difference between b-001 and b-003?")
    rows = {row["attribute"]: (row["first"], row["second"]) for row in found.get("differences", ())}
    assert rows["capacity"] == (["40 L"], []) and rows["category"] == (["Backpacks"], ["Tote bags"])
    assert "material" not in rows and "Capacity: 40 L against not said" in found["answer"]


def test_what_goes_with_an_item_comes_from_the_graph(pipeline: Pipeline) -> None:
    found = pipeline.ask("What goes with b-001?")
    assert [row["text"] for row in found["values"]] == ["Caps"]
    assert found["citations"][0].get("relation") == "related"
    assert not pipeline.ask("What goes with b-003?")["known"]


def test_concepts_and_their_kinds(pipeline: Pipeline) -> None:
    assert pipeline.ask("What are backpacks?")["answer"] == "Backpacks: Bags worn on the back."
    assert pipeline.ask("什么是酒红色？")["answer"] == "酒红色：属于红色、颜色。"
    assert pipeline.ask("What kinds of bags are there?").get("count") == 2


def test_the_language_of_the_answer_can_be_chosen(pipeline: Pipeline) -> None:
    assert (
        pipeline.ask("What color is b-001?", lang="zh")["answer"] == "“Trail backpack Fells 40 L canvas”的颜色：红色。"
    )
    with pytest.raises(InputError, match="unsupported language 'fr'"):
        pipeline.ask("What color is b-001?", lang="fr")


def test_bad_questions_are_bad_input(pipeline: Pipeline) -> None:
    with pytest.raises(TextError):
        pipeline.ask(" ")
    with pytest.raises(TextError):
        pipeline.ask("a" * 601)
    with pytest.raises(InputError, match="with a store"):
        load(store=Taxonomy.of(TaxonomyData.of(0, (), ()))).ask("What is red?")


def test_politeness_and_marks_are_left_out() -> None:
    assert plain("Hi, could you please tell me what colour it is, please?") == "what colour it is"
    assert plain("请问它是什么颜色呢？") == "它是什么颜色"
    assert next(readings("How tall is the tent?")).slots == {"a": "height", "p": "tent"}


def test_the_command_answers_with_citations(tmp_path: Path) -> None:
    _filled(tmp_path / "shop.db")
    store = f"sqlite:///{tmp_path / 'shop.db'}"
    row = main("ask", "What color is b-001?", "--store", store, "--json").json
    assert row["values"][0]["concept"] == "red" and row["revision"]
    ran = main("ask", "Is b-002 a tote bag?", "--store", store)
    assert "No: the category" in ran.stdout and "Backpacks (backpacks)" in ran.stdout
    assert "not known" in main("ask", "Which items are vegan?", "--store", store).stderr


@pytest.mark.parametrize(
    "question",
    [
        "Is b-001 not red?",
        "Does b-001 have no canvas?",
        "Do any of your bags not have canvas?",
        "not red",
        "b-001没有帆布吗？",
    ],
)
def test_what_is_denied_in_another_way_is_not_answered_with_its_opposite(pipeline: Pipeline, question: str) -> None:
    found = pipeline.ask(question)
    assert not found["known"] and ("denies" in found["answer"] or "否定" in found["answer"]), found["answer"]


@pytest.mark.parametrize(
    ("question", "items"),
    [
        ("Which bags are not made of canvas?", {"b-002"}),
        ("Which bags don't have canvas?", {"b-002"}),
        ("没有红色的包吗？", {"b-001", "b-003"}),
    ],
)
def test_denials_that_are_understood(pipeline: Pipeline, question: str, items: set[str]) -> None:
    found = pipeline.ask(question)
    assert found["known"] and {one["item"] for one in found["items"]} == items, found["answer"]


def test_asked_of_all_some_are_not_enough(pipeline: Pipeline) -> None:
    found = pipeline.ask("Are all bags red?")
    assert found["known"] and found["holds"] is False and "2 of 3" in found["answer"]
    assert not pipeline.ask("Are all bags canvas?")["known"]
    assert pipeline.ask("Are all totes canvas?")["holds"] is True
