"""The line from product to tags, and what ties a model to a taxonomy."""

from __future__ import annotations

from typing import Any

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError, ModelMismatch, TextError, UnknownConcept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.tag.label_map import LabelMap
from kgtag.tag.models import assemble_tagger
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Span, Tagging
from tests.api import shop


def _taxonomy(*more: Concept, without: str = "", edges: tuple[Relation, ...] = ()) -> Taxonomy:
    relations = [Relation(type, source, target, type == "broader").canonical() for type, source, target in shop.EDGES]
    concepts = sorted([c for c in (*shop.CONCEPTS, *more) if c.id != without], key=lambda c: c.id)
    kept = [r for r in (*relations, *edges) if without not in (r.source, r.target)]
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(kept))))


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return assemble_tagger(shop.models(), _taxonomy())


def _concepts(tagging: Tagging) -> dict[str, Any]:
    return {tag.concept: tag for tag in tagging.tags}


def test_tags_say_where_they_come_from(tagger: Tagger) -> None:
    (tagging,) = tagger.tag([Product("1", "Crimson\tleather red")])
    tags = _concepts(tagging)
    assert tags["red"].span == Span(16, 19) and tags["red"].surface == "red"
    assert tags["sneakers"].method == "predicted" and tags["shoes"].method in ("implied", "predicted")
    assert tagging.model == "words-1" and tagging.revision == tagger.taxonomy.revision


def test_a_mention_without_a_concept_is_nil(tagger: Tagger) -> None:
    (tagging,) = tagger.tag([Product("1", "teal shoes")])
    assert [(n.surface, n.span, n.attribute) for n in tagging.nil] == [("teal", Span(0, 4), "colour")]


def test_names_that_the_model_does_not_know_are_guessed() -> None:
    brand = Concept("brand", "shop", "attribute", {"en": "Brand"})
    tagger = assemble_tagger(shop.models(), _taxonomy(brand))
    (tagging,) = tagger.tag([Product("1", "Acme's red sneakers")])
    assert [(n.surface, n.attribute) for n in tagging.nil] == [("Acme's", "brand")]


def test_a_value_of_another_attribute_is_not_nil() -> None:
    finish = Concept("finish", "shop", "attribute", {"en": "Finish"})
    teal = Concept("teal", "shop", "value", {"en": "Teal"})
    home = (Relation("value_of", "teal", "finish"), Relation("applies_to", "finish", "shoes"))
    (tagging,) = assemble_tagger(shop.models(), _taxonomy(finish, teal, edges=home)).tag([Product("1", "teal shoes")])
    assert "teal" in _concepts(tagging) and not tagging.nil
    (elsewhere,) = assemble_tagger(shop.models(), _taxonomy(finish, teal, edges=home[:1])).tag(
        [Product("1", "teal shoes")]
    )
    assert "teal" not in _concepts(elsewhere) and [n.surface for n in elsewhere.nil] == ["teal"]


def test_a_given_category_stands(tagger: Tagger) -> None:
    for given in ("sandals", "Sandals", "凉鞋"):
        (tagging,) = tagger.tag([Product("1", "red leather", category=given)])
        tags = _concepts(tagging)
        assert tags["sandals"].method == "given" and "sneakers" not in tags
        assert [(d.tag.concept, d.rule) for d in tagging.dropped] == [("leather", "not_applicable")]


def test_bad_products_leave_their_errors_in_their_places(tagger: Tagger) -> None:
    products = [Product("1", "red"), Product("2", ""), Product("3", "red", category="nope"), Product("4", "blue")]
    found = tagger.attempt(products)
    assert [type(outcome) for outcome in found] == [Tagging, TextError, UnknownConcept, Tagging]
    with pytest.raises(TextError):
        tagger.tag(products)
    assert tagger.attempt([]) == []


def test_batches_change_nothing(tagger: Tagger) -> None:
    products = [Product(str(n), title) for n, title in enumerate(["red", "blue leather", "红色", "x", "Red red blue"])]
    assert tagger.tag(products) == [tagging for product in products for tagging in tagger.tag([product])]


def test_a_redirected_concept_is_followed() -> None:
    scarlet = Concept("scarlet", "shop", "attribute", {"en": "Scarlet"})
    taxonomy = _taxonomy(scarlet, edges=(Relation("replaced_by", "colour", "scarlet"),))
    binding = LabelMap.of(taxonomy, attributes=["Colour"], categories=[], recorded={"Colour": "colour"})
    assert binding.attribute("Colour") == "scarlet" and binding.attribute("Size") is None


def test_binding_by_label_when_nothing_was_recorded() -> None:
    binding = LabelMap.of(_taxonomy(), attributes=["colour", "Weight"], categories=["鞋", "Hats"], recorded={})
    assert binding.attribute("colour") == "colour" and binding.attribute("Weight") is None
    assert binding.category("鞋") == "shoes" and binding.category("Hats") is None
    assert binding.category_name("running") == "鞋"  # Its nearest broader category the model knows.


def test_models_that_do_not_fit_say_so() -> None:
    with pytest.raises(ModelMismatch, match="material"):
        assemble_tagger(shop.models(), _taxonomy(without="material"))
    with pytest.raises(ModelMismatch, match="none of the model's 1 attributes"):
        LabelMap.of(_taxonomy(), attributes=["Weight"], categories=[], recorded={})


def test_a_wrong_category_is_told_what_is_near() -> None:
    binding = LabelMap.of(_taxonomy(), attributes=[], categories=[], recorded={})
    with pytest.raises(UnknownConcept, match="sandals"):
        binding.given_category("sandles")
    with pytest.raises(InputError, match="attribute"):
        binding.given_category("colour")


def test_the_word_before_a_number_is_no_new_value(tagger: Tagger) -> None:
    found = tagger.tag(
        [Product("1", "teal shoes teal: 415-555-2671"), Product("2", "teal shoes, call 415-555-2671 teal")]
    )
    assert [[nil.span for nil in one.nil] for one in found] == [[Span(0, 4)], [Span(0, 4), Span(30, 34)]]


def test_claims_are_flagged_beside_the_tags(tagger: Tagger) -> None:
    (tagging,) = tagger.tag([Product("1", "Red super clone &amp; 最好", text="It cures diabetes")])
    row = tagging.to_dict()
    assert [(flag["kind"], flag.get("field", "title"), flag["severity"]) for flag in row["flags"]] == [
        ("counterfeit", "title", "error"), ("superlative", "title", "warning"), ("medical", "text", "error"),
    ]  # fmt: skip
    assert row["flags"][0]["span"] == [4, 15] and {tag["concept"] for tag in row["tags"]} >= {"red"}
    assert "flags" not in tagger.tag([Product("1", "Red shoes")])[0].to_dict()
