"""The category from the title and from the extractor, each alone and together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import LabelFinder
from kgtag.link.candidates.label_table import LabelTable
from kgtag.tag.label_map import CategoryPredictor, LabelMap
from kgtag.tag.reading import Reader
from kgtag.types import Extraction, Product

LABELS = {
    "shoes": {"en": "Shoes", "zh": "鞋"},
    "boots": {"en": "Boots", "zh": "靴子"},
    "hiking-boots": {"en": "Hiking boots", "zh": "登山靴"},
    "t-shirts": {"en": "T-shirts", "zh": "T恤"},
    "tea": {"en": "Tea", "zh": "茶"},
}


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    concepts = tuple(Concept(id, "shop", "category", labels) for id, labels in LABELS.items())
    relations = (Relation("broader", "boots", "shoes"), Relation("broader", "hiking-boots", "boots"))
    return Taxonomy.of(TaxonomyData.of(1, concepts, relations))


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Nordvik hiking boots, brown", {"hiking-boots": "hiking boots"}),
        ("one Hiking-Boot for kids", {"hiking-boots": "Hiking-Boot"}),
        ("brown boots", {"boots": "boots"}),
        ("女士登山靴 防水", {"hiking-boots": "登山靴"}),
        ("纯棉T恤 white tee", {"t-shirts": "T恤"}),
        ("T SHIRT and shoes", {"t-shirts": "T SHIRT", "shoes": "shoes"}),
        ("teapot", {}),
        ("", {}),
    ],
)
def test_names_in_titles(taxonomy: Taxonomy, title: str, named: dict[str, str]) -> None:
    found = LabelFinder(LabelTable(taxonomy), "category").find(title)
    assert {id: title[span.start : span.end] for span, ids in found for id in ids} == named


def _categorise(taxonomy: Taxonomy, title: str, untrained: str = "", **guesses: float) -> dict[str, float]:
    names = {id.replace("-", "_"): id for id in LABELS if id != untrained}
    binding = LabelMap.of(taxonomy, attributes=[], categories=names, recorded=names)
    extraction = Extraction((), tuple(guesses.items()))
    predictor = CategoryPredictor(taxonomy, binding)
    product = Product("1", title)
    reading = Reader(taxonomy, LabelTable(taxonomy)).read(product, [])
    return {c.concept: c.probability for c in predictor.candidates(product, extraction, reading) if c.rule is None}


def test_the_title_alone(taxonomy: Taxonomy) -> None:
    assert _categorise(taxonomy, "hiking boots")["hiking-boots"] > 0.9


def test_the_extractor_alone(taxonomy: Taxonomy) -> None:
    assert _categorise(taxonomy, "Nordvik Trail 3", tea=0.7, boots=0.2) == pytest.approx({"tea": 0.7, "boots": 0.2})


def test_a_name_turns_a_weak_guess_but_not_a_sure_one(taxonomy: Taxonomy) -> None:
    weak = _categorise(taxonomy, "tea", boots=0.3, tea=0.1, shoes=0.3)
    assert max(weak, key=lambda id: weak[id]) == "tea"
    sure = _categorise(taxonomy, "hiking boots, tea coloured", hiking_boots=0.95, tea=0.001)
    assert max(sure, key=lambda id: sure[id]) == "hiking-boots"


def test_a_broader_name_speaks_for_what_is_below_it(taxonomy: Taxonomy) -> None:
    found = _categorise(taxonomy, "brown boots", hiking_boots=0.4, tea=0.4)
    assert found["hiking-boots"] > 0.7 and found["tea"] < 0.05


def test_what_was_not_trained_is_not_guessed_away(taxonomy: Taxonomy) -> None:
    found = _categorise(taxonomy, "black T-shirt", "t-shirts", hiking_boots=0.999)
    assert found["t-shirts"] > 0.5 > found["hiking-boots"]
    beside = _categorise(taxonomy, "T-shirts for tea lovers", "t-shirts", tea=0.999)
    assert beside["t-shirts"] > 0.5 > beside.get("tea", 0)


def test_what_is_denied_is_not_guessed_either(taxonomy: Taxonomy) -> None:
    narrower = _categorise(taxonomy, "wax for boots", hiking_boots=0.95)
    assert narrower.get("hiking-boots", 0) < 0.5
    beside_broader = _categorise(taxonomy, "shoes bag for boots", boots=0.99)
    assert beside_broader.get("boots", 0) < 0.5


@given(st.text(max_size=60), st.lists(st.floats(0, 0.2), min_size=5, max_size=5))
def test_probabilities_and_spans_are_sound(taxonomy: Taxonomy, title: str, guesses: list[float]) -> None:
    names = list(LABELS)
    binding = LabelMap.of(taxonomy, attributes=[], categories=names, recorded={})
    extraction = Extraction((), tuple(zip(names, guesses, strict=True)))
    product = Product("1", title)
    reading = Reader(taxonomy, LabelTable(taxonomy)).read(product, [])
    found = CategoryPredictor(taxonomy, binding).candidates(product, extraction, reading)
    assert sum(c.probability for c in found if c.rule is None) <= 1 + 1e-9
    assert all(c.span is None or title[c.span.start : c.span.end] == c.surface for c in found)
