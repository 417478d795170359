"""Change sets as JSON, for the history in every store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from graph.errors import InputError
from graph.model.changes import Change, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Retag
from graph.model.concepts import Concept, Relation

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


def dump_change(change: Change) -> str:
    """The change as one line of JSON. Raises InputError for text that no store can hold."""
    line = json.dumps(change_to_json(change), ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise lone_surrogate(error) from None
    return line


def load_change(line: str) -> Change:
    return change_from_json(json.loads(line))
