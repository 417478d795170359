"""The feed of changes: versions of the taxonomy and changed items, in an order that nobody misses anything of.

A position has two numbers, the last version and the last change of items that were seen: both become visible in their
order, so that what comes after a position is all that was not seen before it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from graph.errors import InputError
from graph.model import ItemChange
from graph.model.changes import Version
from graph.store import TaxonomyStore

FeedType = Literal["taxonomy", "item"]
FEED_TYPES: tuple[FeedType, ...] = get_args(FeedType)
_FRESH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Position:
    """The last version and the last change of items that were seen; written `12-345`."""

    version: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.version}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> Position:
        """From `12-345`, or from a version alone, which is before all changes of items. Raises InputError."""
        found = re.fullmatch(r"(\d{1,15})(?:-(\d{1,15}))?", text, re.ASCII)
        if found is None:
            raise InputError(f"{text!r:.60} is not a position of the feed; like 12-345, from the id of an event")
        return cls(int(found[1]), int(found[2] or 0))


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """A new version, or the last change of an item. `id` never changes; `position` is the one after it."""

    id: str
    position: Position
    change: Version | ItemChange

    def to_row(self) -> dict[str, Any]:
        """As JSON: a TaxonomyChanged or an ItemChanged of `kgtag.rows.items`."""
        one = self.change
        row: dict[str, Any] = {"id": self.id, "position": str(self.position), "at": one.at}
        if isinstance(one, ItemChange):
            return row | {"type": "item", "item": one.item, "change": one.change}
        return row | {
            "type": "taxonomy",
            "version": one.version,
            "revision": one.revision or None,
            "author": one.author,
            "reason": one.reason,
            "origin": one.origin,
            "summary": one.summary,
            "concepts": list(one.concepts),
            "changes": one.changes,
        }


def head(store: TaxonomyStore) -> Position:
    """The position after everything so far."""
    newest = store.versions(limit=1)
    return Position(newest[0].version if newest else 0, store.item_seq())


def events_after(
    store: TaxonomyStore, after: Position, *, types: Collection[str] = FEED_TYPES, limit: int = 200
) -> list[FeedEvent]:
    """The events after a position, versions first; none when there are no more of these types."""
    found: list[FeedEvent] = []
    at = after
    if "taxonomy" in types:
        for version in reversed(store.versions(before=after.version + limit + 1, limit=limit)):
            if version.version > after.version:
                at = replace(at, version=version.version)
                found.append(FeedEvent(f"v{version.version}", at, version))
    if "item" in types and len(found) < limit:
        for change in store.item_changes(after=after.seq, limit=limit - len(found)):
            at = replace(at, seq=change.seq)
            found.append(FeedEvent(f"i{change.seq}", at, change))
    return found


class FeedHead:
    """The head of the feed for many who ask for it: read once in a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._position = Position()

    def get(self, store: TaxonomyStore) -> Position:
        """Raises StoreError."""
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                self._position = head(store)
                self._read_at = time.monotonic()
            return self._position
