"""What a row of SQLite means, one at a time: the plain reading that `graph.sqlite.rows` must equal."""

from __future__ import annotations

from typing import Any

import orjson

from graph.model import Concept


def concept_of(row: tuple[Any, ...]) -> Concept:
    """Hand edits may have put anything into the JSON: texts are made text, what isn't a list is a list of one."""
    id, scheme, kind, pref, alt, hidden, definition, notation, status, choice = row
    return Concept(
        id, scheme, kind, _texts(pref), _lists(alt), _lists(hidden), _texts(definition), notation, status, choice
    )


def _texts(text: str) -> dict[str, str]:
    if text == "{}":
        return {}
    return {tag: value if isinstance(value, str) else str(value) for tag, value in orjson.loads(text).items()}


def _lists(text: str) -> dict[str, tuple[str, ...]]:
    if text == "{}":
        return {}
    return {
        tag: tuple(map(str, value)) if isinstance(value, list) else (str(value),)
        for tag, value in orjson.loads(text).items()
    }
