"""Changes of a taxonomy, and entries of its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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

    changes: tuple[Change, ...]
    undo: tuple[Change, ...] = ()
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
