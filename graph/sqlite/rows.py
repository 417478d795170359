"""Conversion between rows of the SQLite schema and values of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson

from graph.model import Concept, ItemTag, Retagged, TaggedItem

Row = tuple[Any, ...]

COLUMNS = tuple(field.name for field in fields(Concept))
"""Columns of the concept table, in the order of `row_of`."""
_values = attrgetter(*COLUMNS)


def row_of(concept: Concept) -> Row:
    return tuple(_json(value) if isinstance(value, Mapping) else value for value in _values(concept))


def item_of(row: Sequence[Any], tags: Sequence[Sequence[Any]]) -> TaggedItem:
    id, title, lang, model, revision = row
    return TaggedItem(id, title, lang, model, revision, tuple(map(tag_of, tags)))


def tag_of(row: Sequence[Any]) -> ItemTag:
    concept, probability, method, start, end, surface, status, steps = row
    retagged_from = tuple(Retagged(*step) for step in orjson.loads(steps or "[]"))
    return ItemTag(concept, probability, method, start, end, surface, status, retagged_from)


def tag_row(tag: ItemTag) -> Row:
    steps = steps_json(tag.retagged_from)
    return (tag.concept, float(tag.probability), tag.method, tag.start, tag.end, tag.surface, tag.status, steps)


def steps_json(steps: Sequence[Retagged]) -> str | None:
    """JSON `[[source, concept, status, version], …]`, the latest step last."""
    if not steps:
        return None
    return orjson.dumps([[s.source, s.concept, s.status, s.version] for s in steps]).decode()


def _json(labels: Mapping[str, str] | Mapping[str, tuple[str, ...]]) -> str:
    if not labels:
        return "{}"
    filled = {tag: value for tag, value in labels.items() if value != ()}
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS).decode()
