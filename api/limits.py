"""Limits kept while requests run: of rates and quotas by key, of places for work, of memory for bodies.

All of it stands in the memory of one worker process and is touched by its event loop alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.errors import Problem
from kgtag.serve.limits import Limits

HELD = "kgtag.body_bytes"
"""In the scope of a request: the bytes of its body, counted in `Service.body_bytes` until it ends."""
KEY = "kgtag.key"
"""In the scope of a request: the id of its key."""
_DAY = 86_400


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    day: int = 0
    used: int = 0


class Rates:
    """A token bucket and a daily quota for each key.

    A request is allowed while its key has a token. It may cost more than there are, as a part of a batch does; the key
    waits the longer afterwards.

    Args:
        limits: The rate, the burst, the quota.
        clock, now: Seconds of a monotonic clock, and since 1970.
    """

    def __init__(
        self, limits: Limits, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._rate, self._quota = limits.rate, limits.quota
        self._burst = max(1.0, limits.rate_burst or 2 * limits.rate)
        self._clock, self._now = clock, now
        self._buckets: dict[str, _Bucket] = {}
        self.active = bool(limits.rate or limits.quota)

    def charge(self, key: str, cost: int = 1) -> Problem | None:
        """Take the cost from the key's allowance; where there is none left, nothing is taken, and the problem has a
        Retry-After.

        Example:
            >>> rates = Rates(Limits(rate=1, rate_burst=1), clock=lambda: 0.0)
            >>> rates.charge("k"), rates.charge("k").headers
            (None, {'Retry-After': '1'})
        """
        if not self.active:
            return None
        clock, now = self._clock(), self._now()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, clock))
        if bucket.day != (day := int(now // _DAY)):
            bucket.day, bucket.used = day, 0
        bucket.tokens = min(self._burst, bucket.tokens + (clock - bucket.at) * self._rate)
        bucket.at = clock
        if self._quota and bucket.used >= self._quota:
            rest = _DAY - now % _DAY
            return _too_many(f"key {key} has made its {self._quota:,} requests of the day (UTC)", rest, quota=True)
        if self._rate and bucket.tokens < 1:
            wait = (1 - bucket.tokens) / self._rate
            return _too_many(f"key {key} may make {self._rate:g} requests a second", wait)
        bucket.tokens -= cost
        bucket.used += cost
        return None

    async def pace(self, key: str, cost: int) -> Problem | None:
        """Wait until the cost may be taken, and take it; the problem where that is not today."""
        while (problem := self.charge(key, cost)) is not None:
            if problem.members["quota"]:
                return problem
            await asyncio.sleep(min(1.0, float(problem.members["retry_after"])))
        return None


def _too_many(detail: str, seconds: float, *, quota: bool = False) -> Problem:
    headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
    members = {"retry_after": round(seconds, 3), "quota": quota}
    return Problem("too-many-requests", detail, headers=headers, members=members)


class Slots:
    """Places for work of one kind, half of them for one key at most."""

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self._share = max(1, (most + 1) // 2)
        self._held = Counter[str]()

    @property
    def held(self) -> int:
        return self._held.total()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Hold a place. Raises Problem: 503 when all are taken, 429 when the key has its share."""
        if self.held >= self._most:
            raise Problem("queue-full", f"{self._most} {self._what} are running or waiting, the most there may be")
        if self._held[key] >= self._share:
            raise _too_many(f"key {key} has {self._share} {self._what} running or waiting, the most it may have", 1)
        self._held[key] += 1
        try:
            yield
        finally:
            self._held[key] -= 1
            self._held += Counter()  # drops those at 0


async def chunks(receive: Receive, limits: Limits, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """The body of a batch as it arrives. Raises Problem for the first limit it passes, and once `stop` is set, and
    ClientDisconnect."""
    ends, size = time.monotonic() + limits.batch_seconds, 0
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while True:
            left = ends - time.monotonic()
            message = asyncio.ensure_future(receive())
            done, _ = await asyncio.wait(
                (message, stopped), timeout=max(0, min(left, limits.idle_seconds)), return_when=asyncio.FIRST_COMPLETED
            )
            if message not in done or stop.is_set():
                message.cancel()
                if stop.is_set():
                    raise Problem("stopping", "the service stops: send the lines from this one on again")
                raise Problem("request-timeout", _late(limits, left))
            found = message.result()
            if found["type"] == "http.disconnect":
                raise ClientDisconnect
            size += len(found.get("body", b""))
            if size > limits.max_batch_bytes:
                raise Problem("body-too-large", f"the batch is larger than {limits.max_batch_bytes:,} bytes")
            yield found.get("body", b"")
            if not found.get("more_body", False):
                return
            if time.monotonic() >= ends:
                raise Problem("request-timeout", _late(limits, 0))
    finally:
        stopped.cancel()


def _late(limits: Limits, left: float) -> str:
    if left <= limits.idle_seconds:
        return f"the batch took longer than {limits.batch_seconds:g} seconds"
    return f"the batch sent nothing for {limits.idle_seconds:g} seconds"
