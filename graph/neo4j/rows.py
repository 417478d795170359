"""Conversion between Neo4j's nodes and relationships, external edits included, and values of the model."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graph.editing.retag import by_item, changed
from graph.errors import InputError
from graph.model import (
    KINDS,
    SYMMETRIC,
    VERDICTS,
    Concept,
    Event,
    Feedback,
    ItemNil,
    ItemTag,
    Kind,
    Proposal,
    Relation,
    Retagged,
    TaggedItem,
)
from graph.model.changes import ChangeSet, Record, Retag, now
from graph.model.proposals import from_json as proposal_from_json
from graph.model.proposals import to_json as proposal_to_json
from graph.model.times import time_text

Row = dict[str, Any]

LABEL_OF: Mapping[Kind, str] = {kind: kind.capitalize() for kind in KINDS}


def properties_of(concept: Concept) -> Row:
    """The properties that kgtag writes; None removes one. Other people's properties stay."""
    caption = concept.label()
    tags = [tag for tag, text in concept.pref_label.items() if text == caption]
    tag = "en" if "en" in tags else min(tags, default="und")
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
    return {name: value for name, value in properties_of(concept).items() if value is not None} | {"id": concept.id}


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
    made = {"model": item.model, "revision": item.revision}
    return {
        "id": item.id,
        "at": item.at,
        "properties": {"title": item.title, "lang": item.lang, "nil": nil_texts(item.nil), **made},
        "tags": [
            {"concept": tag.concept, "properties": {"position": position, **tag_properties(tag), **made}}
            for position, tag in enumerate(item.tags)
        ],
    }


def nil_texts(mentions: Sequence[ItemNil]) -> list[str] | None:
    """JSON `[surface, attribute, probability]` of each mention: a property can't have a list of maps."""
    return [_dumps([one.surface, one.attribute, one.probability]) for one in mentions] or None


def nil_of(texts: object) -> tuple[ItemNil, ...]:
    """The mentions of such texts, without what external edits made invalid."""
    rows = [_loads(text) for text in texts] if isinstance(texts, list) else []
    return tuple(
        ItemNil(row[0], row[1], float(row[2]))
        for row in rows
        if isinstance(row, list)
        and len(row) == 3
        and isinstance(row[0], str)
        and isinstance(row[1], str | None)
        and isinstance(row[2], int | float)
    )


def time_of(found: object) -> str | None:
    """The time as a store has it, None where external edits removed it or made it invalid."""
    try:
        return time_text(found if isinstance(found, str) else str(found))
    except InputError:
        return None


def tag_properties(tag: ItemTag) -> Row:
    return {
        "probability": float(tag.probability),
        "method": tag.method,
        "start": tag.start,
        "end": tag.end,
        "surface": tag.surface,
        "status": tag.status,
        **steps_properties(tag.retagged_from),
    }


def feedback_properties(one: Feedback) -> Row:
    """The properties of a Feedback node; None leaves one out."""
    start, end = one.span or (None, None)
    product = None if one.product is None else _dumps(dict(one.product))
    return {
        "id": one.id, "at": one.at, "reviewer": one.reviewer, "concept": one.concept, "verdict": one.verdict,
        "item": one.item, "product": product, "start": start, "end": end, "reason": one.reason,
    }  # fmt: skip


def feedback_of(found: Mapping[str, Any]) -> Feedback:
    """The feedback of a node, with defaults for what external edits removed or made invalid."""
    start, end, product = found.get("start"), found.get("end"), _loads(found.get("product"))
    span = (start, end) if isinstance(start, int) and isinstance(end, int) else None
    verdict = found.get("verdict")
    return Feedback(
        found["id"], _text(found.get("at")), _text(found.get("reviewer")), _text(found.get("concept")),
        verdict if verdict in VERDICTS else "right", found.get("item"), product if isinstance(product, dict) else None,
        span, _text(found.get("reason")),
    )  # fmt: skip


