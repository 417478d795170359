"""The dictionary baseline: the taxonomy's labels in titles, nothing trained."""

from __future__ import annotations

from pathlib import Path

import pytest

import kgtag
from graph.errors import TextError
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
