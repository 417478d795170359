"""Judging canonical values: what an extractor found, each value said as the canonicaliser says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgtag.canonical import Canonicaliser
from kgtag.types import Extraction, Extractor, Mention, Product


class Canonical:
    """An Extractor for evaluation only: a mention's `surface` is its canonical value, which its span need not say."""

    def __init__(self, extractor: Extractor, canonicaliser: Canonicaliser) -> None:
        self._extractor = extractor
        self._canonicaliser = canonicaliser

    @property
    def version(self) -> str:
        return self._extractor.version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._extractor.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [
            replace(found, mentions=tuple(self._said(mention, product.category) for mention in found.mentions))
            for product, found in zip(products, self._extractor.extract(products), strict=True)
        ]

    def _said(self, mention: Mention, category: str | None) -> Mention:
        said = self._canonicaliser.apply(mention.surface, attribute=mention.attribute, category=category)
        return replace(mention, surface=said)
