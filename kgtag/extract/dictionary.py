"""The dictionary baseline: the taxonomy's own labels, found as they are written in titles, without training."""

from __future__ import annotations

from collections.abc import Sequence

from graph.taxonomy import Taxonomy, find_concept
from kgtag.extract.label_finder import LabelFinder
from kgtag.extract.lexicon import SURE
from kgtag.types import Extraction, Extractor, Mention, Product, Span

_LETTER = 0.7
"""`SURE` for labels of a single character (a size, say), counted on 37 mentions."""


class LabelExtractor(Extractor):
    """Finds the labels of a snapshot's values. Attributes are named by their concepts' ids.

    Finds nothing that has no label yet, and trusts every label that it finds: a start, and something to beat.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._titles = LabelFinder(taxonomy, "value")
        self._attributes = tuple(concept.id for concept in taxonomy if concept.kind == "attribute")

    @property
    def version(self) -> str:
        return f"labels-{self._taxonomy.revision[:12]}"

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order; only values of attributes that apply to a product's category, when the
        taxonomy knows it."""
        return [Extraction(tuple(self._mentions(product))) for product in products]

    def _mentions(self, product: Product) -> list[Mention]:
        title = product.title
        category = find_concept(self._taxonomy, product.category, "category") if product.category else None
        applicable = None if category is None else frozenset(self._taxonomy.attributes_for(category))

        def admitted(value: str) -> bool:
            return applicable is None or self._taxonomy.attribute_of(value) in applicable

        found = []
        for span, values in self._titles.find(title, admitted=admitted):
            found += self._at(title, span, values)
        return found

    def _at(self, title: str, span: Span, values: Sequence[str]) -> list[Mention]:
        """One mention for each attribute that has the label; the more there are, the less sure is each."""
        homes = sorted({home for value in values if (home := self._taxonomy.attribute_of(value)) is not None})
        surface = title[span.start : span.end]
        score = _LETTER if len(surface) == 1 else SURE
        return [Mention(span, surface, home, round(score / len(homes), 4)) for home in homes]
