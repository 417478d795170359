"""Names of a model and of products → concepts of a snapshot."""

from __future__ import annotations

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import ModelMismatch, UnknownConcept
from graph.formats.annotated import AnnotatedRow, induce
from graph.lookup import find_concept, require_concept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.tag.label_map import LabelMap


def _category(id: str, label: str, **more: object) -> Concept:
    return Concept(id, "shop", "category", {"en": label}, **more)  # type: ignore[arg-type]


@pytest.fixture
def taxonomy() -> Taxonomy:
    concepts = [
        _category("sg", "Sports"),
        _category("sg-1", "Fishing Rods"),
        _category("sg-2", "Shirts"),
        _category("toys", "Toys"),
        _category("toys-1", "Doll Clothes"),
        _category("toys-1-1", "Shirts"),
        _category("old", "Angling", status="deprecated"),
        Concept("color", "shop", "attribute", {"en": "Color"}),
    ]
    relations = [
        *(Relation("broader", id, up, primary=True) for id, up in (("sg-1", "sg"), ("sg-2", "sg"), ("toys-1", "toys"))),
        Relation("broader", "toys-1-1", "toys-1", primary=True),
        Relation("applies_to", "color", "toys-1-1"),
        Relation("replaced_by", "old", "sg-1"),
    ]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(relations))))
    assert not taxonomy.problems
    return taxonomy


@pytest.mark.parametrize("name", ["sg-1", "Fishing Rods", "fishing rods", "Fishing Rod", "old"])
def test_a_category_by_id_label_either_number_or_redirect(taxonomy: Taxonomy, name: str) -> None:
    assert find_concept(taxonomy, name, "category") == "sg-1"


def test_of_several_the_one_that_attributes_apply_to(taxonomy: Taxonomy) -> None:
    assert find_concept(taxonomy, "Shirts", "category") == "toys-1-1"


def test_every_category_that_an_import_takes_for_known_is_found_again(taxonomy: Taxonomy) -> None:
    """`import annotated` puts its attributes on these concepts: products naming them must reach them."""
    rows = [AnnotatedRow(name, {"Weight": ["5g"]}) for name in ("Fishing Rod", "Sport", "Shirt", "Toy", "Lure")]
    content = induce(rows, taxonomy, scheme="mine", lang="en")
    edges = sorted({*taxonomy.relations, *content.relations})
    concepts = sorted([*taxonomy, *content.concepts], key=lambda concept: concept.id)
    both = Taxonomy.of(TaxonomyData.of(2, tuple(concepts), tuple(edges)))
    weight = find_concept(both, "Weight", "attribute")
    for row in rows:
        assert weight in both.attributes_for(require_concept(both, row.category or "", "category")), row.category


def test_what_is_unknown_names_what_is_near(taxonomy: Taxonomy) -> None:
    with pytest.raises(UnknownConcept, match=r"no category 'Fishing Rot'; did you mean 'Fishing Rods' \(sg-1\)\?"):
        require_concept(taxonomy, "Fishing Rot", "category")
    with pytest.raises(UnknownConcept, match="'sg-1' is of kind category"):
        require_concept(taxonomy, "sg-1", "attribute")


def test_a_model_binds_by_recorded_id_and_else_by_label(taxonomy: Taxonomy) -> None:
    binding = LabelMap.of(
        taxonomy, attributes=["Color", "Size"], categories=["Rods", "Shirts"], recorded={"Rods": "old"}
    )
    assert (binding.attribute("Color"), binding.attribute("Size")) == ("color", None)
    assert (binding.category("Rods"), binding.given_category("Rods")) == ("sg-1", "sg-1")
    assert binding.category_name("sg-1") == "Rods" and binding.category_name("toys") == "Toys"


def test_a_model_that_does_not_fit_says_the_way_out(taxonomy: Taxonomy) -> None:
    with pytest.raises(ModelMismatch, match=r"1: gone\); open the store it was trained on, redirect the concepts"):
        LabelMap.of(taxonomy, attributes=["Color"], categories=[], recorded={"Color": "gone"})
    with pytest.raises(ModelMismatch, match=r"none of the model's 1 attributes \(Size …\) is an attribute"):
        LabelMap.of(taxonomy, attributes=["Size"], categories=[], recorded={})
