"""Create, alter, rename and move a concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graph.errors import ConflictError, InputError, LostRace, UnknownConcept
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


def rename(taxonomy: Taxonomy, id: str, pref_label: Mapping[str, str], by: Signature) -> ChangeSet:
    """A new preferred label in the languages given; the old one stays as an alternative one.

    Raises InputError when the concept is called so already.
    """
    concept = taxonomy[id]
    fresh = {tag: text for tag, text in pref_label.items() if concept.pref_label.get(tag) != text}
    if not fresh:
        shown = ", ".join(f"{text!r} ({tag})" for tag, text in pref_label.items()) or "nothing new"
        raise InputError(f"{id!r} is called {shown} already; give another preferred label")
    alt = {tag: [text for text in texts if text != fresh.get(tag)] for tag, texts in concept.alt_label.items()}
    hidden = {tag: [text for text in texts if text != fresh.get(tag)] for tag, texts in concept.hidden_label.items()}
    for tag in fresh:
        old = concept.pref_label.get(tag)
        if old is not None and old not in alt.setdefault(tag, []):
            alt[tag].append(old)
    renamed = replace(
        concept,
        pref_label={**concept.pref_label, **fresh},
        alt_label={tag: tuple(texts) for tag, texts in alt.items() if texts},
        hidden_label={tag: tuple(texts) for tag, texts in hidden.items() if texts},
    )
    return by.sign([PutConcept(renamed)])


def move(
    taxonomy: Taxonomy, id: str, broader: Sequence[str], by: Signature, *, primary: str | None = None
) -> ChangeSet:
    """These and no other concepts are broader now, and `primary` (else the first) is the one that paths follow.

    With none, the concept comes to stand at the top. Raises UnknownConcept.
    """
    primary = primary if primary is not None or not broader else broader[0]
    return alter(taxonomy, id, Alteration({}, {"broader": list(dict.fromkeys(broader))}, primary), by)


def require_etag(taxonomy: Taxonomy, id: str, accepted: Sequence[str]) -> None:
    """Raises LostRace when the concept isn't one of the versions the editor has seen; "*" accepts any."""
    found = taxonomy.etag(id)
    if "*" not in accepted and found not in accepted:
        raise LostRace(f"{id!r} has changed since it was read (it is {found} now); read it again and redo the edit")


def require_revision(taxonomy: Taxonomy, expected: str) -> None:
    """Raises LostRace when anything at all has changed since the editor looked."""
    if taxonomy.revision != expected:
        raise LostRace(f"the taxonomy is at revision {taxonomy.revision}, not at {expected}; read it again")


def require_expected(taxonomy: Taxonomy, id: str, expected: str) -> None:
    """`expected` is the taxonomy's revision or the concept's ETag, whichever the editor has written down."""
    if expected != taxonomy.revision and (id not in taxonomy or expected != taxonomy.etag(id)):
        etag = f" and {id!r} is {taxonomy.etag(id)}" if id in taxonomy else ""
        raise LostRace(
            f"{expected!r} is neither: the taxonomy is at revision {taxonomy.revision}{etag} now; read it again"
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
