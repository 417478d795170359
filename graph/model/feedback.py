"""What people think of tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from graph.model.times import timed_id, utc_text

Verdict = Literal["right", "wrong", "missing"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's verdict on a tag, or on one that is missing.

    Args:
        id: Unique; ids sort by time.
        at: When, in UTC.
        reviewer: Who.
        concept: The tag.
        verdict: "right", "wrong" or "missing".
        item: The id of a stored item.
        product: The row of a product: `title`, and `id`, `text`, `category`, `lang` where they are known.
        span: Half-open characters of the title that the tag is about.
        reason: Why.
    """

    id: str
    at: str
    reviewer: str
    concept: str
    verdict: Verdict
    item: str | None = None
    product: Mapping[str, Any] | None = None
    span: tuple[int, int] | None = None
    reason: str = ""


def new_feedback_id() -> tuple[str, str]:
    """An id for feedback that is given now, and the time."""
    at = datetime.now(UTC)
    return timed_id(at), utc_text(at)
