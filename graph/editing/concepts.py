"""Creation and changes of single concepts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graph.errors import ConflictError, InputError, LostRace, UnknownConcept
from graph.model import Change, ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation, RelationType
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Alteration:
    """Changes to a concept.

    Args:
        fields: New values of its fields, by name.
        relations: For each relation named, the whole list of its targets.
        primary: The broader concept that paths follow; by default the present one, else the first.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    relations: Mapping[RelationType, Sequence[str]] = field(default_factory=dict)
    primary: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Author and reason of an edit."""

    author: str
    reason: str = ""

    def sign(self, changes: Sequence[Change]) -> ChangeSet:
        return ChangeSet(tuple(changes), self.author, self.reason)


def create(taxonomy: Taxonomy, concept: Concept, alteration: Alteration, by: Signature) -> ChangeSet:
    """Create a concept.

    Args:
        taxonomy: The present snapshot.
        concept: The concept.
        alteration: Further fields and its relations.
        by: Author and reason.

    Raises:
        ConflictError: The id is taken.
        UnknownConcept: A relation leads to no concept.
    """
    if concept.id in taxonomy:
        raise ConflictError(f"there is a concept {concept.id!r} already; PATCH it, or choose another id")
    return by.sign([PutConcept(replace(concept, **alteration.fields)), *_relations(taxonomy, concept.id, alteration)])


def alter(taxonomy: Taxonomy, id: str, alteration: Alteration, by: Signature) -> ChangeSet:
    """Change fields and relations of a concept. Raises UnknownConcept."""
    return by.sign([PutConcept(replace(taxonomy[id], **alteration.fields)), *_relations(taxonomy, id, alteration)])


def rename(taxonomy: Taxonomy, id: str, pref_label: Mapping[str, str], by: Signature) -> ChangeSet:
    """Give a concept another preferred label; the old one becomes an alternative label.

    Args:
        taxonomy: The present snapshot.
        id: The concept.
        pref_label: The new label by language; other languages keep theirs.
        by: Author and reason.

    Raises:
        UnknownConcept: No such concept.
        InputError: The labels are those that it has.
    """
    concept = taxonomy[id]
    new = {tag: text for tag, text in pref_label.items() if concept.pref_label.get(tag) != text}
    if not new:
        shown = ", ".join(f"{text!r} ({tag})" for tag, text in pref_label.items()) or "nothing new"
        raise InputError(f"{id!r} is called {shown} already; give another preferred label")
    alt, hidden = (
        {tag: [text for text in texts if text != new.get(tag)] for tag, texts in lists.items()}
        for lists in (concept.alt_label, concept.hidden_label)
    )
    for tag in new:
        old = concept.pref_label.get(tag)
        if old is not None and old not in alt.setdefault(tag, []):
            alt[tag].append(old)
    renamed = replace(
        concept,
        pref_label={**concept.pref_label, **new},
        alt_label={tag: tuple(texts) for tag, texts in alt.items() if texts},
        hidden_label={tag: tuple(texts) for tag, texts in hidden.items() if texts},
    )
    return by.sign([PutConcept(renamed)])


def move(
    taxonomy: Taxonomy, id: str, broader: Sequence[str], by: Signature, *, primary: str | None = None
) -> ChangeSet:
    """Move a concept below others.

    Args:
        taxonomy: The present snapshot.
        id: The concept.
        broader: All its broader concepts; none makes it a top concept.
        by: Author and reason.
        primary: The broader concept that paths follow; the first by default.

    Raises:
        UnknownConcept: No such concept.
        InputError: `primary` is not among `broader`.
    """
    primary = primary if primary is not None or not broader else broader[0]
    return alter(taxonomy, id, Alteration({}, {"broader": list(dict.fromkeys(broader))}, primary), by)


def require_etag(taxonomy: Taxonomy, id: str, accepted: Sequence[str]) -> None:
    """Raise LostRace unless the concept has one of the accepted ETags, or "*" is among them."""
    found = taxonomy.etag(id)
    if "*" not in accepted and found not in accepted:
        raise LostRace(f"{id!r} has changed since it was read (it is {found} now); read it again and redo the edit")


def require_revision(taxonomy: Taxonomy, expected: str) -> None:
    """Raise LostRace unless the taxonomy has the expected revision."""
    if taxonomy.revision != expected:
        raise LostRace(f"the taxonomy is at revision {taxonomy.revision}, not at {expected}; read it again")


def require_expected(taxonomy: Taxonomy, id: str, expected: str) -> None:
    """Raise LostRace unless `expected` is the taxonomy's revision or the concept's ETag."""
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
        present = next((r.target for r in taxonomy.relations_from(id) if r.type == "broader" and r.primary), None)
        usual = present if present in broader else broader[0]
        primary = usual if alteration.primary is None else alteration.primary
        if primary not in broader:
            raise InputError(f"{primary!r} can't be primary: it is not broader than {id!r} ({', '.join(broader)})")
        changes += [PutRelation(Relation("broader", id, other, other == primary)) for other in broader]
    elif alteration.primary is not None:
        raise InputError(f"{alteration.primary!r} can't be primary: {id!r} has no broader concept")
    return changes
