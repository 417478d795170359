"""Products and what was found in them on one line of characters: the text joined to the title it stands behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgtag.text import document, document_span
from kgtag.types import AnnotatedProduct, Extraction


def as_documents(
    data: Sequence[AnnotatedProduct], found: Sequence[Extraction]
) -> tuple[list[AnnotatedProduct], list[Extraction]]:
    """Every product with its document for a title, and all spans, gold and found, counted in that."""
    gold, read = [], []
    for one, extraction in zip(data, found, strict=True):
        length = len(one.product.title)
        title = document(one.product.title, one.product.text)
        gold.append(
            replace(
                one,
                product=replace(one.product, title=title, text=None),
                spans=tuple((name, document_span(span, length)) for name, span in one.spans),
            )
        )
        mentions = tuple(replace(mention, span=document_span(mention.span, length)) for mention in extraction.mentions)
        read.append(replace(extraction, mentions=mentions))
    return gold, read
