"""What editors do to single concepts, as change sets worked out from a snapshot: create, alter, merge, deprecate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graph.errors import ConflictError, InputError, UnknownConcept
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteRelation,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
)
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Alteration:
    """What is to be different: fields of the concept by name, and for each relation named its whole list of targets.

    `primary` is the broader concept that paths follow; without it the one that is primary now, else the first.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    relations: Mapping[RelationType, Sequence[str]] = field(default_factory=dict)
    primary: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who edits, and why."""

    author: str
    reason: str = ""

    def sign(self, changes: Sequence[Change]) -> ChangeSet:
        return ChangeSet(tuple(changes), self.author, self.reason)


def create(taxonomy: Taxonomy, concept: Concept, alteration: Alteration, by: Signature) -> ChangeSet:
    """Raises ConflictError when the id is taken."""
    if concept.id in taxonomy:
        raise ConflictError(f"there is a concept {concept.id!r} already; PATCH it, or choose another id")
    made = replace(concept, **alteration.fields)
    return by.sign([PutConcept(made), *_relations(taxonomy, concept.id, alteration)])


def alter(taxonomy: Taxonomy, id: str, alteration: Alteration, by: Signature) -> ChangeSet:
    """Raises UnknownConcept."""
    changed = replace(taxonomy[id], **alteration.fields)
    return by.sign([PutConcept(changed), *_relations(taxonomy, id, alteration)])


def require_etag(taxonomy: Taxonomy, id: str, accepted: Sequence[str]) -> None:
    """Raises ConflictError when the concept isn't one of the versions the editor has seen; "*" accepts any."""
    found = taxonomy.etag(id)
    if "*" not in accepted and found not in accepted:
        raise ConflictError(
            f"{id!r} has changed since it was read (it is {found} now); read it again and redo the edit"
        )


def deprecate(taxonomy: Taxonomy, id: str, successor: str | None, by: Signature) -> ChangeSet:
    """Takes the concept out of use; with a successor, what names it is led there."""
    changes: list[Change] = [PutConcept(replace(taxonomy[id], status="deprecated"))]
    if successor is not None:
        changes += _redirect(taxonomy, id, successor)
    return by.sign(changes)


def merge(taxonomy: Taxonomy, id: str, into: str, by: Signature) -> ChangeSet:
    """Lets `into` stand for the concept: it takes over labels and relations, and the concept becomes a redirect to it.

    Raises InputError when the two can't be one.
    """
    source, target = taxonomy[id], taxonomy[into]
    if source.kind != target.kind:
        raise InputError(f"{id!r} is of kind {source.kind}, {into!r} of kind {target.kind}; only equal kinds merge")
    redirect = _redirect(taxonomy, id, into)
    changes: list[Change] = [PutConcept(_with_labels(target, source))]
    changes.append(PutConcept(replace(source, status="deprecated")))
    changes += redirect
    for edge in taxonomy.relations:
        if id in (edge.source, edge.target):
            changes += _moved(taxonomy, edge, id, into)
    return by.sign(changes)


def _redirect(taxonomy: Taxonomy, id: str, successor: str) -> list[Change]:
    target = taxonomy[successor]
    if taxonomy.resolve(successor) == id:
        raise InputError(f"{id!r} can't be replaced by {successor!r}, which leads back to it")
    if target.status == "deprecated":
        live = taxonomy.resolve(successor)
        hint = f"; name {live!r}, which replaces it" if live != successor else ""
        raise InputError(f"{successor!r} is deprecated itself and can't replace {id!r}{hint}")
    old = [DeleteRelation(Relation("replaced_by", id, other)) for other in taxonomy.out(id, "replaced_by")]
    return [*old, PutRelation(Relation("replaced_by", id, successor))]


def _moved(taxonomy: Taxonomy, edge: Relation, id: str, into: str) -> list[Change]:
    """The relation, from or to `into` now.

    A value keeps its attribute: without one it would be no value. `into` takes broader concepts over only when it has
    no others: being one with another concept is no reason to stand in two places.
    """
    if edge.source == id and edge.type in ("value_of", "replaced_by"):
        return []
    gone: Change = DeleteRelation(edge)
    source = into if edge.source == id else edge.source
    target = into if edge.target == id else edge.target
    placed = bool(set(taxonomy.out(into, "broader")) - {id})
    if source == target or (edge.type == "broader" and edge.source == id and placed):
        return [gone]
    moved = Relation(edge.type, source, target).canonical()
    there = next((r for r in taxonomy.relations_from(moved.source) if r.key == moved.key), None)
    primary = edge.primary or (there is not None and there.primary)
    return [gone, PutRelation(replace(moved, primary=primary))]


def _with_labels(target: Concept, source: Concept) -> Concept:
    """The target, found by the source's labels too."""
    alt = {tag: list(texts) for tag, texts in target.alt_label.items()}
    hidden = {tag: list(texts) for tag, texts in target.hidden_label.items()}
    known = {(text, tag) for text, tag, _ in target.labels()}
    for text, tag, kind in source.labels():
        if (text, tag) not in known:
            known.add((text, tag))
            (hidden if kind == "hidden" else alt).setdefault(tag, []).append(text)
    return replace(
        target,
        alt_label={tag: tuple(texts) for tag, texts in alt.items()},
        hidden_label={tag: tuple(texts) for tag, texts in hidden.items()},
    )


def _relations(taxonomy: Taxonomy, id: str, alteration: Alteration) -> list[Change]:
    changes: list[Change] = []
    for type, targets in alteration.relations.items():
        for target in targets:
            if target not in taxonomy:
                raise UnknownConcept(target, near=taxonomy.near(target))
        now = taxonomy.out(id, type) if id in taxonomy else []
        changes += [DeleteRelation(Relation(type, id, other).canonical()) for other in now if other not in targets]
        if type != "broader":
            changes += [PutRelation(Relation(type, id, other).canonical()) for other in targets if other not in now]
    broader = alteration.relations.get("broader")
    if broader is None and alteration.primary is not None:
        broader = taxonomy.out(id, "broader") if id in taxonomy else []
    if broader:
        primary = _primary(taxonomy, id, broader, alteration.primary)
        changes += [PutRelation(Relation("broader", id, other, other == primary)) for other in broader]
    elif alteration.primary is not None:
        raise InputError(f"{alteration.primary!r} can't be primary: {id!r} has no broader concept")
    return changes


def _primary(taxonomy: Taxonomy, id: str, broader: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in broader:
            raise InputError(f"{wanted!r} can't be primary: it is not broader than {id!r} ({', '.join(broader)})")
        return wanted
    now = next((r.target for r in taxonomy.relations_from(id) if r.type == "broader" and r.primary), None)
    return now if now is not None and now in broader else broader[0]
