"""What a node of Neo4j means, one at a time: the plain reading that `graph.neo4j.read` must equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from graph.model import KINDS, LANGUAGE_TAG, RELATION_TYPES, Choice, Concept, Kind, Relation, RelationType, Status

KIND_OF: Mapping[str, Kind] = {kind.capitalize(): kind for kind in KINDS}
RELATION_OF: Mapping[str, RelationType] = {type.upper(): type for type in RELATION_TYPES}


def concept_of(row: Sequence[Any]) -> Concept:
    """A row of the concepts query. Missing properties get their defaults, odd ones become text."""
    id, labels, scheme, name, name_of, pref, alt, hidden, definition, notation, status, choice = row
    kinds = [KIND_OF[label] for label in labels if label in KIND_OF]
    preferred = _first_by_language(pref)
    if isinstance(name, str) and name.strip():
        _take_renaming(preferred, name, name_of)
    return Concept(
        id=id,
        scheme=_text(scheme),
        kind=kinds[0] if len(kinds) == 1 else cast(Kind, " and ".join(sorted(kinds))),
        pref_label=preferred,
        alt_label=_lists_by_language(alt),
        hidden_label=_lists_by_language(hidden),
        definition=_first_by_language(definition),
        notation=None if notation is None else _text(notation),
        status=cast(Status, "active" if status is None else _text(status)),
        choice=cast(Choice, "multiple" if choice is None else _text(choice)),
    )


def _take_renaming(preferred: dict[str, str], name: str, name_of: object) -> None:
    """`name` repeats the preferred label `nameOf`. Where that label still stands and `name` differs, the caption was
    edited by hand, and counts; where it doesn't, the labels were edited, and count. A concept without any preferred
    label is called by its caption, in no particular language."""
    if not preferred:
        preferred["und"] = name
    elif isinstance(name_of, str):
        text, tag = split(name_of)
        if preferred.get(tag) == text:
            preferred[tag] = name


def relations_of(rows: Iterable[Sequence[Any]]) -> tuple[Relation, ...]:
    """In order and canonical, each once, whichever way and however often it was drawn.

    Relationships of types that aren't the taxonomy's are other people's business and left out.
    """
    found: dict[tuple[str, str, str], Relation] = {}
    for type, source, target, primary in rows:
        known = RELATION_OF.get(type)
        if known is not None:
            edge = Relation(known, source, target, primary is True).canonical()
            if edge.key not in found or edge.primary:
                found[edge.key] = edge
    return tuple(sorted(found.values()))


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def split(text: str) -> tuple[str, str]:
    """Text and language tag; what has no tag at its end is in no particular language."""
    label, at, tag = text.rpartition("@")
    return (label, tag) if at and LANGUAGE_TAG.fullmatch(tag) else (text, "und")


def _pairs(value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    return [split(_text(text)) for text in (value if isinstance(value, list) else [value])]


def _first_by_language(value: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for text, tag in _pairs(value):
        found.setdefault(tag, text)
    return found


def _lists_by_language(value: object) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for text, tag in _pairs(value):
        found.setdefault(tag, []).append(text)
    return {tag: tuple(texts) for tag, texts in found.items()}
