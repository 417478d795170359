"""Times as stored rows have them, and ids that sort by them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def timed_id(at: datetime) -> str:
    """A new id for what came in at a time of UTC; ids sort by time."""
    return f"{at:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"


def utc_text(at: datetime) -> str:
    """A time in whole seconds of UTC, as `2026-01-31T12:00:00Z`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
