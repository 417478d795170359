"""Changes of a taxonomy, entries of its history, and the JSON of both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from graph.errors import InputError
from graph.model.concepts import Concept, Relation

Origin = Literal["kgtag", "outside"]
"""Where a change came from: kgtag, or an external edit ("outside") that was found by comparing snapshots."""


@dataclass(frozen=True, slots=True)
class PutConcept:
    """Create or replace the concept."""

    concept: Concept


@dataclass(frozen=True, slots=True)
class DeleteConcept:
    """Delete the concept with all its relations."""

    id: str


@dataclass(frozen=True, slots=True)
class PutRelation:
    """Create the relation or set its `primary`."""

    relation: Relation


@dataclass(frozen=True, slots=True)
class DeleteRelation:
    relation: Relation


@dataclass(frozen=True, slots=True)
class Retag:
    """Move items' tags from the concept `source` to `target`; each moved tag notes its origin.

    With `surfaces`, only tags whose normalised surface is one of them move. With `back`, a move is undone: only tags of
    `source` that came from `target` move, whatever their surface, and their note is removed; with `version`, only those
    moved by that change set. An item never has a concept twice: see `graph.editing.retag`.
    """

    source: str
    target: str
    surfaces: tuple[str, ...] | None = None
    back: bool = False
    version: int | None = None


Change = PutConcept | DeleteConcept | PutRelation | DeleteRelation | Retag


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that are applied together, in order."""

    changes: tuple[Change, ...]
    author: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The effect of a change set on the accepted taxonomy, as the history keeps it.

    `changes` lead from the accepted (sound) taxonomy before to the one after, exactly; `undo` leads back. `revision`
    is that of the taxonomy after, "" when it was not computed. `summary` is for people, at most 200 characters;
    `concepts` are the first 100 ids that were touched.
    """

    changes: Sequence[Change]
    undo: Sequence[Change] = ()
    revision: str = ""
    origin: Origin = "kgtag"
    summary: str = ""
    concepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An accepted change set; `version` counts from 1, `at` is UTC in ISO 8601. Other fields: see `Record`."""

    version: int
    at: str
    author: str
    reason: str
    changes: tuple[Change, ...]
    undo: tuple[Change, ...] = ()
    revision: str = ""
    origin: Origin = "kgtag"


@dataclass(frozen=True, slots=True)
class Version:
    """A history entry with the number of its changes in their place."""

    version: int
    at: str
    author: str
    reason: str
    origin: Origin
    revision: str
    summary: str
    concepts: tuple[str, ...]
    changes: int


@dataclass(frozen=True, slots=True)
class Release:
    """A calendar name for a version (2026.08.0 is the first of August 2026); `at` is UTC in ISO 8601."""

    name: str
    version: int
    revision: str
    at: str
    author: str
    notes: str = ""


Json = dict[str, Any]


def now() -> str:
    """The present time, UTC, in ISO 8601 to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def concept_to_json(concept: Concept) -> Json:
    """The concept as JSON, without fields at their default."""
    row: Json = {"id": concept.id, "scheme": concept.scheme, "kind": concept.kind}
    row["pref_label"] = dict(concept.pref_label)
    for name, by_language in (("alt_label", concept.alt_label), ("hidden_label", concept.hidden_label)):
        if by_language:
            row[name] = {tag: list(texts) for tag, texts in by_language.items()}
    if concept.definition:
        row["definition"] = dict(concept.definition)
    if concept.notation is not None:
        row["notation"] = concept.notation
    if concept.status != "active":
        row["status"] = concept.status
    if concept.choice != "multiple":
        row["choice"] = concept.choice
    return row


def concept_from_json(row: Mapping[str, Any]) -> Concept:
    return Concept(
        id=row["id"],
        scheme=row["scheme"],
        kind=row["kind"],
        pref_label=dict(row["pref_label"]),
        alt_label={tag: tuple(texts) for tag, texts in row.get("alt_label", {}).items()},
        hidden_label={tag: tuple(texts) for tag, texts in row.get("hidden_label", {}).items()},
        definition=dict(row.get("definition", {})),
        notation=row.get("notation"),
        status=row.get("status", "active"),
        choice=row.get("choice", "multiple"),
    )


def relation_to_json(relation: Relation) -> Json:
    row: Json = {"type": relation.type, "source": relation.source, "target": relation.target}
    return row | {"primary": True} if relation.primary else row


def relation_from_json(row: Mapping[str, Any]) -> Relation:
    return Relation(row["type"], row["source"], row["target"], row.get("primary", False))


def change_to_json(change: Change) -> Json:
    match change:
        case PutConcept(concept):
            return {"put_concept": concept_to_json(concept)}
        case DeleteConcept(id):
            return {"delete_concept": id}
        case PutRelation(relation):
            return {"put_relation": relation_to_json(relation)}
        case DeleteRelation(relation):
            return {"delete_relation": relation_to_json(relation)}
        case Retag(source, target, surfaces, back, version):
            row: Json = {"from": source, "to": target}
            if surfaces is not None:
                row["surfaces"] = list(surfaces)
            if back:
                row["back"] = True
            return {"retag": row if version is None else row | {"version": version}}


def change_from_json(row: Mapping[str, Any]) -> Change:
    match dict(row):
        case {"put_concept": concept}:
            return PutConcept(concept_from_json(concept))
        case {"delete_concept": str(id)}:
            return DeleteConcept(id)
        case {"put_relation": relation}:
            return PutRelation(relation_from_json(relation))
        case {"delete_relation": relation}:
            return DeleteRelation(relation_from_json(relation))
        case {"retag": retag}:
            surfaces = retag.get("surfaces")
            only = None if surfaces is None else tuple(surfaces)
            return Retag(retag["from"], retag["to"], only, retag.get("back", False), retag.get("version"))
    raise InputError(f"{dict(row)!r} is not a change")


def lone_surrogate(error: UnicodeEncodeError) -> InputError:
    """The error for text that no encoding can hold."""
    near = error.object[max(0, error.start - 20) : error.start]
    return InputError(f"invalid text: a lone surrogate after {near!r}; decode the source with its real encoding")


def encodable(text: str) -> str:
    """The text. Raises InputError for text that no store can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise lone_surrogate(error) from None
    return text


def dump_change(change: Change) -> str:
    """The change as one line of JSON. Raises InputError for text that no store can hold."""
    return encodable(json.dumps(change_to_json(change), ensure_ascii=False))


def load_change(line: str) -> Change:
    return change_from_json(json.loads(line))
