"""Queries read with a model that was trained on queries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graph.errors import InputError
from graph.sources import Taxonomy
from kgtag.data import sample
from kgtag.search.query import QueryParser
from kgtag.types import Extraction, Extractor, Mention, Product, Span

_TYPES = {
    "black": "color",
    "black and decker": "creator",
    "energy drink": "core_product_type",
    "red bull": "creator",
    "lamp": "core_product_type",
    "table": "core_product_type",
    "off whte": "color",
    "hoodie": "core_product_type",
}


class _Tagger(Extractor):
    version, attributes = "queries-1", ("core_product_type", "creator", "color")

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [Extraction(tuple(self._mentions(product.title))) for product in products]

    def _mentions(self, title: str) -> list[Mention]:
        at = [(title.lower().find(words), words) for words in _TYPES]
        return [Mention(Span(i, i + len(words)), words, _TYPES[words], 0.9) for i, words in at if i >= 0]


@pytest.fixture(scope="module")
def parsers() -> tuple[QueryParser, QueryParser]:
    taxonomy = Taxonomy.load(sample.TAXONOMY)
    return QueryParser(taxonomy), QueryParser(taxonomy, tagger=_Tagger())


def test_no_value_stands_inside_of_a_name(parsers: tuple[QueryParser, QueryParser]) -> None:
    plain, tagged = (parser.parse("Red Bull energy drink") for parser in parsers)
    assert [span.surface for span in plain.spans] == ["Red"]
    assert (tagged.spans, tagged.remainder) == ((), "Red Bull energy drink")
    assert [span.surface for span in parsers[1].parse("black and decker black lamp").spans] == ["black", "lamp"]


def test_what_is_looked_for_is_what_the_model_says(parsers: tuple[QueryParser, QueryParser]) -> None:
    plain, tagged = (parser.parse("tent lamp") for parser in parsers)
    assert plain.category is not None and tagged.category is not None and tagged.category.concept == "lighting"
    none = parsers[1].parse("backpack table")
    assert none.category is None and [span.rule for span in none.spans] == ["modifier"]


def test_a_value_is_linked_within_its_attribute(parsers: tuple[QueryParser, QueryParser]) -> None:
    spans = {span.surface: span.attribute for span in parsers[1].parse("off whte hoodie").spans}
    assert spans == {"off whte": "color", "hoodie": None}


def test_chinese_is_read_by_labels_alone(parsers: tuple[QueryParser, QueryParser]) -> None:
    assert parsers[0].parse("红色 帐篷 lamp").to_dict() == parsers[1].parse("红色 帐篷 lamp").to_dict()


def test_a_model_of_products_is_refused() -> None:
    class _Products(_Tagger):
        attributes = ("color", "size")

    with pytest.raises(InputError, match=r"finds color, size, …, not 'core_product_type'"):
        QueryParser(Taxonomy.load(sample.TAXONOMY), tagger=_Products())
