"""Conversion between Neo4j's nodes and relationships, external edits included, and values of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graph.model import KINDS, SYMMETRIC, ApiKey, Concept, ItemTag, Kind, Relation, Retagged, TaggedItem

Row = dict[str, Any]

LABEL_OF: Mapping[Kind, str] = {kind: kind.capitalize() for kind in KINDS}


def properties_of(concept: Concept) -> Row:
    """The properties that kgtag writes; None removes one. Other people's properties stay."""
    caption = concept.label()
    if concept.pref_label.get("en") == caption:
        tag = "en"
    else:
        tag = min((tag for tag, text in concept.pref_label.items() if text == caption), default="und")
    return {
        "name": caption,
        "nameOf": f"{caption}@{tag}",
        "scheme": concept.scheme,
        "prefLabel": _tagged(concept.pref_label) or None,
        "altLabel": _tagged_lists(concept.alt_label) or None,
        "hiddenLabel": _tagged_lists(concept.hidden_label) or None,
        "definition": _tagged(concept.definition) or None,
        "notation": concept.notation,
        "status": concept.status,
        "choice": concept.choice if concept.kind == "attribute" or concept.choice != "multiple" else None,
    }


def concept_row(concept: Concept) -> Row:
    return {"id": concept.id, "label": LABEL_OF[concept.kind], "properties": properties_of(concept)}


def new_concept_row(concept: Concept) -> Row:
    """The properties of a new node."""
    row = {name: value for name, value in properties_of(concept).items() if value is not None}
    return row | {"id": concept.id}


def relation_row(relation: Relation) -> tuple[str, str, bool | None]:
    primary = relation.primary if relation.type == "broader" else relation.primary or None
    return (relation.source, relation.target, primary)


def deleted_relation_row(relation: Relation) -> Row:
    return {
        "type": relation.type.upper(),
        "source": relation.source,
        "target": relation.target,
        "symmetric": relation.type in SYMMETRIC,
    }


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
                    **steps_properties(tag.retagged_from),
                },
            }
            for position, tag in enumerate(item.tags)
        ],
    }


def item_of(row: Mapping[str, Any]) -> TaggedItem:
    tags = tuple(tag_of(concept, tag) for concept, tag in row["tags"])
    model, revision = _text(row["model"]), _text(row["revision"])
    return TaggedItem(row["id"], _text(row["title"]), row["lang"], model, revision, tags)


def tag_of(concept: str, tag: Mapping[str, Any]) -> ItemTag:
    """The tag of a relationship; one drawn without properties is certain, accepted and of method 'given'."""
    return ItemTag(
        concept=concept,
        probability=float(tag["probability"]) if isinstance(tag.get("probability"), (int, float)) else 1.0,
        method=_text(tag.get("method", "given")),
        start=tag.get("start"),
        end=tag.get("end"),
        surface=tag.get("surface"),
        status=tag.get("status", "accepted"),
        retagged_from=tuple(map(Retagged, *(tag[name] for name in _STEPS))) if _STEPS[0] in tag else (),
    )


_STEPS = ("retaggedFrom", "retaggedConcept", "retaggedStatus", "retaggedVersion")
"""Parallel lists, the latest step last: a relationship can't have a list of maps."""


def steps_properties(steps: Sequence[Retagged]) -> Row:
    """Properties of a tag's steps; None removes one."""
    columns = zip(*((s.source, s.concept, s.status, s.version) for s in steps), strict=True) if steps else [None] * 4
    return {name: None if column is None else list(column) for name, column in zip(_STEPS, columns, strict=True)}


def key_of(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey(row["id"], row["name"], row["sha256"], tuple(row["scopes"]), row["created"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _tagged(labels: Mapping[str, str]) -> list[str]:
    """`text@lang`, by language, as neosemantics reads and writes it."""
    return [f"{text}@{tag}" for tag, text in sorted(labels.items())]


def _tagged_lists(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """`text@lang`, by language, in order within a language."""
    return [f"{text}@{tag}" for tag in sorted(labels) for text in labels[tag]]
