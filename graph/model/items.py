"""Tagged items, and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Retagged:
    """A step that a Retag from `source`, in the change set `version`, made with a tag.

    `concept` and `status` are those of the tag before.
    """

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
class TaggedItem:
    """An item and its tags, with the model version and taxonomy revision that made them."""

    id: str
    title: str
    lang: str | None
    model: str
    revision: str
    tags: tuple[ItemTag, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored, with the hash of its secret alone."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: str
