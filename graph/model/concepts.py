"""Concepts, relations between them, problems with either, and items tagged with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["category", "attribute", "value"]
Status = Literal["active", "candidate", "deprecated"]
Choice = Literal["single", "multiple"]
RelationType = Literal[
    "broader", "related", "value_of", "applies_to", "excludes", "exact_match", "close_match", "replaced_by"
]
LabelKind = Literal["pref", "alt", "hidden"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
CHOICES: tuple[Choice, ...] = get_args(Choice)
RELATION_TYPES: tuple[RelationType, ...] = get_args(RelationType)
SYMMETRIC: frozenset[RelationType] = frozenset({"related", "excludes", "exact_match", "close_match"})

LANGUAGE_TAG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*|und|zxx")
"""Valid language tags: the forms of BCP 47 that labels use ("en", "zh-CN", "zh-Hans")."""

ProblemCode = Literal[
    "bad_id",
    "bad_kind",
    "bad_status",
    "bad_choice",
    "no_label",
    "bad_language",
    "empty_label",
    "dangling",
    "self_relation",
    "wrong_kinds",
    "cross_scheme_broader",
    "cycle",
    "value_without_attribute",
    "value_of_several",
    "excludes_ancestor",
    "excludes_common_narrower",
    "broader_across_attributes",
    "double_id",
    "unknown_relation",
]


_NO_TEXTS: Mapping[str, Any] = {}
"""One for all: a million concepts would have three million."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the taxonomy.

    Args:
        id: Opaque, stable and unique in the store; labels are never keys.
        scheme: The concept scheme it belongs to.
        kind: "category", "attribute" or "value".
        pref_label: The preferred label by language tag.
        alt_label: Alternative labels by language tag.
        hidden_label: Labels that only search uses, by language tag.
        definition: Definitions by language tag.
        notation: A code, such as an article group number.
        status: "active", "candidate" or "deprecated".
        choice: Of an attribute: whether an item may have several of its values.

    Example:
        >>> boots = Concept("boots", "shop", "category", {"en": "Boots", "de": "Stiefel"})
        >>> boots.label("de")
        'Stiefel'
    """

    id: str
    scheme: str
    kind: Kind
    pref_label: Mapping[str, str]
    alt_label: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_TEXTS)
    hidden_label: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_TEXTS)
    definition: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    notation: str | None = None
    status: Status = "active"
    choice: Choice = "multiple"

    def label(self, lang: str | None = None) -> str:
        """The preferred label in `lang`, else its base language, English of any region, any language, else the id."""
        if lang is not None:
            if lang in self.pref_label:
                return self.pref_label[lang]
            base = lang.split("-")[0]
            for tag in sorted(self.pref_label):
                if tag.split("-")[0] == base:
                    return self.pref_label[tag]
        if "en" in self.pref_label:
            return self.pref_label["en"]
        by_tag = sorted(self.pref_label, key=lambda tag: (not tag.startswith("en-"), tag))
        return self.pref_label[by_tag[0]] if by_tag else self.id

    def labels(self) -> list[tuple[str, str, LabelKind]]:
        """Every (text, language, label kind), in a fixed order."""
        found: list[tuple[str, str, LabelKind]] = [(text, tag, "pref") for tag, text in sorted(self.pref_label.items())]
        found.extend((text, tag, "alt") for tag, texts in sorted(self.alt_label.items()) for text in texts)
        found.extend((text, tag, "hidden") for tag, texts in sorted(self.hidden_label.items()) for text in texts)
        return found


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """An edge from `source` to `target`; symmetric ones are stored once, smaller id first (see `canonical`)."""

    type: RelationType
    source: str
    target: str
    primary: bool = False
    """Of `broader`: whether paths and breadcrumbs follow this edge."""

    @property
    def key(self) -> tuple[RelationType, str, str]:
        """The edge's identity: everything but `primary`."""
        return (self.type, self.source, self.target)

    def canonical(self) -> Relation:
        if self.type in SYMMETRIC and self.source > self.target:
            return Relation(self.type, self.target, self.source, self.primary)
        return self


def back_edges(out: Mapping[str, Sequence[Relation]], starts: Iterable[str]) -> list[Relation]:
    """The edges that close a circle on a walk in depth along `out` from each start; without them there is none."""
    closing: list[Relation] = []
    done: set[str] = set()
    for start in starts:
        if start in done:
            continue
        on_the_way, steps = {start}, [(start, iter(out[start]))]
        while steps:
            id, rest = steps[-1]
            for edge in rest:
                if edge.target in on_the_way:
                    closing.append(edge)
                elif edge.target not in done and edge.target in out:
                    on_the_way.add(edge.target)
                    steps.append((edge.target, iter(out[edge.target])))
                    break
            else:
                steps.pop()
                on_the_way.discard(id)
                done.add(id)
    return closing


@dataclass(frozen=True, slots=True, order=True)
class UnknownEdge:
    """An edge whose type the taxonomy does not have, perhaps misspelt; `type` as the store has it."""

    type: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A broken invariant, the concepts concerned, and a message.

    `subject` is the concept that was left out and `edges` the relations concerned, as the store has them, for
    `graph.repairs.repairs`; problems are compared without them.
    """

    code: ProblemCode
    concepts: tuple[str, ...]
    message: str
    subject: Concept | None = field(default=None, compare=False, repr=False)
    edges: tuple[Relation | UnknownEdge, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Retagged:
    """A step that a Retag from `source`, in change set `version`, made with a tag of this `concept` and `status`."""

    source: str
    concept: str
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class ItemTag:
    """A tag of an item; `start`, `end` are half-open character offsets in its title, None when implied.

    Status "merged": the item has the concept by a more probable tag. `retagged_from` has the latest step last.
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
class ItemNil:
    """A mention without a concept in an item's title or text; `attribute` is a concept id, where it is known."""

    surface: str
    attribute: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class TaggedItem:
    """An item and its tags, with the model version and taxonomy revision that made them.

    `at` is when the item was listed, UTC in whole seconds; put without one, an item keeps its time, and a new one gets
    that of its storing. Only items that are older than `at` have none.
    """

    id: str
    title: str
    lang: str | None
    model: str
    revision: str
    tags: tuple[ItemTag, ...]
    at: str | None = None
    nil: tuple[ItemNil, ...] = ()
