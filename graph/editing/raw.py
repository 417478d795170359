"""Changes from untrusted JSON in the history's notation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.errors import InputError
from graph.model import RELATION_TYPES, Change, DeleteRelation, PutConcept, PutRelation, Retag
from graph.model.serial import change_from_json


def read_change(row: Mapping[str, Any]) -> Change:
    """Read a change.

    Args:
        row: The change in the history's JSON, such as `{"delete_concept": "boots"}`.

    Raises:
        InputError: The row is not a change.
    """
    try:
        return _checked(change_from_json(row))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{str(dict(row))[:200]} is not a change: {why}") from None


def _checked(change: Change) -> Change:
    """The change itself. Raises TypeError for fields of other types."""
    match change:
        case PutConcept(concept):
            for name in ("id", "scheme", "kind", "status", "choice"):
                _require_text(getattr(concept, name), name)
            if concept.notation is not None:
                _require_text(concept.notation, "notation")
            for text, tag, _ in concept.labels():
                _require_text(text, "a label")
                _require_text(tag, "a language")
            for text in concept.definition.values():
                _require_text(text, "a definition")
        case PutRelation(edge) | DeleteRelation(edge):
            for end in (edge.source, edge.target):
                _require_text(end, "an end of a relation")
            if edge.type not in RELATION_TYPES or not isinstance(edge.primary, bool):
                raise TypeError(f"no relation {edge.type!r}; there is {', '.join(RELATION_TYPES)}")
        case Retag(source, target, surfaces, back, version):
            for text in (source, target, *(surfaces or ())):
                _require_text(text, "a text of a retag")
            if not isinstance(back, bool) or not (version is None or isinstance(version, int)):
                raise TypeError("`back` is true or false, `version` a number")
    return change


def _require_text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {value!r}")
