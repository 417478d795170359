"""The values a taxonomy is made of: SKOS, frozen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from graph.arrays.columns import Columns

Kind = Literal["category", "attribute", "value"]
Status = Literal["active", "candidate", "deprecated"]
Choice = Literal["single", "multiple"]
RelationType = Literal[
    "broader", "related", "value_of", "applies_to", "excludes", "exact_match", "close_match", "replaced_by"
]
LabelKind = Literal["pref", "alt", "hidden"]
Origin = Literal["kgtag", "outside"]
"""Who made a change: kgtag, or other hands in the database, found afterwards by comparing snapshots."""

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
CHOICES: tuple[Choice, ...] = get_args(Choice)
RELATION_TYPES: tuple[RelationType, ...] = get_args(RelationType)
SYMMETRIC: frozenset[RelationType] = frozenset({"related", "excludes", "exact_match", "close_match"})

LANGUAGE_TAG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*|und|zxx")
"""What a language tag must fully match: the shapes of BCP 47 that labels use ("en", "zh-CN", "zh-Hans")."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A node of the taxonomy.

    `id` is opaque, stable and unique in the store; names are never keys. Labels go by language tag.
    `choice` says, on an attribute, whether an item may carry several of its values.
    """

    id: str
    scheme: str
    kind: Kind
    pref_label: Mapping[str, str]
    alt_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: Mapping[str, str] = field(default_factory=dict)
    notation: str | None = None
    status: Status = "active"
    choice: Choice = "multiple"

    def label(self, lang: str | None = None) -> str:
        """The preferred label in `lang`, else its base language, else English, else the first there is, else the id."""
        if lang is not None:
            if lang in self.pref_label:
                return self.pref_label[lang]
            base = lang.split("-")[0]
            for tag in sorted(self.pref_label):
                if tag.split("-")[0] == base:
                    return self.pref_label[tag]
        if "en" in self.pref_label:
            return self.pref_label["en"]
        return next((self.pref_label[tag] for tag in sorted(self.pref_label)), self.id)

    def labels(self) -> list[tuple[str, str, LabelKind]]:
        """Every (text, language, label kind), in a fixed order."""
        found: list[tuple[str, str, LabelKind]] = [
            (self.pref_label[tag], tag, "pref") for tag in sorted(self.pref_label)
        ]
        kinds: tuple[tuple[LabelKind, Mapping[str, tuple[str, ...]]], ...] = (
            ("alt", self.alt_label),
            ("hidden", self.hidden_label),
        )
        for kind, by_language in kinds:
            found.extend((text, tag, kind) for tag in sorted(by_language) for text in by_language[tag])
        return found


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """An edge from `source` to `target`; symmetric ones are kept once, smaller id first (see `canonical`)."""

    type: RelationType
    source: str
    target: str
    primary: bool = False
    """On `broader`: the one edge that paths and breadcrumbs follow."""

    @property
    def key(self) -> tuple[RelationType, str, str]:
        """What makes the edge this edge: everything but `primary`."""
        return (self.type, self.source, self.target)

    def canonical(self) -> Relation:
        if self.type in SYMMETRIC and self.source > self.target:
            return Relation(self.type, self.target, self.source, self.primary)
        return self


@dataclass(frozen=True, slots=True, order=True)
class Stray:
    """An edge that means nothing to the taxonomy, but may have been meant to: `type` as the record spells it."""

    type: str
    source: str
    target: str


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
    those that came by that change set. An item never carries a concept twice: see `graph.changes.retag`.
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


class TaxonomyData:
    """All a store holds of the taxonomy, in a fixed order: concepts by id, relations by (type, source, target).

    `version` counts the change sets applied through kgtag; edits by other hands don't move it. The content is in
    `columns`; `concepts` and `relations` (strays among them) are made of it when somebody asks.
    """

    __slots__ = ("_concepts", "_relations", "columns", "version")

    def __init__(self, version: int, columns: Columns) -> None:
        self.version = version
        self.columns = columns
        self._concepts: tuple[Concept, ...] | None = None
        self._relations: tuple[Relation, ...] | None = None

    @classmethod
    def of(cls, version: int, concepts: Iterable[Concept], relations: Iterable[Relation]) -> TaxonomyData:
        """From values in any order. Raises InputError for text that no store can hold."""
        from graph.arrays.assemble import columns_of  # Columns are made of this module's values.

        return cls(version, columns_of(tuple(concepts), relations))

    @property
    def concepts(self) -> tuple[Concept, ...]:
        if self._concepts is None:
            self._concepts = tuple(self.columns.concepts())
        return self._concepts

    @property
    def relations(self) -> tuple[Relation, ...]:
        if self._relations is None:
            found = tuple(self.columns.relations())
            self._relations = tuple(sorted((*found, *self.columns.strays))) if self.columns.strays else found
        return self._relations

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaxonomyData):
            return NotImplemented
        if (self.version, self.columns.unknown) != (other.version, other.columns.unknown):
            return False
        return self.concepts == other.concepts and self.relations == other.relations

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        columns = self.columns
        return f"TaxonomyData(version {self.version}, {len(columns)} concepts, {len(columns.edges)} relations)"


@dataclass(frozen=True, slots=True)
class Retagged:
    """A step in a tag's life: a Retag from `source`, in the change set `version`, moved it or made it give way.

    `concept` and `status` are the tag's own before that.
    """

    source: str
    concept: str
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class ItemTag:
    """One tag of an item. `start`, `end` are half-open character offsets in the item's title, or None when implied.

    Status "merged": the item carries the concept by a more probable tag. `retagged_from` has the latest step last.
    """

    concept: str
    probability: float
    method: str
    start: int | None = None
    end: int | None = None
    surface: str | None = None
    status: Literal["accepted", "proposed", "rejected", "merged"] = "accepted"
    retagged_from: tuple[Retagged, ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedItem:
    """An item and its tags, with what made them: model version and taxonomy revision."""

    id: str
    title: str
    lang: str | None
    model: str
    revision: str
    tags: tuple[ItemTag, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored: only the hash of its secret, so that a stolen store opens nothing."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: str
