"""Retries of writes that lost a race."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from graph.errors import ConflictError

T = TypeVar("T")

_ATTEMPTS = 40
_LONGEST_PAUSE = 8
"""In attempts: with as many writers asleep as awake, most attempts succeed."""


def retry_conflicts(attempt: Callable[[], T], *, on: type[Exception], what: str, seconds: float = 0.0) -> T:
    """Repeat an attempt while it raises `on`, with random pauses in proportion to its duration.

    Raises ConflictError, which names `what` keeps changing, after 40 attempts and at least so many `seconds`.
    """
    started = time.monotonic()
    number = 0
    while number < _ATTEMPTS or time.monotonic() - started < seconds:
        number += 1
        began = time.monotonic()
        try:
            return attempt()
        except on:
            time.sleep(random.uniform(0, min(number, _LONGEST_PAUSE) * (time.monotonic() - began)))
    raise ConflictError(f"{what} kept changing during {number} attempts; try again")
