"""Reads that never go back, whichever of several processes answers: a caller names the version of the taxonomy that it
has seen, and no older one answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.errors import Problem

if TYPE_CHECKING:
    from api.service import Service

VERSION = b"x-taxonomy-version"
"""In a response: the version it was made from. In a request: the least version that may answer."""
_SECONDS = 2.0
_POLLS = 4
"""How long a request waits for its version: so many seconds, or polls of the store where those take longer."""
_PAUSE = 0.02


def asks_for_version(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == VERSION for name, _ in headers)


async def await_version(service: Service, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Wait until the snapshot has the version that a request asks for, if any. Raises Problem: 503 where it does not
    come in time, 422 for what is not a version."""
    value = next((value for name, value in headers if name == VERSION), None)
    if value is None:
        return
    if not value.isdigit() or len(value) > 15:
        raise Problem("invalid-request", "X-Taxonomy-Version is not the number of a version, such as 12")
    least, until = int(value), time.monotonic() + max(_SECONDS, _POLLS * service.settings.poll_seconds)
    while (version := service.current.taxonomy.version) < least:
        if time.monotonic() > until:
            detail = f"version {version} of the taxonomy is served here, {least} was asked for; ask again, or without"
            raise Problem("behind", detail, members={"version": version})
        await asyncio.sleep(_PAUSE)