def event_of(found: Mapping[str, Any]) -> Event:
    """The event of a node, with defaults for what external edits removed or made invalid."""
    weight = found.get("weight")
    return Event(
        _text(found.get("id")), _text(found.get("at")), _text(found.get("profile")),
        float(weight) if isinstance(weight, int | float) and weight > 0 else 1.0,
        found.get("item"), found.get("concept"),
    )  # fmt: skip


def item_of(row: Mapping[str, Any]) -> TaggedItem:
    tags = tuple(tag_of(concept, tag) for concept, tag in row["tags"])
    model, revision = _text(row["model"]), _text(row["revision"])
    item = row["id"], _text(row["title"]), row["lang"], model, revision, tags
    return TaggedItem(*item, time_of(row["at"]), nil_of(row["nil"]))


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


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _tagged(labels: Mapping[str, str]) -> list[str]:
    """`text@lang`, by language, as neosemantics reads and writes it."""
    return [f"{text}@{tag}" for tag, text in sorted(labels.items())]


def _tagged_lists(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """`text@lang`, by language, in order within a language."""
    return [f"{text}@{tag}" for tag in sorted(labels) for text in labels[tag]]


def moves(rows: Iterable[Sequence[Any]], wanted: Retag, *, version: int) -> Iterator[Row]:
    """Rows for MOVE_TAG from rows (item, tag, concept, properties) of CONCERNED."""
    keyed = ((item, (item, tag), tag_of(concept, properties)) for item, tag, concept, properties in rows)
    for tags in by_item(keyed):
        for (item, old), tag in changed(tags, wanted, version=version):
            properties = {"status": tag.status, **steps_properties(tag.retagged_from)}
            yield {"item": item, "tag": old, "concept": tag.concept, "properties": properties}


def entry_row(version: int, changes: ChangeSet, *, record: Record, payload: bytes) -> dict[str, Any]:
    return {
        "version": version,
        "at": now(),
        "author": changes.author,
        "reason": changes.reason,
        "origin": record.origin,
        "revision": record.revision,
        "summary": record.summary,
        "concepts": list(record.concepts),
        "size": len(record.changes),
        "payload": payload,
    }


_FIELDS = (
    "id", "title", "status", "author", "key", "created", "reason", "base_version", "base_revision", "decided_by",
    "decided_at", "version",
)  # fmt: skip
_NAMES = {name: re.sub("_(.)", lambda found: found[1].upper(), name) for name in _FIELDS}
"""Properties by field: `baseVersion` for `base_version`."""
_JSON = ("operation", "evidence", "seen")


def proposal_parameters(proposal: Proposal) -> Row:
    """The parameters of PUT_PROPOSAL."""
    row = proposal_to_json(proposal)
    properties: Row = {_NAMES[name]: row[name] for name in _NAMES if name in row}
    properties |= {name: _dumps(row[name]) for name in _JSON if name in row}
    properties |= {"changes": list(map(_dumps, row["changes"])), "concepts": proposal.concepts}
    comments = [comment | {"position": at} for at, comment in enumerate(row["comments"])]
    return {"id": proposal.id, "properties": properties, "comments": comments}


def proposal_of(record: Mapping[str, Any]) -> Proposal:
    """The proposal of a record, with defaults for what external edits removed or made invalid."""
    found = record["proposal"]
    row: Row = {"created": "", "author": "", "title": "", "base_version": 0, "base_revision": "", "seen": {}}
    row |= {name: found[theirs] for name, theirs in _NAMES.items() if theirs in found}
    row |= {name: read for name in _JSON if isinstance(read := _loads(found.get(name)), dict)}
    changes = [_loads(change) for change in found.get("changes", [])]
    row["changes"] = changes if all(isinstance(change, dict) for change in changes) else []
    row["comments"] = [{name: str(c.get(name, "")) for name in ("at", "author", "text")} for c in record["comments"]]
    return proposal_from_json(row)


def _loads(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
