"""The port to the system of record. Stores keep; snapshots answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from graph.model import ApiKey, ChangeSet, HistoryEntry, TaggedItem, TaxonomyData


class TaxonomyStore(Protocol):
    """What every store does, identically: reads come in a fixed order, writes happen whole or not at all.

    Every method raises StoreUnavailable when the record is out of reach and MigrationError when its schema isn't ours.
    Methods may be called from several threads.
    """

    @property
    def url(self) -> str:
        """Where the record is, without a password."""
        ...

    @property
    def durable_tokens(self) -> bool:
        """Whether a token means the same to another process, later: equal ones say that nothing was committed."""
        ...

    def token(self) -> str:
        """Changes with every commit, by whoever, and is cheap to poll. Compare for equality only."""
        ...

    def read(self) -> TaxonomyData:
        """The whole taxonomy, as of one moment."""
        ...

    def apply(self, changes: ChangeSet, *, expect_version: int | None = None) -> int:
        """Write the change set and its history entry in one transaction; the new version.

        Raises ConflictError, having written nothing, when the record isn't at `expect_version` any more.
        The caller has checked the invariants (`graph.edit` does).
        """
        ...

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        """Accepted change sets with version > `after`, oldest first."""
        ...

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        """Store items and their tags, replacing earlier tags of the same ids, in one transaction."""
        ...

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        """Items with id > `after`, by id."""
        ...

    def item(self, id: str) -> TaggedItem | None:
        """The item and its tags, or None when there is no such item."""
        ...

    def items_of(self, concept: str, *, limit: int | None = None) -> list[str]:
        """Ids of the items that carry the concept as an accepted tag, by id."""
        ...

    def put_key(self, key: ApiKey) -> None: ...

    def delete_key(self, id: str) -> bool:
        """Whether there was such a key."""
        ...

    def keys(self) -> list[ApiKey]:
        """All keys, by id."""
        ...

    def close(self) -> None: ...
