"""Values that stand in a product's text behind its title."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kgtag.data.annotated import locate
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import document, field_span
from kgtag.train.extractor.dataset import place, reads_text
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct, Nil, Product, Span, Tag, Tagging
from tests.kgtag.extract.conftest import OPTIONS

_COLORS = ("red", "green", "black", "white", "blue", "grey")
_MATERIALS = ("leather", "cotton", "wool", "steel")


def described() -> list[AnnotatedProduct]:
    """The colour in the title, the material in the text; some with nothing in the text, some without a text."""
    made = []
    for color in _COLORS:
        for material in _MATERIALS:
            text = f"Made of {material}, by hand." if material != "steel" else "No further details."
            values = {"Color": (color,), "Material": (material,) if material != "steel" else ()}
            title = f"{color} thing"
            made.append(
                AnnotatedProduct(
                    Product(f"{color} {material}", title, text, category="Thing"), values, tuple(locate(title, values))
                )
            )
        values = {"Color": (color,), "Material": ()}
        title = f"plain {color} thing"
        made.append(AnnotatedProduct(Product(color, title, category="Thing"), values, tuple(locate(title, values))))
    return made


@pytest.fixture(scope="module")
def reader(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> SequenceExtractor:
    out = tmp_path_factory.mktemp("models") / "texts"
    options = replace(OPTIONS, epochs=18)
    train_extractor(described(), dev=described()[::4], out=out, encoder=str(tiny_encoder), options=options)
    return SequenceExtractor.load(out, threads=1)


def test_a_value_is_found_in_the_text_and_says_so(reader: SequenceExtractor) -> None:
    product = Product("1", "blue thing", "Made of\twool, by hand.", category="Thing")
    mentions = {mention.attribute: mention for mention in reader.extract([product])[0].mentions}
    assert mentions["Material"].span == Span(8, 12, "text")
    assert mentions["Material"].surface == "wool"
    assert mentions["Color"].span == Span(0, 4)


def test_without_a_text_only_the_title_is_read(reader: SequenceExtractor) -> None:
    (found,) = reader.extract([Product("1", "blue thing", category="Thing")])
    assert [mention.attribute for mention in found.mentions] == ["Color"]


def test_a_model_of_titles_leaves_texts_alone(extractor: SequenceExtractor) -> None:
    bare = Product("1", "Acme dark blue leather running shoes", category="Shoe")
    found = extractor.extract([bare, replace(bare, text="Velox red cotton")])
    assert found[0] == found[1]


def test_models_read_texts_when_values_stand_only_there() -> None:
    plain = AnnotatedProduct(Product("1", "red thing", "so red"), {"Color": ("red",)})
    assert not reads_text([plain, AnnotatedProduct(Product("2", "thing", "nice"), {"Color": ("red",)})])
    assert reads_text([plain, AnnotatedProduct(Product("2", "thing", "nice, red"), {"Color": ("red",)})])


def test_gold_is_placed_in_title_and_text() -> None:
    item = AnnotatedProduct(Product("1", "red cup", "a cup, red"), {"Color": ("red", "blue")}, (("Color", Span(0, 3)),))
    assert place(item, document("red cup", "a cup, red"), "Color") == ([Span(0, 3), Span(15, 18)], 1)


def test_spans_of_the_text_are_taken_at_their_word() -> None:
    """A height of 2 in the title is no reason to take every 2 of a text for a height, once the text was annotated."""
    spans = (("Height", Span(6, 7)), ("Depth", Span(0, 1, "text")))
    item = AnnotatedProduct(Product("1", "table 2", "3 deep, 2 legs"), {"Height": ("2",), "Depth": ("3",)}, spans)
    whole = document("table 2", "3 deep, 2 legs")
    assert place(item, whole, "Height") == ([Span(6, 7)], 0)
    assert place(item, whole, "Depth") == ([Span(8, 9)], 0)


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [(0, 3, Span(0, 3)), (4, 6, Span(0, 2, "text")), (5, 7, Span(1, 3, "text")), (2, 6, Span(2, 3))],
)
def test_spans_of_a_document_belong_to_one_field(start: int, end: int, span: Span) -> None:
    """A title of 3 characters, a line's end, a text; what crosses the line ends with the title."""
    assert field_span(start, end, 3) == span


def test_what_stands_in_the_text_says_so_in_answers_and_has_no_offsets_in_the_store() -> None:
    tag = Tag("c", "wool", "value", "exact", 0.9, span=Span(8, 12, "text"), surface="wool")
    nil = Nil(Span(0, 4, "text"), "Made", None, 0.5)
    tagging = Tagging("1", (tag,), (), (nil,), "m", "r")
    row = tagging.to_dict()
    assert (row["tags"][0]["span"], row["tags"][0]["field"]) == ([8, 12], "text")
    assert row["nil"][0]["field"] == "text"
    kept = tagging.to_item(Product("1", "thing", "Made of wool")).tags[0]
    assert (kept.start, kept.end, kept.surface) == (None, None, "wool")
