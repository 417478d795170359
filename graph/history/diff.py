"""Differences between two snapshots, as values, as JSON, and as a readable summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from heapq import merge
from operator import attrgetter
from typing import Any, TypeVar

from graph.changes import compare
from graph.columns.columns import Longs
from graph.columns.sequences import Streamed
from graph.formats.parsed import shortened
from graph.model import Change, Concept, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Relation
from graph.model.changes import relation_to_json
from graph.taxonomy import Taxonomy

_SHOWN = 10
_MANY = 20_000
Row = TypeVar("Row", Concept, Relation)


@dataclass(frozen=True, slots=True)
class Changed:
    """A concept that differs between snapshots; `fields` are the names of those that do."""

    id: str
    fields: tuple[str, ...]
    before: Concept
    after: Concept


@dataclass(frozen=True, slots=True)
class Diff:
    """Differences from one snapshot to another, in order of ids.

    A `broader` relation whose `primary` changed is both removed and added. A diff without differences is false. Many
    rows are made when they are read.

    Args:
        added: Concepts of the second snapshot alone.
        removed: Concepts of the first snapshot alone.
        changed: Concepts of both that differ.
        relations_added: Relations of the second snapshot alone.
        relations_removed: Relations of the first snapshot alone.
    """

    added: Sequence[Concept]
    removed: Sequence[Concept]
    changed: tuple[Changed, ...]
    relations_added: Sequence[Relation]
    relations_removed: Sequence[Relation]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.relations_added or self.relations_removed)

    def reversed(self) -> Diff:
        """The diff from the second snapshot to the first."""
        changed = tuple(Changed(one.id, one.fields, one.after, one.before) for one in self.changed)
        return Diff(self.removed, self.added, changed, self.relations_removed, self.relations_added)

    def changes(self) -> Sequence[Change]:
        """The changes that lead from the first snapshot to the second.

        Relations of removed concepts are not listed: deleting the concepts deletes them.
        """
        gone = {concept.id for concept in self.removed}
        put = {relation.key for relation in self.relations_added} if self.relations_removed else ()
        lost = [r for r in self.relations_removed if r.key not in put and gone.isdisjoint((r.source, r.target))]

        def stream() -> Iterator[Change]:
            yield from (DeleteConcept(concept.id) for concept in self.removed)
            yield from map(PutConcept, merge(self.added, (one.after for one in self.changed), key=attrgetter("id")))
            yield from map(DeleteRelation, lost)
            yield from map(PutRelation, self.relations_added)

        size = len(self.removed) + len(self.added) + len(self.changed) + len(lost) + len(self.relations_added)
        return Streamed(size, stream) if size > _MANY else tuple(stream())

    def touched(self) -> list[str]:
        """Ids of the concepts that differ or whose relations differ, in order."""
        ids = {concept.id for concept in (*self.added, *self.removed)} | {change.id for change in self.changed}
        for relation in (*self.relations_added, *self.relations_removed):
            ids |= {relation.source, relation.target}
        return sorted(ids)


def diff(a: Taxonomy, b: Taxonomy) -> Diff:
    """Compare two snapshots.

    Args:
        a: The first snapshot.
        b: The second snapshot.

    Returns:
        What turns `a` into `b`.

    Example:
        >>> [concept.id for concept in diff(yesterday, today).added]
        ['wellies']
    """
    old, new = a.columns, b.columns
    found = compare(old, new)

    def differing(a: Concept, b: Concept) -> tuple[str, ...]:
        return tuple(field.name for field in fields(Concept) if getattr(a, field.name) != getattr(b, field.name))

    pairs = zip(old.concepts_at(found.changed[:, 0]), new.concepts_at(found.changed[:, 1]), strict=True)
    return Diff(
        added=_made(found.added, new.concepts_at),
        removed=_made(found.removed, old.concepts_at),
        changed=tuple(Changed(one.id, differing(one, other), one, other) for one, other in pairs),
        relations_added=_made(found.edges_added, new.relations_at),
        relations_removed=_made(found.edges_removed, old.relations_at),
    )


def _made(rows: Longs, make: Callable[[Longs], Iterator[Row]]) -> Sequence[Row]:
    """The values of rows: at once when they are few."""
    return Streamed(len(rows), lambda: make(rows)) if len(rows) > _MANY else tuple(make(rows))


def to_json(diff: Diff) -> dict[str, Any]:
    """The diff as JSON; changed concepts have each field's value before and after."""
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
        "relations_added": list(map(relation_to_json, diff.relations_added)),
        "relations_removed": list(map(relation_to_json, diff.relations_removed)),
    }


