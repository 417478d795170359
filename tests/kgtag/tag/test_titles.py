"""Titles as shops write them, with the labels of the sample shop alone: what is a tag, and what is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kgtag
from kgtag.types import Product


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kgtag.Pipeline]:
    from graph.stores import open_store
    from kgtag.data import sample
    from kgtag.data.importing import import_files

    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('titles') / 'shop.db'}")
    store.migrate()
    import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="test")
    yield kgtag.load(store=store)
    store.close()


@pytest.mark.parametrize(
    ("title", "tags", "dropped"),
    [
        ("Trail boots leather, not insulated", {"boots", "material.leather"}, {"Insulated": "negated"}),
        ("Dome tent without lining, green", {"tents", "color.green"}, {}),
        ("Dark chocolate bar free of hazelnut", {"chocolate-bars"}, {"Hazelnut": "negated"}),
        ("登山鞋 非防水 黑色", {"hiking-boots", "color.black"}, {"防水": "negated"}),
        ("Leather-look backpack", {"backpacks"}, {"Leather": "imitated"}),
        ("Rain cover for backpacks, green", {"color.green"}, {"Backpacks": "intended_for"}),
        ("Headphones case, hard, black", {"color.black"}, {"Headphones": "intended_for"}),
        ("Coffee table, oak", set(), {"Coffee": "modifier"}),
        ("Backpack with phone case, red", {"backpacks", "color.red"}, {"Phone cases": "accessory"}),
        ("Men&#39;s <b>T-Shirt</b> &amp; more", {"t-shirts", "audience.men"}, {}),
        ("Ｗｏｍｅｎ’ｓ　ｄｒｅｓｓ", {"dresses", "audience.women"}, {}),
        ("紅色連衣裙", {"dresses", "color.red"}, {}),
        ("mens tshirt crewneck", {"t-shirts", "audience.men"}, {}),
    ],
)
def test_titles(pipeline: kgtag.Pipeline, title: str, tags: set[str], dropped: dict[str, str]) -> None:
    found = pipeline(title)
    assert tags <= {tag.concept for tag in found.tags}
    assert dropped.items() <= {one.tag.label: one.rule for one in found.dropped}.items()
    assert not {one.tag.concept for one in found.dropped if one.tag.label in dropped} & {
        tag.concept for tag in found.tags
    }
    for tag in [*found.tags, *(one.tag for one in found.dropped), *found.nil]:
        assert tag.span is None or title[tag.span.start : tag.span.end] == tag.surface


def test_a_text_is_read(pipeline: kgtag.Pipeline) -> None:
    found = pipeline(Product("1", "Backpack", text="Green and waterproof, not insulated."))
    tags = {tag.concept: tag.span.field for tag in found.tags if tag.span}
    assert tags["color.green"] == tags["feature.waterproof"] == "text" and "feature.insulated" not in tags


def test_a_language_without_labels(pipeline: kgtag.Pipeline) -> None:
    found = pipeline("Herren Wanderschuhe wasserdicht braun Nordvik")
    assert found.unsupported_language == "de" and found.to_dict()["unsupported_language"] == "de"
    assert pipeline("Brown boots").unsupported_language is None
    assert pipeline(Product("1", "Boots", lang="fr")).unsupported_language == "fr"


def test_a_name_alone_among_unknown_words_is_no_category(pipeline: kgtag.Pipeline) -> None:
    assert not [tag for tag in pipeline("Tent caterpillar control granules").tags if tag.kind == "category"]
    assert pipeline("Tent").tags[0].concept == "tents"
    assert "tents" in {tag.concept for tag in pipeline("Tent with groundsheet and pegs, green").tags}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Acme's jeans, blue", ["Acme's"]),
        ("case for zPhone 7 Pro", ["zPhone 7 Pro"]),
        ("艾克Mate7Pro手机壳", ["艾克", "Mate7Pro"]),
        ("Boots case for Acme Galaxy S24, leather", ["Acme Galaxy S24"]),
        ("适用于艾克Z9 Pro手机壳 黑色", ["艾克Z9 Pro"]),
        ("Dress by Ann Marlow, floral", ["Ann Marlow"]),
        ("ZORVEX wireless earbuds", ["ZORVEX"]),
        ("SeaRider boots, 40Pieces", ["SeaRider"]),
        ("Boots for Winter Days", []),
        ("ZORVEX WIRELESS EARBUDS", []),
    ],
)
def test_names_that_no_label_has(pipeline: kgtag.Pipeline, title: str, names: list[str]) -> None:
    assert [nil.surface for nil in pipeline(title).nil] == names


def test_whole_quantities() -> None:
    from kgtag.tag.reading import with_whole_numbers
    from kgtag.types import Extraction, Mention, Span

    title = "Tea 2.1kg, 1,500 g, 36-37"
    cut = [Span(6, 9), Span(13, 16), Span(20, 22)]
    found = with_whole_numbers(
        Extraction(tuple(Mention(span, title[span.start : span.end], "weight", 0.9) for span in cut)),
        Product("1", title),
    )
    assert [mention.surface for mention in found.mentions] == ["2.1kg", "1,500", "36"]
