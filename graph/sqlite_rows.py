"""Rows of the SQLite schema ⇄ values of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from graph.model import ApiKey, Concept, ItemTag, TaggedItem

Row = tuple[Any, ...]


def row_of(concept: Concept) -> Row:
    return (
        concept.id,
        concept.scheme,
        concept.kind,
        _json(concept.pref_label),
        _json(concept.alt_label),
        _json(concept.hidden_label),
        _json(concept.definition),
        concept.notation,
        concept.status,
        concept.choice,
    )


def item_of(row: Row, tags: Sequence[Row]) -> TaggedItem:
    id, title, lang, model, revision = row
    return TaggedItem(id, title, lang, model, revision, tuple(ItemTag(*tag) for tag in tags))


def tag_row(tag: ItemTag) -> Row:
    return (tag.concept, float(tag.probability), tag.method, tag.start, tag.end, tag.surface, tag.status)


def key_of(row: Row) -> ApiKey:
    id, name, sha256, scopes, created = row
    return ApiKey(id, name, sha256, tuple(scopes.split()), created)


def _json(labels: Mapping[str, str] | Mapping[str, tuple[str, ...]]) -> str:
    if not labels:
        return "{}"
    filled = {tag: value for tag, value in labels.items() if value != ()}
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS).decode()
