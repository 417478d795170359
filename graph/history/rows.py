"""The history as rows for people and programs: what the CLI prints and the API answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from graph.history.effects import ConceptEffect, Effects, RelationEffect, effects, to_json
from graph.model import Concept, HistoryEntry, Release, Version
from graph.store import TaxonomyStore

Row = dict[str, Any]


def releases_by_version(store: TaxonomyStore) -> dict[int, str]:
    return {one.version: one.name for one in store.releases()}


def version_row(one: Version, releases: Mapping[int, str]) -> Row:
    """`changes` is how many; `release` its name, or None."""
    return {
        "version": one.version,
        "at": one.at,
        "author": one.author,
        "reason": one.reason,
        "origin": one.origin,
        "revision": one.revision or None,
        "summary": one.summary,
        "concepts": list(one.concepts),
        "changes": one.changes,
        "release": releases.get(one.version),
    }


def entry_row(entry: HistoryEntry, releases: Mapping[int, str]) -> Row:
    """With every change, before and after."""
    return {
        "version": entry.version,
        "at": entry.at,
        "author": entry.author,
        "reason": entry.reason,
        "origin": entry.origin,
        "revision": entry.revision or None,
        "release": releases.get(entry.version),
        "changes": to_json(effects(entry.changes, entry.undo)),
    }


def release_row(one: Release) -> Row:
    return {
        "name": one.name,
        "version": one.version,
        "revision": one.revision,
        "at": one.at,
        "author": one.author,
        "notes": one.notes,
    }


def effect_lines(found: Effects) -> Iterator[tuple[str, str, str, str, str]]:
    """(what, of which, field, before, after) of each change, for a table."""
    for concept in found.concepts:
        yield from _concept_lines(concept)
    for relation in found.relations:
        yield _relation_line(relation)
    for retag in found.retags:
        only = "" if retag.surfaces is None else f"only {', '.join(retag.surfaces)}"
        yield ("tags moved" if not retag.back else "tags moved back", "", only, retag.source, retag.target)


def _concept_lines(one: ConceptEffect) -> Iterator[tuple[str, str, str, str, str]]:
    if one.before is None or one.after is None:
        old, new = (f"{c.kind} {c.label()}" if c is not None else "" for c in (one.before, one.after))
        yield ("concept removed" if one.after is None else "concept added", one.id, "", old, new)
        return
    for field in fields(Concept):
        old, new = (getattr(one.before, field.name), getattr(one.after, field.name))
        if old != new:
            yield ("concept changed", one.id, field.name, _shown(old), _shown(new))


def _relation_line(one: RelationEffect) -> tuple[str, str, str, str, str]:
    type, source, target = one.key
    what = "added" if one.before is None else "removed" if one.after is None else "changed"
    sides = ("" if edge is None else "primary" if edge.primary else "yes" for edge in (one.before, one.after))
    old, new = sides
    return (f"relation {what}", f"{source} {type} {target}", "", old, new)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(
            f"{tag}: {', '.join(texts) if isinstance(texts, tuple) else texts}" for tag, texts in sorted(value.items())
        )
    return "" if value is None else str(value)