def _json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {tag: list(texts) if isinstance(texts, tuple) else texts for tag, texts in value.items()}


def summary(diff: Diff, before: Taxonomy, after: Taxonomy, *, shown: int = _SHOWN) -> list[str]:
    """Summarise a diff in lines of text.

    A concept has moved when its primary parent differs; it is renamed when its preferred label differs in a language
    that both snapshots have: files in different languages share ids but not labels.

    Args:
        diff: The difference from `before` to `after`.
        before: The first snapshot.
        after: The second snapshot.
        shown: The number of examples of each group, which follow a line with its count.
    """
    changed = diff.changed
    groups = (
        ("added", [_called(concept) + _under(after, concept.id) for concept in diff.added]),
        ("removed", [_called(concept) + _under(before, concept.id) for concept in diff.removed]),
        ("moved", [line for concept in after if concept.id in before if (line := _moved(concept, before, after))]),
        ("renamed", [line for change in changed if (line := _renamed(change.before, change.after))]),
        (
            "labelled in other languages",
            [f"{_called(c.after)}: {a} → {b}" for c in changed if (a := _tags(c.before)) != (b := _tags(c.after))],
        ),
        (
            "status",
            [f"{_called(c.after)}: {c.before.status} → {c.after.status}" for c in changed if "status" in c.fields],
        ),
        ("changed otherwise", [f"{_called(c.after)}: {', '.join(left)}" for c in changed if (left := _rest(c))]),
        ("other relations added", _edges(diff.relations_added)),
        ("other relations removed", _edges(diff.relations_removed)),
    )
    lines: list[str] = []
    for name, found in groups:
        if found:
            lines.append(f"{name}: {len(found)}")
            lines += [f"  {shortened(line)}" for line in found[:shown]]
            if len(found) > shown:
                lines.append(f"  … and {len(found) - shown} more; see them all with --json")
    return lines


def _called(concept: Concept) -> str:
    return f"{concept.id} ({concept.label()})"


def _under(taxonomy: Taxonomy, id: str) -> str:
    path = taxonomy.path(id)
    return f" under {_called(taxonomy[path[-2]])}" if len(path) > 1 else ""


def _moved(concept: Concept, before: Taxonomy, after: Taxonomy) -> str | None:
    old, new = (taxonomy.path(concept.id)[-2:-1] for taxonomy in (before, after))
    if old == new:
        return None
    ends = (_called(taxonomy[path[0]]) if path else "the top" for taxonomy, path in ((before, old), (after, new)))
    return f"{_called(concept)}: {' → '.join(ends)}"


def _renamed(before: Concept, after: Concept) -> str | None:
    changed = [
        f"{text!r} → {after.pref_label[tag]!r} ({tag})"
        for tag, text in sorted(before.pref_label.items())
        if after.pref_label.get(tag, text) != text
    ]
    return f"{after.id}: {', '.join(changed)}" if changed else None


def _tags(concept: Concept) -> str:
    return ", ".join(sorted(concept.pref_label))


def _rest(change: Changed) -> list[str]:
    return [field for field in change.fields if field not in ("pref_label", "status")]


def _edges(relations: Sequence[Relation]) -> list[str]:
    return [f"{edge.source} {edge.type} {edge.target}" for edge in relations if not edge.primary]
