"""The taxonomy's own labels, found as they are written in titles: a baseline extractor, without training."""

import re
from collections.abc import Callable, Iterator, Sequence

from graph.labels import normalise, singular
from graph.model import Kind
from graph.taxonomy import Taxonomy, find_concept
from kgtag.extract.lexicon import SURE
from kgtag.types import Extraction, Extractor, Mention, Product, Span

_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+")
"""A word, or one Han character: Chinese has no spaces between words."""
_LONGEST = 8
_LETTER = 0.7
"""`SURE` for labels of a single character (a size, say), counted on 37 mentions."""


class LabelFinder:
    """Looks every run of up to eight words of a title up among the labels of one kind of concept."""

    def __init__(self, taxonomy: Taxonomy, kind: Kind) -> None:
        self._taxonomy = taxonomy
        self._kind = kind

    def find(self, title: str, *, admitted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[Span, list[str]]]:
        """Where `admitted` concepts are named and which, from left to right; a name inside a longer one doesn't count
        ("boots" in "hiking boots")."""
        tokens = [Span(*match.span()) for match in _TOKEN.finditer(title)]
        covered = -1
        for first in range(len(tokens)):
            for last in range(min(first + _LONGEST, len(tokens)) - 1, first - 1, -1):
                span = Span(tokens[first].start, tokens[last].end)
                if span.end <= covered:
                    break
                named = [concept for concept in self._named(title[span.start : span.end]) if admitted(concept)]
                if named:
                    covered = span.end
                    yield span, named
                    break

    def _named(self, text: str) -> list[str]:
        key = normalise(text)
        for spelling in (key, singular(key), f"{singular(key)}s") if key.isascii() else (key,):
            named = [id for id in self._taxonomy.lookup(spelling) if self._taxonomy[id].kind == self._kind]
            if named:
                return named
        return []


class LabelExtractor(Extractor):
    """Finds the labels of a snapshot's values. Attributes are named by their concepts' ids. Finds nothing that has no
    label yet, and trusts every label that it finds: a start, and something to beat."""

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

    def _mentions(self, product: Product) -> Iterator[Mention]:
        """One mention for each attribute that has the label; the more there are, the less sure is each."""
        title = product.title
        category = find_concept(self._taxonomy, product.category, "category") if product.category else None
        applicable = None if category is None else frozenset(self._taxonomy.attributes_for(category))

        def admitted(value: str) -> bool:
            return applicable is None or self._taxonomy.attribute_of(value) in applicable

        for span, values in self._titles.find(title, admitted=admitted):
            homes = sorted({home for value in values if (home := self._taxonomy.attribute_of(value)) is not None})
            surface = title[span.start : span.end]
            score = _LETTER if len(surface) == 1 else SURE
            yield from (Mention(span, surface, home, round(score / len(homes), 4)) for home in homes)
