"""Tagged items, and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
