"""What changed between two snapshots."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from graph.columns.compare import compare
from graph.model import Change, Concept, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Relation
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Changed:
    """A concept in both snapshots that differs: the names of its fields that do, and both versions."""

    id: str
    fields: tuple[str, ...]
    before: Concept
    after: Concept


@dataclass(frozen=True, slots=True)
class Diff:
    """From one snapshot to another; all in order. A `broader` whose `primary` moved is both removed and added."""

    added: tuple[Concept, ...]
    removed: tuple[Concept, ...]
    changed: tuple[Changed, ...]
    relations_added: tuple[Relation, ...]
    relations_removed: tuple[Relation, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.relations_added or self.relations_removed)

    def reversed(self) -> Diff:
        """The way back."""
        changed = tuple(Changed(one.id, one.fields, one.after, one.before) for one in self.changed)
        return Diff(self.removed, self.added, changed, self.relations_removed, self.relations_added)

    def changes(self) -> tuple[Change, ...]:
        """What makes it so. Relations of removed concepts go without a word, as they do in a store."""
        gone = {concept.id for concept in self.removed}
        put = {relation.key for relation in self.relations_added} if self.relations_removed else ()
        new = sorted((*self.added, *(one.after for one in self.changed)), key=attrgetter("id"))
        lost = [
            relation
            for relation in self.relations_removed
            if relation.key not in put and relation.source not in gone and relation.target not in gone
        ]
        return (
            *(DeleteConcept(concept.id) for concept in self.removed),
            *map(PutConcept, new),
            *map(DeleteRelation, lost),
            *map(PutRelation, self.relations_added),
        )

    def touched(self) -> list[str]:
        """Ids of the concepts that differ or whose relations do, in order."""
        ids = {concept.id for concept in (*self.added, *self.removed)} | {change.id for change in self.changed}
        for relation in (*self.relations_added, *self.relations_removed):
            ids |= {relation.source, relation.target}
        return sorted(ids)


def diff(a: Taxonomy, b: Taxonomy) -> Diff:
    """What turns `a` into `b`."""
    old, new = a.columns, b.columns
    found = compare(old, new)
    pairs = zip(old.concepts_at(found.changed[:, 0]), new.concepts_at(found.changed[:, 1]), strict=True)
    return Diff(
        added=tuple(new.concepts_at(found.added)),
        removed=tuple(old.concepts_at(found.removed)),
        changed=tuple(Changed(one.id, _differing(one, other), one, other) for one, other in pairs),
        relations_added=tuple(new.relations_at(found.edges_added)),
        relations_removed=tuple(old.relations_at(found.edges_removed)),
    )


def to_json(diff: Diff) -> dict[str, Any]:
    """The diff as JSON: ids, and of changed concepts each field's value before and after."""
    return {
        "added": [concept.id for concept in diff.added],
        "removed": [concept.id for concept in diff.removed],
        "changed": [
            {
                "concept": change.id,
                "fields": {
                    name: {"before": _json(getattr(change.before, name)), "after": _json(getattr(change.after, name))}
                    for name in change.fields
                },
            }
            for change in diff.changed
        ],
        "relations_added": [_relation(relation) for relation in diff.relations_added],
        "relations_removed": [_relation(relation) for relation in diff.relations_removed],
    }


def _differing(a: Concept, b: Concept) -> tuple[str, ...]:
    return tuple(field.name for field in fields(Concept) if getattr(a, field.name) != getattr(b, field.name))


def _json(value: Any) -> Any:
    return (
        {tag: list(v) if isinstance(v, tuple) else v for tag, v in value.items()} if hasattr(value, "items") else value
    )


def _relation(relation: Relation) -> dict[str, Any]:
    row: dict[str, Any] = {"type": relation.type, "source": relation.source, "target": relation.target}
    return {**row, "primary": True} if relation.primary else row
