"""The dictionary baseline: the taxonomy's labels in titles, nothing trained."""

from __future__ import annotations

from pathlib import Path

import pytest

import kgtag
from graph.errors import TextError
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy, find_concept
from kgtag.data import read_annotated, sample
from kgtag.extract.dictionary import LabelExtractor
from kgtag.types import Product
from tests.kgtag.running import main


@pytest.fixture
def taxonomy(shop: str) -> Taxonomy:
    return load_taxonomy(open_store(shop))


def _found(taxonomy: Taxonomy, product: Product) -> set[tuple[str, str]]:
    (extraction,) = LabelExtractor(taxonomy).extract([product])
    return {(taxonomy[m.attribute].label("en"), m.surface) for m in extraction.mentions}


def test_it_finds_labels_of_the_sample_shop(taxonomy: Taxonomy) -> None:
    """Rough bounds of what it does: most of what it says is gold, and more than half of gold is said."""
    gold = list(read_annotated(sample.TEST, format="annotated"))
    extractor = LabelExtractor(taxonomy)
    right = said = wanted = 0
    for one, extraction in zip(gold, extractor.extract([one.product for one in gold]), strict=True):
        want = {(find_concept(taxonomy, name, "attribute"), span) for name, span in one.spans}
        have = {(mention.attribute, mention.span) for mention in extraction.mentions}
        right, said, wanted = right + len(want & have), said + len(have), wanted + len(want)
    assert right / said > 0.8 and right / wanted > 0.55


def test_only_what_applies_to_the_category(taxonomy: Taxonomy) -> None:
    title = "Red cotton and 40 L, 512 GB"
    everywhere = {name for name, _ in _found(taxonomy, Product("1", title))}
    here = {name for name, _ in _found(taxonomy, Product("1", title, category="t-shirts"))}
    category = find_concept(taxonomy, "t-shirts", "category")
    assert category is not None
    names = {taxonomy[id].label("en") for id in taxonomy.attributes_for(category)}
    assert here >= {"Color", "Material"} and here <= names and everywhere - names


def test_titles_that_cannot_be_read_are_refused(taxonomy: Taxonomy) -> None:
    with pytest.raises(TextError, match="empty"):
        kgtag.load(store=taxonomy)(Product("1", ""))


def test_tag_without_a_model(shop: str, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "1", "title": "red cotton T-shirt"}\n{"id": "2", "title": ""}\n', encoding="utf-8")
    ran = main("tag", source, "--store", shop)
    first, second = ran.rows
    assert ran.code == 1 and "error" in second
    assert {tag["label"] for tag in first["tags"]} >= {"Red", "Cotton"}
    assert first["model"].startswith("labels-")
    assert "no --model" in ran.stderr


def test_a_marketplace_with_the_same_names_takes_nothing_from_the_shops_own_concepts(tmp_path: Path) -> None:
    """Mapped as exact matches, the two are one meaning, and the shop's own concept is the tag."""
    own = [
        Concept("shop:gloves", "shop", "category", {"en": "Garden gloves"}),
        Concept("shop:size", "shop", "attribute", {"en": "Size"}),
        Concept("shop:small", "shop", "value", {"en": "Small"}),
    ]
    edge = Relation("value_of", "shop:small", "shop:size")
    theirs = Concept("a:134", "market", "category", {"en": "Garden Gloves"})
    store = open_store(f"sqlite:///{tmp_path / 'two.db'}")
    store.migrate()
    store.apply(ChangeSet((*map(PutConcept, (*own, theirs)), PutRelation(edge)), "ann"))
    title = "Petalka cotton garden gloves floral pink"
    assert kgtag.load(store=store)(title).tags == ()
    store.apply(ChangeSet((PutRelation(Relation("exact_match", "a:134", "shop:gloves")),), "ann"))
    (tag,) = kgtag.load(store=store)(title).tags
    assert tag.concept == "shop:gloves" and tag.probability > 0.9
