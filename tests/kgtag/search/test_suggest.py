"""Completions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.labels import normalise, typed_form
from graph.model import Concept, Relation
from graph.sources import Taxonomy as Snapshots
from graph.taxonomy import Taxonomy
from kgtag.data import sample
from kgtag.search.suggest import Suggester
from tests.strategies import taxonomies


def _concept(id: str, en: str, **more: object) -> Concept:
    return Concept(id, "s", "category", {"en": en, **({"zh": more.pop("zh")} if "zh" in more else {})}, **more)  # type: ignore[arg-type,dict-item]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    concepts = [
        _concept("boots", "Boots", zh="靴子"),
        _concept("hiking", "Hiking boots", zh="登山靴"),
        _concept("bootcut", "Boot-cut jeans"),
        _concept("wellies", "Wellingtons", alt_label={"en": ("boots of rubber",)}, hidden_label={"en": ("bootz",)}),
        replace(_concept("old", "Boots of old"), status="deprecated"),
    ]
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), ()))


def _ids(suggester: Suggester, text: str, **options: str) -> list[str]:
    return [s.concept for s in suggester.suggest(text, **options)]  # type: ignore[arg-type]


def test_preferred_before_alternative_start_before_inner_word(taxonomy: Taxonomy) -> None:
    found = Suggester(taxonomy).suggest("boot")
    assert [s.concept for s in found] == ["boots", "bootcut", "wellies", "hiking"]
    assert (found[2].label, found[2].pref_label) == ("boots of rubber", "Wellingtons")


def test_case_hyphens_and_chinese(taxonomy: Taxonomy) -> None:
    suggester = Suggester(taxonomy)
    assert _ids(suggester, "BOOT CUT") == ["bootcut"]
    assert _ids(suggester, "靴") == ["boots", "hiking"]
    assert _ids(suggester, "山靴") == ["hiking"]
    assert _ids(suggester, "boot", lang="zh") == [] and _ids(suggester, "boot", kind="value") == []


def test_accents_apostrophes_and_traditional_characters() -> None:
    concepts = (_concept("cream", "Crème brûlée"), _concept("wear", "Women’s wear"), _concept("dress", "连衣裙"))
    suggester = Suggester(Taxonomy.of(TaxonomyData.of(1, concepts, ())))
    assert [_ids(suggester, text) for text in ("creme br", "womens w", "women's", "連衣")] == [
        ["cream"], ["wear"], ["wear"], ["dress"],
    ]  # fmt: skip


def test_hidden_and_deprecated_are_not_shown_and_nothing_completes_nothing(taxonomy: Taxonomy) -> None:
    suggester = Suggester(taxonomy)
    assert [s.label for s in suggester.suggest("bootz")][:1] == ["Boots"], "as a typing error"
    assert "old" not in _ids(suggester, "boots of")
    assert _ids(suggester, "") == _ids(suggester, " - ") == _ids(suggester, "\U0010ffff") == []


def test_what_many_items_carry_comes_first(taxonomy: Taxonomy) -> None:
    popular = taxonomy.index("bootcut")
    suggester = Suggester(taxonomy, popularity=lambda i: 9 if i == popular else 0)
    assert _ids(suggester, "boot")[0] == "bootcut"
    assert len(suggester.suggest("boot", limit=2)) == 2


def _entries(label: str) -> list[tuple[str, int]]:
    """The label from each of its words on, and whether that is later than its start; no spaces: from each character."""
    words = label.split(" ")
    if len(words) == 1 and not label.isascii():
        return [(label[at:], int(at > 0)) for at in range(min(len(label), 8))]
    return [(" ".join(words[at:]), int(at > 0)) for at in range(min(len(words), 8))]


def _plain(taxonomy: Taxonomy, prefix: str) -> list[tuple[str, str, str]]:
    """(concept, label, language) the slow way."""
    best: dict[int, tuple[tuple[int, int, str], str, str]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        for text, lang, kind in concept.labels() if concept.status != "deprecated" else ():
            for key, late in _entries(typed_form(normalise(text))) if kind != "hidden" else ():
                order = ((kind != "pref") + 2 * late, len(key.encode()), normalise(text))
                if key.startswith(prefix) and (i not in best or order < best[i][0]):
                    best[i] = (order, text, lang)
    ranked = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:10]
    return [(taxonomy.ids[i], text, lang) for i, (_, text, lang) in ranked]


@settings(max_examples=60)
@given(taxonomies(max_size=5), st.data())
def test_every_completion_is_found_the_slow_way_too(data: TaxonomyData, draw: st.DataObject) -> None:
    taxonomy = Taxonomy.of(data)
    labels = [typed_form(normalise(text)) for concept in taxonomy for text, _, _ in concept.labels()]
    keys = sorted({key for label in labels for key, _ in _entries(label) if key})
    key = draw.draw(st.sampled_from(keys) if keys else st.just("x"))
    prefix = typed_form(key[: draw.draw(st.integers(1, 12))])
    found = [(s.concept, s.label, s.lang) for s in Suggester(taxonomy).suggest(prefix)]
    plain = _plain(taxonomy, prefix) if prefix else []
    assert found[: len(plain)] == plain, "what begins so comes first"


def test_long_labels_are_told_apart_beyond_their_first_letters() -> None:
    names = [f"waterproof hiking boots for rocks {n:03}" for n in range(300)]
    rows = [_concept(f"c{n:03}", name) for n, name in enumerate(names)]
    suggester = Suggester(Taxonomy.of(TaxonomyData.of(0, rows, ())))
    assert _ids(suggester, "waterproof hiking boots for rocks 123") == ["c123"]
    assert _ids(suggester, "hiking boots for rocks 29", limit=20) == [f"c{n}" for n in range(290, 300)]  # type: ignore[arg-type]
    assert _ids(suggester, "waterproof hiking boots for rocks 1234") == []


@pytest.fixture(scope="module")
def shop() -> Suggester:
    return Suggester(Snapshots.load(sample.TAXONOMY))


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("sneekers", "Sneakers"),
        ("hiking bots", "Hiking boots"),
        ("hikingboots", "Hiking boots"),
        ("hikng bots", "Hiking boots"),
        ("yoga mta", "Yoga mats"),
        ("zebra dres", "Dresses"),
        ("sneke", "Sneakers"),
        ("phnoe case", "Phone cases"),
        ("hking boots", "Hiking boots"),
        ("watr bot", "Water bottles"),
        ("boots hiking", "Hiking boots"),
        ("mak coff", "Coffee makers"),
        ("ackpack", "Backpacks"),
        ("xiezi", "鞋子"),
        ("yundongx", "运动鞋"),
        ("lvcha", "绿茶"),
    ],
)
def test_completions_in_other_ways(shop: Suggester, typed: str, label: str) -> None:
    """Typing errors, words in any order, parts of words, pinyin."""
    first = shop.suggest(typed)[0]
    assert label in (first.label, first.pref_label)


def test_initials_of_pinyin(shop: Suggester) -> None:
    assert "鞋子" in [one.label for one in shop.suggest("xz", limit=20)]
    assert shop.suggest("xz", lang="en") == [] and shop.suggest("xz", kind="attribute")[0].label == "袖长"


def test_characters_with_two_readings() -> None:
    rows = (_concept("a", "Travel", zh="旅行箱"), _concept("b", "Bank", zh="银行"), _concept("c", "Long", zh="长袖"))
    suggester = Suggester(Taxonomy.of(TaxonomyData.of(0, rows, ())))
    found = [_ids(suggester, text) for text in ("lvxingxiang", "yinhang", "changxiu", "yh")]
    assert found == [["a"], ["b"], ["c"], ["b"]]


def test_equal_labels_have_their_paths() -> None:
    rows = (
        _concept("living", "Living room"), _concept("garden", "Garden"),
        _concept("t1", "Coffee Tables"), _concept("t2", "Coffee Tables"), _concept("t3", "Coffee Table Covers"),
    )  # fmt: skip
    edges = (Relation("broader", "t1", "living", True), Relation("broader", "t2", "garden", True))
    found = Suggester(Taxonomy.of(TaxonomyData.of(0, rows, edges))).suggest("coffee t")
    assert [(one.concept, one.path) for one in found] == [("t1", ("Living room",)), ("t2", ("Garden",)), ("t3", ())]
    assert "path" not in found[2].to_dict() and found[0].to_dict()["path"] == ["Living room"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("tent", "Tents"),
        ("running shoes for men", "Running shoes"),
        ("sneekers", "Sneakers"),
        ("coffee mak", "Coffee makers"),
        ("boots for hiking", "Hiking boots"),
        ("无糖", "Sugar-free"),
        ("trainers", "Sneakers"),
        ("ackpac", "Backpacks"),
        ("material.wool", "Wool"),
    ],
)
def test_concepts_by_relevance(shop: Suggester, text: str, label: str) -> None:
    taxonomy = Snapshots.load(sample.TAXONOMY)
    found = shop.concepts.find(text)
    assert taxonomy.concepts[found[0]].label() == label and len(set(found.tolist())) == len(found)


def test_usage_breaks_ties_between_concepts() -> None:
    rows = (
        _concept("a", "Red boots"),
        _concept("b", "Red boats"),
        _concept("c", "Red bowls", alt_label={"en": ("x",)}),
    )
    taxonomy = Taxonomy.of(TaxonomyData.of(0, rows, ()))
    used = Suggester(taxonomy, popularity=lambda i: i).concepts
    assert [taxonomy.ids[i] for i in used.find("red bo")] == ["c", "b", "a"]
    assert taxonomy.ids[used.find("red boats")[0]] == "b" and not len(used.find("!?"))
