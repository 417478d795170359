"""The port to the system of record. Stores keep; snapshots answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from graph.columns.taxonomy_data import TaxonomyData
from graph.model import (
    Accepting,
    ApiKey,
    ChangeSet,
    HistoryEntry,
    Proposal,
    ProposalStatus,
    Record,
    Release,
    TaggedItem,
    Version,
)


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

    def apply(
        self,
        changes: ChangeSet,
        *,
        expect_version: int | None = None,
        record: Record | None = None,
        accepting: Accepting | None = None,
    ) -> int:
        """Write the change set and its history entry in one transaction; the new version.

        The entry says what `record` says; without one, the changes as they are. A change set without changes but with
        a record writes the entry alone. Raises ConflictError, having written nothing, when the record isn't at
        `expect_version` any more. With `accepting`, the proposal is marked accepted in that transaction; raises
        LostRace, having written nothing, when it isn't as it was. The caller has checked the invariants, as
        `graph.editing.edit` does.
        """
        ...

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        """Accepted change sets with version > `after`, oldest first; read in pages of bounded size."""
        ...

    def versions(self, *, before: int | None = None, limit: int | None = None) -> list[Version]:
        """The history without the changes themselves, newest first; only versions < `before` when it is given."""
        ...

    def put_release(self, release: Release) -> None:
        """Raises ConflictError when the name is taken or the version is a release already."""
        ...

    def releases(self) -> list[Release]:
        """All releases, by version."""
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

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        """Store the proposal, in place of the one whose ETag is `expect`, or as a new one when that is None.

        Raises LostRace, having written nothing, when another or none is there, or one when none was expected.
        """
        ...

    def proposal(self, id: int) -> Proposal | None: ...

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        """Newest first, that is by falling id: those with id < `before`, of that status, that are about the concept."""
        ...

    def put_key(self, key: ApiKey) -> None: ...

    def delete_key(self, id: str) -> bool:
        """Whether there was such a key."""
        ...

    def keys(self) -> list[ApiKey]:
        """All keys, by id."""
        ...

    def close(self) -> None: ...
