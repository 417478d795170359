"""Extractions as values rather than spans, for evaluation: normalised, and with implicit values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgtag.extract.implicit.model import ImplicitValueModel, with_inferred
from kgtag.normalise import Normaliser
from kgtag.types import Extraction, Extractor, Mention, Product, Span

_NOWHERE = Span(0, 0)


class ValueExtractor(Extractor):
    """An extractor whose mentions hold values: their `surface` may differ from the text of their span.

    Args:
        extractor: Finds the mentions.
        normaliser: Replaces their surfaces with normalised values.
        implicit: Adds values of attributes without a mention, on an empty span.
    """

    def __init__(
        self, extractor: Extractor, *, normaliser: Normaliser | None = None, implicit: ImplicitValueModel | None = None
    ) -> None:
        self._extractor, self._normaliser, self._implicit = extractor, normaliser, implicit

    @property
    def version(self) -> str:
        return self._extractor.version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._extractor.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        found = self._extractor.extract(products)
        if self._implicit is not None:
            found = with_inferred(found, products, self._implicit)
        return [self._with_values(product, extraction) for product, extraction in zip(products, found, strict=True)]

    def _with_values(self, product: Product, extraction: Extraction) -> Extraction:
        mentions = extraction.mentions
        if self._normaliser is not None:
            apply = self._normaliser.apply
            mentions = tuple(
                replace(one, surface=apply(one.surface, attribute=one.attribute, category=product.category))
                for one in mentions
            )
        inferred = (Mention(_NOWHERE, one.value, one.attribute, one.probability) for one in extraction.inferred)
        return replace(extraction, mentions=(*mentions, *inferred))
