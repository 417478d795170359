"""The states of a live snapshot, and the next step in each. No input or output: what the store says is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from graph.errors import InputError


class State(Enum):
    """How the served snapshot stands to the store.

    STARTING ──▶ CURRENT ◀──▶ STALE
        │         ▲  ▲
        ▼         │  ▼
    UNCONFIRMED ──┘  REJECTED
    """

    STARTING = "starting"
    """No snapshot yet."""
    UNCONFIRMED = "unconfirmed"
    """Served from the snapshot file; the store has not confirmed it yet."""
    CURRENT = "current"
    """The store confirmed the snapshot at the last poll."""
    STALE = "stale"
    """The last poll failed: the store is unavailable, or the rebuild broke."""
    REJECTED = "rejected"
    """The store holds a taxonomy that the models do not fit; the snapshot before it is served."""


class Step(Enum):
    """What a poll leads to."""

    NOTHING = "nothing"
    READ = "read"
    COUNT = "count"
    """The taxonomy is the one served; only the items are counted again."""
    REJECT = "reject"
    """The store still holds the taxonomy that was rejected."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the served snapshot stands in the store's history.

    Attributes:
        token: The store's token when the snapshot was read; "" when that is unknown.
        built: Time of the build, in seconds of a monotonic clock.
        last_seen_token: The newest token whose taxonomy is the one served; only items changed since `token`.
        counts_stale: Whether the items must be counted at the next poll.
        rejected: The token of the taxonomy that the models do not fit, and their error.
    """

    token: str
    built: float
    last_seen_token: str = ""
    counts_stale: bool = False
    rejected: tuple[str, InputError] | None = None

    def step(self, token: str, *, now: float, items_seconds: float) -> Step:
        """The step after a poll that found `token`; items are counted every `items_seconds` at most.

        Example:
            >>> Position("a", built=0.0).step("a", now=1.0, items_seconds=30.0)
            <Step.NOTHING: 'nothing'>
            >>> Position("a", built=0.0).step("b", now=1.0, items_seconds=30.0)
            <Step.READ: 'read'>
        """
        if token == self.token:
            return Step.COUNT if self.counts_stale else Step.NOTHING
        if self.rejected is not None and self.rejected[0] == token:
            return Step.REJECT
        if token == self.last_seen_token and self.recent(now, items_seconds):
            return Step.NOTHING
        return Step.READ

    def recent(self, now: float, items_seconds: float) -> bool:
        """Whether the item counts are recent enough."""
        return now - self.built < items_seconds and not self.counts_stale

    def same_taxonomy(self, token: str) -> Position:
        """After a read that found the same taxonomy: only items have changed."""
        return replace(self, last_seen_token=token)

    def reject(self, token: str, error: InputError) -> Position:
        """After a build that failed because the models do not fit the taxonomy."""
        return replace(self, rejected=(token, error))
