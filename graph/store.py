"""The interface of stores, which keep taxonomies, their history, items, proposals and keys."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from graph.columns.assemble import TaxonomyData
from graph.errors import ConflictError, NotAllowed
from graph.model import Accepting, ApiKey, Event, Feedback, ItemChange, Proposal, ProposalStatus, TaggedItem
from graph.model.changes import ChangeSet, HistoryEntry, Record, Release, Version

K = TypeVar("K")
T = TypeVar("T")


class TaxonomyStore(Protocol):
    """A store of one taxonomy. Adapters behave identically: reads have a fixed order, writes are atomic.

    Every method raises StoreUnavailable when the store can't be reached and MigrationError when its schema is missing,
    old or unknown. Methods may be called from several threads. Open one with `graph.stores.open_store`.
    """

    @property
    def url(self) -> str:
        """The store URL, without a password."""

    @property
    def durable_tokens(self) -> bool:
        """Whether tokens can be compared with those of another process, or of an earlier one."""

    def token(self) -> str:
        """A token that changes with every commit, external ones included; cheap to poll, to compare for equality."""

    def read(self) -> TaxonomyData:
        """The whole taxonomy, as of one moment, unchecked: see `Taxonomy.of`."""

    def apply(
        self,
        changes: ChangeSet,
        *,
        expect_version: int | None = None,
        record: Record | None = None,
        accepting: Accepting | None = None,
    ) -> int:
        """Write a change set and its history entry in one transaction, without checking invariants.

        `graph.editing.edit.apply` checks them first.

        Args:
            changes: The changes; none to write the history entry alone.
            expect_version: The version that the store must be at.
            record: The content of the history entry; by default the changes as they are.
            accepting: A proposal to mark as accepted in the same transaction.

        Returns:
            The new version.

        Raises:
            ConflictError: The store is not at `expect_version`; nothing was written.
            LostRace: The proposal has changed; nothing was written.
            UnknownConcept: A relation or a moved tag leads to no concept.
        """

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        """History entries with version > `after`, oldest first; read in pages of bounded size."""

    def versions(
        self, *, before: int | None = None, concept: str | None = None, limit: int | None = None
    ) -> list[Version]:
        """History entries without their changes, newest first, with version < `before`.

        With a `concept`: those that touched it, and those that touched so many that not all of them are listed.
        """

    def put_release(self, release: Release) -> None:
        """Store a release. Raises ReleaseTaken when its name or version is taken."""

    def releases(self) -> list[Release]:
        """All releases, by version."""

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        """Store items, replacing earlier ones with their ids, in one transaction. Raises UnknownConcept.

        What feedback said of their tags stays: a tag that was called wrong is rejected again.
        """

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        """Items with id > `after`, by id."""

    def item(self, id: str) -> TaggedItem | None:
        """The item with its tags, None when it is missing."""

    def items_of(self, concept: str, *, after: str = "", limit: int | None = None) -> list[str]:
        """Ids > `after` of the items that have the concept as an accepted tag, by id."""

    def delete_items(self, ids: Sequence[str]) -> int:
        """Erase items, their tags and the feedback on them, in one transaction; how many items there were."""

    def item_changes(self, *, after: int = 0, limit: int | None = None) -> list[ItemChange]:
        """The last change of each item with `seq` > `after`, by `seq`: put, reviewed, its tags moved, or erased.

        What Neo4j Browser does to items is not in it. Whoever reads a `seq` has missed no smaller one.
        """

    def item_seq(self) -> int:
        """The greatest `seq` so far."""

    def old_items(self, before: str, *, limit: int | None = None) -> list[str]:
        """Ids of stored items whose last change was before a time, by id; what was there before changes were noted
        counts from then."""

    def put_feedback(self, feedback: Feedback) -> None:
        """Store feedback and, in the same transaction, what it says of the tags of its item.

        A wrong tag becomes "rejected"; a right or missing one "accepted", and is added with method "given" where the
        item lacks it. The latest verdict counts.

        Raises:
            UnknownConcept: The taxonomy lacks the tag; nothing was written.
        """

    def delete_feedback(self, id: str, *, by: str | None = None) -> Feedback | None:
        """Take a verdict back, and in the same transaction what it said of the tag of its item; None without it.

        The latest verdict that is left on the tag counts. Without one, a tag that feedback had added goes, and one that
        was called wrong is accepted again.

        Raises NotAllowed when it is not that of the reviewer `by`, where one is named.
        """

    def feedback(self, *, after: str = "", concept: str | None = None, limit: int | None = None) -> Iterator[Feedback]:
        """Feedback with id > `after`, oldest first, in pages of bounded size; on one concept where it is given."""

    def put_events(self, events: Sequence[Event]) -> None:
        """Store what visitors did, in one transaction."""

    def events(self, profile: str, *, limit: int | None = None) -> list[Event]:
        """Events of a profile, the latest first."""

    def delete_events(self, *, profile: str | None = None, before: str | None = None) -> int:
        """Erase the events of a profile, or those with `at` < `before`, or those of both; how many there were. Without
        either, nothing."""

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        """Store a proposal.

        Args:
            proposal: The proposal.
            expect: The ETag of the proposal that it replaces, None for a new one.

        Raises:
            LostRace: The stored proposal has another ETag, or exists, or does not; nothing was written.
        """

    def proposal(self, id: int) -> Proposal | None:
        """The proposal, None when it is missing."""

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        """Proposals by descending id, with a status, a touched concept, and id < `before`."""

    def put_key(self, key: ApiKey) -> None:
        """Store an API key."""

    def delete_key(self, id: str) -> bool:
        """Delete an API key; whether it existed."""

    def keys(self) -> list[ApiKey]:
        """All API keys, by id."""

    def states(self, kind: str) -> dict[str, str]:
        """The values of a kind by id, in order of id: what the service keeps for itself between starts."""

    def put_state(self, kind: str, id: str, value: str | None, *, expect: str | None) -> bool:
        """Replace the value `expect` (None: there is none) by another one, or remove it; False, and nothing is written,
        when the present value is not the expected one."""

    def close(self) -> None:
        """Close connections."""


def require_reviewer(feedback: Feedback, by: str | None) -> None:
    """Raise NotAllowed unless the feedback is that of the reviewer, or none is named."""
    if by is not None and feedback.reviewer != by:
        raise NotAllowed(f"feedback {feedback.id} is {feedback.reviewer}'s; only they or an admin can take it back")


def require_version(version: int, expected: int | None) -> None:
    """Raise ConflictError unless the taxonomy is at the expected version, or none is expected."""
    if expected is not None and version != expected:
        raise ConflictError(f"the taxonomy is at version {version}, not at {expected}; read it again")


def paged(page: Callable[[K, int | None], list[T]], key: Callable[[T], K], after: K, limit: int | None) -> Iterator[T]:
    """Rows up to the limit, read in pages: `page` gives some of those after a key, at most so many."""
    while (limit is None or limit > 0) and (found := page(after, limit)):
        yield from found
        after = key(found[-1])
        limit = None if limit is None else limit - len(found)
