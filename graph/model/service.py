"""API keys, and the log of changed items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored, with the hash of its secret alone; times are UTC in ISO 8601, `expires` None for never."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: str
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """The last change of an item: its tags may be others, or it is no more. `seq` grows with every change of any."""

    item: str
    seq: int
    change: Literal["tagged", "erased"]
    at: str
