"""What a visitor did, for a profile."""

from __future__ import annotations

from dataclasses import dataclass


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
