"""Neo4j's nodes and relationships ⇄ values of the model, whatever hands have edited them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from graph.model import (
    KINDS,
    LANGUAGE_TAG,
    RELATION_TYPES,
    SYMMETRIC,
    ApiKey,
    Choice,
    Concept,
    ItemTag,
    Kind,
    Relation,
    RelationType,
    Status,
    Stray,
    TaggedItem,
)
from graph.strays import near_relation

Row = dict[str, Any]

LOST = " element "
"""What the id of a concept that has lost its own begins with, its element id behind it: no sound id, so the snapshot
quarantines the concept and names the element."""

KIND_OF: Mapping[str, Kind] = {kind.capitalize(): kind for kind in KINDS}
LABEL_OF: Mapping[Kind, str] = {kind: kind.capitalize() for kind in KINDS}
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
        text, tag = _split(name_of)
        if preferred.get(tag) == text:
            preferred[tag] = name


def properties_of(concept: Concept) -> Row:
    """What kgtag writes on the node; None removes a property. Properties of other people's stay."""
    caption = concept.label()
    tag = min((tag for tag, text in concept.pref_label.items() if text == caption), default="und", key=_english_first)
    return {
        "name": caption,
        "nameOf": f"{caption}@{tag}",
        "scheme": concept.scheme,
        "prefLabel": _tagged(concept.pref_label.items()) or None,
        "altLabel": _tagged((tag, text) for tag, texts in concept.alt_label.items() for text in texts) or None,
        "hiddenLabel": _tagged((tag, text) for tag, texts in concept.hidden_label.items() for text in texts) or None,
        "definition": _tagged(concept.definition.items()) or None,
        "notation": concept.notation,
        "status": concept.status,
        "choice": concept.choice if concept.kind == "attribute" or concept.choice != "multiple" else None,
    }


def concept_row(concept: Concept) -> Row:
    return {"id": concept.id, "label": LABEL_OF[concept.kind], "properties": properties_of(concept)}


def relation_row(relation: Relation) -> Row:
    return {
        "type": relation.type.upper(),
        "source": relation.source,
        "target": relation.target,
        "primary": relation.primary if relation.type == "broader" else relation.primary or None,
        "symmetric": relation.type in SYMMETRIC,
    }


def relations_of(rows: Iterable[Sequence[Any]]) -> tuple[Relation, ...]:
    """In order and canonical, each once, whichever way and however often it was drawn.

    Relationships of types that aren't the taxonomy's are other people's business and left out; see `strays_of`.
    """
    found: dict[tuple[str, str, str], Relation] = {}
    for type, source, target, primary in rows:
        known = RELATION_OF.get(type)
        if known is not None:
            edge = Relation(known, source, target, primary is True).canonical()
            if edge.key not in found or edge.primary:
                found[edge.key] = edge
    return tuple(sorted(found.values()))


def strays_of(rows: Iterable[Sequence[Any]]) -> tuple[Stray, ...]:
    """Relationships whose type is nearly one of the taxonomy's, each once, in order."""
    meant: dict[str, bool] = {}
    found = set()
    for type, source, target, _ in rows:
        if type not in RELATION_OF:
            if type not in meant:
                meant[type] = near_relation(type) is not None
            if meant[type]:
                found.add(Stray(type, source, target))
    return tuple(sorted(found))


def item_row(item: TaggedItem) -> Row:
    return {
        "id": item.id,
        "properties": {"title": item.title, "lang": item.lang, "model": item.model, "revision": item.revision},
        "tags": [
            {
                "concept": tag.concept,
                "properties": {
                    "position": position,
                    "probability": float(tag.probability),
                    "method": tag.method,
                    "start": tag.start,
                    "end": tag.end,
                    "surface": tag.surface,
                    "model": item.model,
                    "revision": item.revision,
                    "status": tag.status,
                },
            }
            for position, tag in enumerate(item.tags)
        ],
    }


def item_of(row: Mapping[str, Any]) -> TaggedItem:
    """Tags drawn by hand may have no properties at all: they count as certain and accepted, by method 'given'."""
    tags = tuple(
        ItemTag(
            concept=concept,
            probability=float(tag["probability"]) if isinstance(tag.get("probability"), (int, float)) else 1.0,
            method=_text(tag.get("method", "given")),
            start=tag.get("start"),
            end=tag.get("end"),
            surface=tag.get("surface"),
            status=tag.get("status", "accepted"),
        )
        for concept, tag in row["tags"]
    )
    model, revision = _text(row["model"]), _text(row["revision"])
    return TaggedItem(row["id"], _text(row["title"]), row["lang"], model, revision, tags)


def key_of(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey(row["id"], row["name"], row["sha256"], tuple(row["scopes"]), row["created"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _english_first(tag: str) -> tuple[bool, str]:
    return (tag != "en", tag)


def _tagged(labels: Iterable[tuple[str, str]]) -> list[str]:
    """`text@lang`, as neosemantics reads and writes it, by language; the order within one language is kept."""
    return [f"{text}@{tag}" for tag, text in sorted(labels, key=lambda pair: pair[0])]


def _split(text: str) -> tuple[str, str]:
    """Text and language tag; what has no tag at its end is in no particular language."""
    label, at, tag = text.rpartition("@")
    return (label, tag) if at and LANGUAGE_TAG.fullmatch(tag) else (text, "und")


def _pairs(value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    return [_split(_text(text)) for text in (value if isinstance(value, list) else [value])]


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
