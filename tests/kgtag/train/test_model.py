"""What a taxonomy lends to the extractor, and when it must not."""

from __future__ import annotations

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.train.model import _lexicon, link_examples
from kgtag.types import AnnotatedProduct, Product, Query, Span

CONCEPTS = (
    Concept("socks", "shop", "category", {"en": "Socks"}),
    Concept("color", "shop", "attribute", {"en": "Color"}),
    Concept("red", "shop", "value", {"en": "Red"}, alt_label={"en": ("crimson",)}),
    Concept("old", "shop", "value", {"en": "Bordeaux"}, status="deprecated"),
)
TAXONOMY = Taxonomy.of(
    TaxonomyData.of(1, CONCEPTS, (Relation("value_of", "red", "color"), Relation("value_of", "old", "color")))
)


def _product(*values: str) -> AnnotatedProduct:
    return AnnotatedProduct(Product("1", "socks " + " ".join(values), category="Socks"), {"Color": values})


def test_labels_of_the_attribute_make_the_lexicon() -> None:
    said: list[str] = []
    found = _lexicon([_product("red", "plum")], TAXONOMY, {"Color": "color"}, said.append)
    assert found == {"Color": ["Red", "crimson"]} and not said


def test_a_taxonomy_made_from_the_titles_is_no_lexicon() -> None:
    said: list[str] = []
    assert _lexicon([_product("red", "Crimson")], TAXONOMY, {"Color": "color"}, said.append) == {}
    assert "100%" in said[0]


def test_annotators_links_become_examples_and_unknown_concepts_don_t() -> None:
    links = {("Color", "red"): "red", ("Color", "plum"): None, ("Color", "teal"): "color.teal"}
    one = AnnotatedProduct(
        Product("1", "red plum teal", category="Socks", lang="en"), {}, (("Color", Span(0, 3)),), links
    )
    examples = link_examples(one, TAXONOMY)
    assert [(e.query, e.concept) for e in examples] == [
        (Query("red", "color", "socks", "en"), "red"),
        (Query("plum", "color", "socks", "en"), None),
    ]
