"""Conversion between rows of the SQLite schema and values of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from graph.model import ApiKey, Concept, ItemTag, Retagged, TaggedItem

Row = tuple[Any, ...]

COLUMNS = (
    "id",
    "scheme",
    "kind",
    "pref_label",
    "alt_label",
    "hidden_label",
    "definition",
    "notation",
    "status",
    "choice",
)
"""Columns of the concept table, in the order of `row_of`."""


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
    return TaggedItem(id, title, lang, model, revision, tuple(map(tag_of, tags)))


def tag_of(row: Sequence[Any]) -> ItemTag:
    concept, probability, method, start, end, surface, status, steps = row
    return ItemTag(concept, probability, method, start, end, surface, status, _steps(steps) if steps else ())


def tag_row(tag: ItemTag) -> Row:
    steps = steps_json(tag.retagged_from)
    return (tag.concept, float(tag.probability), tag.method, tag.start, tag.end, tag.surface, tag.status, steps)


def steps_json(steps: Sequence[Retagged]) -> str | None:
    """JSON `[[source, concept, status, version], …]`, the latest step last."""
    if not steps:
        return None
    return orjson.dumps([[s.source, s.concept, s.status, s.version] for s in steps]).decode()


def _steps(text: str) -> tuple[Retagged, ...]:
    return tuple(Retagged(*step) for step in orjson.loads(text))


def key_of(row: Row) -> ApiKey:
    id, name, sha256, scopes, created = row
    return ApiKey(id, name, sha256, tuple(scopes.split()), created)


def _json(labels: Mapping[str, str] | Mapping[str, tuple[str, ...]]) -> str:
    if not labels:
        return "{}"
    filled = {tag: value for tag, value in labels.items() if value != ()}
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS).decode()
