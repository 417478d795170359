"""Products and what was found in them on one line of characters: the text joined to the title it stands behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgtag.text import document
from kgtag.types import AnnotatedProduct, Extraction, Span


def as_documents(
    data: Sequence[AnnotatedProduct], found: Sequence[Extraction]
) -> tuple[list[AnnotatedProduct], list[Extraction]]:
    """Every product with its document for a title, and all spans, gold and found, counted in that."""
    gold, read = [], []
    for one, extraction in zip(data, found, strict=True):
        behind = len(one.product.title) + 1
        title = document(one.product.title, one.product.text)
        gold.append(
            replace(
                one,
                product=replace(one.product, title=title, text=None),
                spans=tuple((name, _moved(span, behind)) for name, span in one.spans),
            )
        )
        mentions = tuple(replace(mention, span=_moved(mention.span, behind)) for mention in extraction.mentions)
        read.append(replace(extraction, mentions=mentions))
    return gold, read


def _moved(span: Span, behind: int) -> Span:
    return span if span.field == "title" else Span(span.start + behind, span.end + behind)
