"""Categories by the linear model: all of the trained ones, none of them, names in titles, and equal names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy, find_concept
from kgtag.evaluation.tags import compare_tags, evaluate_tags
from kgtag.extract.categories import joined
from kgtag.extract.implicit import DIRECTORY
from kgtag.extract.named import ValueNames
from kgtag.link.candidates.label_table import LabelTable
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.tag.tagger import Tagger
from kgtag.train.categories import Names
from kgtag.train.extractor.data_checks import inspect_data
from kgtag.train.implicit import train_values
from kgtag.types import AnnotatedProduct, Product

_GOODS = {
    "Watches": ("analog wrist watch", "chrono steel dial"),
    "Kettles": ("electric kettle", "stovetop whistling kettle"),
    "Tents": ("dome tent", "tunnel shelter for two"),
    "Novels": ("paperback story", "hardcover thriller"),
    "Drills": ("cordless drill", "hammer drill with bits"),
    "Puzzles": ("jigsaw of a castle", "thousand piece puzzle"),
}
_MAKERS = ("Acme", "Norda", "Velox", "Tiko", "Ombra", "Lindo", "Karst", "Pique")


def goods() -> list[AnnotatedProduct]:
    """96 products of six categories, each with a colour in its title or season that no title states."""
    made = []
    for name, phrases in _GOODS.items():
        for phrase in phrases:
            for number, maker in enumerate(_MAKERS):
                colour = ("red", "blue")[number % 2]
                product = Product(str(len(made)), f"{maker} {phrase} {colour}", category=name, lang="en")
                made.append(
                    AnnotatedProduct(product, {"Colour": (colour,), "Season": (("summer", "winter")[number // 4],)})
                )
    return made


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    names = [*_GOODS, "Hats"]
    concepts = [Concept(f"shop/{name}", "shop", "category", {"en": name}) for name in names]
    concepts += [Concept("shop/Watches/Watches", "shop", "category", {"en": "Watches"})]
    concepts += [
        Concept(name.lower(), "shop", "attribute", {"en": name}, choice="single") for name in ("Colour", "Season")
    ]
    values = {"red": "colour", "blue": "colour", "teal": "colour", "summer": "season", "winter": "season"}
    concepts += [Concept(value, "shop", "value", {"en": value.title()}) for value in values]
    edges = [Relation("value_of", value, attribute) for value, attribute in values.items()]
    edges.append(Relation("broader", "shop/Watches/Watches", "shop/Watches", primary=True))
    return Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda one: one.id)), tuple(sorted(edges))))


@pytest.fixture(scope="module")
def tagger(taxonomy: Taxonomy, tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    out = tmp_path_factory.mktemp("models") / "shop"
    attributes = {"Colour": "colour", "Season": "season"}
    categories = {name: find_concept(taxonomy, name, "category") or "" for name in _GOODS}
    report = train_values(
        goods(), out=out / DIRECTORY, stated=True, names=Names(taxonomy, categories),
        value_names=partial(ValueNames, LabelTable(taxonomy), attributes), concepts=attributes | categories,
    )  # fmt: skip
    assert report is not None and report.category is not None
    assert report.category.categories == 6 and report.category.accuracy > 0.9
    return assemble_tagger(load_models(out), taxonomy)


def tags(tagger: Tagger, title: str) -> dict[str, float]:
    (tagging,) = tagger.tag([Product("1", title, lang="en")])
    return {tag.concept: tag.probability for tag in tagging.tags}


def test_a_category_and_one_above_it_of_one_name(taxonomy: Taxonomy, tagger: Tagger) -> None:
    assert find_concept(taxonomy, "Watches", "category") == "shop/Watches/Watches"
    found = tags(tagger, "Zeta watches")
    assert found["shop/Watches/Watches"] > 0.5 and "shop/Watches" in found
    notes = {one.code: one for one in inspect_data(goods(), taxonomy=taxonomy)}
    assert notes["several_categories"].level == "note" and notes["several_categories"].count == 16
    assert notes["several_categories"].examples == ("Watches: Watches > Watches, not Watches (16×)",)


def test_what_was_never_trained_on_has_no_category(tagger: Tagger) -> None:
    assert "shop/Kettles" in tags(tagger, "Zeta whistling kettle")
    assert not [id for id in tags(tagger, "Grilled salmon with lemon, 200 g") if id.startswith("shop/")]


def test_an_unseen_category_by_its_name(tagger: Tagger) -> None:
    assert "shop/Hats" in tags(tagger, "Zeta wool hats")


def test_values_are_found_with_their_place_and_unseen_ones_by_name(tagger: Tagger) -> None:
    (tagging,) = tagger.tag([Product("1", "Zeta dome tent red", lang="en")])
    (red,) = [tag for tag in tagging.tags if tag.attribute == "colour"]
    assert (red.concept, red.surface, red.span and red.span.start) == ("red", "red", 15)
    assert "teal" in tags(tagger, "Zeta dome tent teal")


def test_an_attribute_that_applies_anywhere_is_not_a_finding(taxonomy: Taxonomy) -> None:
    found = {one.code: one.level for one in inspect_data(goods(), taxonomy=taxonomy)}
    assert "not_applicable" not in found and "not_in_text" not in found
    assert found["inferred"] == "note"


def test_only_the_linear_model_knows_that_there_may_be_no_category() -> None:
    assert joined((("a", 0.6), ("b", 0.4)), ()) == (("a", 0.6), ("b", 0.4))
    both = dict(joined((("a", 1.0),), (("b", 0.06), ("a", 0.03))))
    assert both == pytest.approx({"a": 0.06, "b": 0.03})


def test_tags_end_to_end(tagger: Tagger) -> None:
    answer = evaluate_tags(tagger, goods(), samples=50)
    assert answer["n"] == 96 and answer["contradictions"] == answer["failed"] == 0
    assert answer["micro"]["f1"] > 0.9 and answer["leaf_category_accuracy"] > 0.9
    assert set(answer["by_attribute"]) == {"category", "colour", "season"}
    low, high = answer["intervals"]["micro_f1"]
    assert low <= answer["micro"]["f1"] <= high
    assert answer["protocol"].endswith("category withheld")


def test_a_taxonomy_of_categories_only() -> None:
    concepts = (
        Concept("boots", "shop", "category", {"en": "Boots"}),
        Concept("shoes", "shop", "category", {"en": "Shoes"}),
    )
    shop = Taxonomy.of(TaxonomyData.of(1, concepts, (Relation("broader", "boots", "shoes", primary=True),)))
    assert set(tags(assemble_tagger(load_models(), shop), "Norda brown boots")) == {"boots", "shoes"}


def test_scores_of_sets(taxonomy: Taxonomy) -> None:
    gold = [AnnotatedProduct(Product("1", "x", category="shop/Watches/Watches"), {"Colour": ("red", "mauve")})]
    answer = compare_tags(gold, [{"shop/Watches": 0.9, "blue": 0.6, "red": 0.5}], taxonomy, samples=10)
    assert answer["micro"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    assert answer["leaf_category_accuracy"] == 0 and answer["contradictions"] == 1
    assert answer["f1_at_5"] == pytest.approx(2 / 3)
    assert answer["unknown"] == {"categories": 0, "values": 1}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "model"


def test_too_few_products_teach_no_category(out: Path) -> None:
    assert train_values([AnnotatedProduct(one.product, {}) for one in goods()[:20]], out=out) is None
    assert not out.exists()
