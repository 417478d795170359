"""Times as stored rows have them, and ids that sort by them."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta

from graph.errors import InputError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def timed_id(at: datetime) -> str:
    """A new id for what came in at a time of UTC; ids sort by time."""
    return f"{at:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"


def utc_text(at: datetime) -> str:
    """A time in whole seconds of UTC, as `2026-01-31T12:00:00Z`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """A time of ISO 8601; UTC where it names no zone, and a date is its first moment. Raises InputError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"no time {text!r}; write it like 2026-01-31T12:00:00Z or 2026-01-31") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def time_text(text: str) -> str:
    """The time as `utc_text` has it. Raises InputError.

    Example:
        >>> time_text("2026-01-31"), time_text("2026-01-31T12:00:00+08:00")
        ('2026-01-31T00:00:00Z', '2026-01-31T04:00:00Z')
    """
    try:
        return utc_text(read_time(text))
    except OverflowError:
        raise InputError(f"no time {text!r}: in UTC it is before the year 1 or after 9999") from None


def duration_text(start: str, end: str) -> str:
    """The time between two times, in the largest unit that leaves no rest worth naming.

    Example:
        >>> duration_text("2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00.2+00:00")
        '1 minute'
    """
    minutes = round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size or minutes == size:
            number = round(minutes / size)
            return f"{number:,} {unit}{'s' * (number != 1)}"
    return f"{minutes} minute{'s' * (minutes != 1)}"


def read_duration(text: str) -> timedelta:
    """A duration such as `90d`, `12h`, `30m` or `2w`. Raises InputError.

    Example:
        >>> read_duration("90d").days
        90
    """
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if found is None or not int(found[1]):
        raise InputError(f"{text!r} is not a duration; like 90d, 12h, 30m or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
