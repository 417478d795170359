"""Changes of a taxonomy, and the history that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graph.model.concepts import Concept, Relation

Origin = Literal["kgtag", "outside"]
"""Who made a change: kgtag, or other hands in the database, found afterwards by comparing snapshots."""


@dataclass(frozen=True, slots=True)
class PutConcept:
    """Create the concept, or replace it whole."""

    concept: Concept


@dataclass(frozen=True, slots=True)
class DeleteConcept:
    """Remove the concept and every relation that touches it."""

    id: str


@dataclass(frozen=True, slots=True)
class PutRelation:
    """Create the relation, or set its `primary`."""

    relation: Relation


@dataclass(frozen=True, slots=True)
class DeleteRelation:
    relation: Relation


@dataclass(frozen=True, slots=True)
class Retag:
    """Move items' tags from the concept `source` to `target`; each moved tag remembers where it came from.

    With `surfaces`, only tags whose surface, normalised, is one of them move. With `back`, this is the way back: only
    tags of `source` that had come from `target` move, whatever their surface, and they forget it; with `version`, only
    those that came by that change set. An item never carries a concept twice: see `graph.editing.retag`.
    """

    source: str
    target: str
    surfaces: tuple[str, ...] | None = None
    back: bool = False
    version: int | None = None


Change = PutConcept | DeleteConcept | PutRelation | DeleteRelation | Retag


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that happen together or not at all, applied in order."""

    changes: tuple[Change, ...]
    author: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the history keeps of a change set, beside who, when and why: its effect on the accepted taxonomy.

    `changes` lead from the accepted (sound) taxonomy before to the one after, exactly; `undo` leads back. `revision`
    is that of the taxonomy after, "" when nobody worked it out. `summary` is for people, at most 200 characters;
    `concepts` are ids that were touched, by id, at most 100.
    """

    changes: tuple[Change, ...]
    undo: tuple[Change, ...] = ()
    revision: str = ""
    origin: Origin = "kgtag"
    summary: str = ""
    concepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An accepted change set: `version` counts from 1, `at` is UTC in ISO 8601. For the rest see `Record`."""

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
    """A history entry without its changes, which may be many; `changes` says how many."""

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
    """A name, by the calendar, for a version: 2026.08.0 is the first of August 2026. `at` is UTC in ISO 8601."""

    name: str
    version: int
    revision: str
    at: str
    author: str
    notes: str = ""
