"""The rows that leave kgtag: "tags out" of the contract, as plain dicts ready for JSON."""

from __future__ import annotations

from typing import Any

from graph.model import ItemTag, TaggedItem
from kgtag.types import DroppedTag, Nil, Product, Span, Tag, Tagging

_DIGITS = 4


def tagging_row(tagging: Tagging) -> dict[str, Any]:
    """One "tags out" row."""
    row: dict[str, Any] = {
        "id": tagging.id,
        "tags": [tag_row(tag) for tag in tagging.tags],
        "dropped": [_dropped_row(dropped) for dropped in tagging.dropped],
        "nil": [_nil_row(nil) for nil in tagging.nil],
        "model": tagging.model,
        "revision": tagging.revision,
    }
    if tagging.proposals:
        row["proposals"] = [
            {"head": p.head, "relation": p.relation, "tail": p.tail, "probability": round(p.probability, _DIGITS)}
            for p in tagging.proposals
        ]
    return row


def tag_row(tag: Tag) -> dict[str, Any]:
    """A Tag of the contract; fields that don't apply are left out."""
    row: dict[str, Any] = {"concept": tag.concept, "label": tag.label, "kind": tag.kind}
    optional: dict[str, Any] = {
        "attribute": tag.attribute,
        "span": _span(tag.span),
        "field": _field(tag.span),
        "surface": tag.surface,
        "method": tag.method,
        "extract_score": _round(tag.extract_score),
        "link_score": _round(tag.link_score),
        "plausibility": _round(tag.plausibility),
        "probability": _round(tag.probability),
        "implied_by": tag.implied_by,
    }
    return row | {name: value for name, value in optional.items() if value is not None}


def tagged_item(product: Product, tagging: Tagging) -> TaggedItem:
    """What a store keeps of a tagging: surfaces from the text stand without offsets, which it counts in the title."""
    tags = tuple(
        ItemTag(
            concept=tag.concept,
            probability=tag.probability,
            method=tag.method,
            start=tag.span.start if tag.span and tag.span.field == "title" else None,
            end=tag.span.end if tag.span and tag.span.field == "title" else None,
            surface=tag.surface,
        )
        for tag in tagging.tags
    )
    return TaggedItem(product.id, product.title, product.lang, tagging.model, tagging.revision, tags)


def _dropped_row(dropped: DroppedTag) -> dict[str, Any]:
    return tag_row(dropped.tag) | {"rule": dropped.rule}


def _nil_row(nil: Nil) -> dict[str, Any]:
    row: dict[str, Any] = {"span": _span(nil.span), "surface": nil.surface}
    if (field := _field(nil.span)) is not None:
        row["field"] = field
    if nil.attribute is not None:
        row["attribute"] = nil.attribute
    return row | {"score": _round(nil.score)}


def _span(span: Span | None) -> list[int] | None:
    return None if span is None else [span.start, span.end]


def _field(span: Span | None) -> str | None:
    """Said only where it isn't the title."""
    return span.field if span is not None and span.field != "title" else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
