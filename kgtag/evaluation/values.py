"""Judging values rather than spans: as a canonicaliser says them, and those that no text says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgtag.extract.implicit.model import ValueModel, with_inferred
from kgtag.normalise import Canonicaliser
from kgtag.types import Extraction, Extractor, Mention, Product, Span

_NOWHERE = Span(0, 0)


class Valued(Extractor):
    """An Extractor for evaluation only. A mention's `surface` is a value, which its span need not say: with a
    `canonicaliser` the canonical one; with `implied`, attributes without a mention get what it infers, on an empty
    span."""

    def __init__(
        self, extractor: Extractor, *, canonicaliser: Canonicaliser | None = None, implied: ValueModel | None = None
    ) -> None:
        self._extractor = extractor
        self._canonicaliser = canonicaliser
        self._implied = implied

    @property
    def version(self) -> str:
        return self._extractor.version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._extractor.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        found = self._extractor.extract(products)
        if self._implied is not None:
            found = with_inferred(found, products, self._implied)
        return [self._valued(product, extraction) for product, extraction in zip(products, found, strict=True)]

    def _valued(self, product: Product, extraction: Extraction) -> Extraction:
        said = tuple(self._canonical(mention, product.category) for mention in extraction.mentions)
        unsaid = tuple(Mention(_NOWHERE, one.value, one.attribute, one.probability) for one in extraction.inferred)
        return replace(extraction, mentions=said + unsaid)

    def _canonical(self, mention: Mention, category: str | None) -> Mention:
        if self._canonicaliser is None:
            return mention
        said = self._canonicaliser.apply(mention.surface, attribute=mention.attribute, category=category)
        return replace(mention, surface=said)
