"""What a visitor did, for a profile."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the visitor of a profile did with an item or a concept.

    Args:
        id: Unique.
        at: When, in UTC, as `2026-01-31T12:00:00Z`.
        profile: Whose: an id that means nothing to anyone else.
        weight: How much it says: a purchase more than a look. Above 0.
        item: The id of an item; it need not be stored.
        concept: The id of a concept, in place of an item.
    """

    id: str
    at: str
    profile: str
    weight: float
    item: str | None = None
    concept: str | None = None


def new_event_id() -> str:
    """An id for an event that comes in now; ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"


def utc_text(at: datetime) -> str:
    """A time as events have it, in whole seconds of UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
