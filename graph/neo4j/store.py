"""A store in Neo4j 5.26 and later, readable and editable in Neo4j Browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeVar

import neo4j

from graph.changes import net
from graph.columns.assemble import TaxonomyData
from graph.columns.columns import Columns
from graph.errors import MigrationError, ReleaseTaken
from graph.history.entries import LISTED, entry_of, pack, page_end, unchecked, version_of
from graph.migrate import Migration, MigrationStatus, due, shipped, statuses
from graph.model import Accepting, ApiKey, Event, Feedback, ItemChange, ItemTag, Proposal, ProposalStatus, TaggedItem
from graph.model.changes import Change, ChangeSet, HistoryEntry, Record, Release, Version, load_change, now
from graph.model.proposals import require_etag
from graph.model.times import utc_text
from graph.neo4j import cypher
from graph.neo4j.connection import Connection, applied
from graph.neo4j.read import Run, concept_part, edge_part, join, read_columns, text_part, unknown_part
from graph.neo4j.rows import (
    entry_row,
    event_of,
    feedback_of,
    feedback_properties,
    item_of,
    item_row,
    proposal_of,
    proposal_parameters,
    tag_properties,
)
from graph.neo4j.write import batches, note_items, require, write
from graph.store import paged, require_reviewer, require_version

_PAGE = 500
_READ_ATTEMPTS = 3
_PAUSE = 0.1
"""Seconds between two checks of indexes that are being filled."""

T = TypeVar("T")


class Neo4jStore:
    """A TaxonomyStore in one database of a Neo4j server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def open(
        cls, url: str, *, user: str | None = None, password: str | None = None, database: str = "neo4j"
    ) -> Neo4jStore:
        """The store at a URL; nothing is sent yet. `user` and `password` take precedence over those in the URL."""
        return cls(Connection(url, user=user, password=password, database=database))

    @property
    def url(self) -> str:
        return self._connection.url

    def close(self) -> None:
        self._connection.close()

    def migrate(self) -> list[str]:
        """Apply migrations that are due, each under a lock; their names.

        Neo4j refuses schema commands and data writes in one transaction, so every statement runs in its own, and the
        migration is noted last. Statements are idempotent (`IF NOT EXISTS`, `MERGE`): an interrupted migration runs
        again.
        """
        names: list[str] = []
        known = shipped("neo4j")
        with self._connection.translated():
            self._connection.require_supported()
            self._connection.run(cypher.MIGRATION_LOCK_CONSTRAINT)
            while name := self._migrate_one(known):
                names.append(name)
            self._connection.run(cypher.RESTORE_META)
            # Without limit: the labels of a million concepts take minutes.
            while names and (waiting := self._connection.rows(cypher.INDEXES_NOT_READY)):
                failed = [row["name"] for row in waiting if row["state"] == "FAILED"]
                if failed:
                    raise MigrationError(f"Neo4j at {self.url} could not fill the index {failed[0]!r}; see its log")
                time.sleep(_PAUSE)
        return names

    def _migrate_one(self, known: tuple[Migration, ...]) -> str | None:
        with self._connection.session() as session, session.begin_transaction() as tx:
            tx.run(cypher.LOCK_MIGRATIONS).consume()
            waiting = due(known, applied(tx), url=self.url)
            if not waiting:
                return None
            for statement in _statements(waiting[0].text):
                self._connection.run(statement)
            tx.run(cypher.RECORD_MIGRATION, name=waiting[0].name, checksum=waiting[0].checksum, at=now()).consume()
            tx.commit()
            return waiting[0].name

    def migrations(self) -> list[MigrationStatus]:
        with self._connection.translated(), self._connection.session() as session:
            return statuses(shipped("neo4j"), session.execute_read(applied))

    durable_tokens = True

    def token(self) -> str:
        """The bookmark of an empty read transaction, which names the last commit."""
        with self._connection.reading() as session:
            session.execute_read(lambda tx: tx.run(cypher.PING).consume())
            return _bookmark(session)

    def read(self) -> TaxonomyData:
        """Read everything, and again if a commit came in between: the isolation level is read committed.

        When commits never pause, a last read locks out kgtag's own writers: a version is visible before all of its
        changes are, so that equal versions before and after prove nothing.
        """
        for _ in range(_READ_ATTEMPTS):
            before = self.token()
            with self._connection.reading() as session:
                version = session.execute_read(lambda tx: _version(tx, cypher.VERSION))
            columns, undisturbed = self._columns(before)
            if undisturbed:
                return TaxonomyData(version, columns)
        # Under the lock, rolled back, so that the token stays.
        with self._connection.translated(), self._connection.session() as session, session.begin_transaction() as tx:
            version = _version(tx, cypher.LOCK)
            columns = read_columns(tx.run)
            tx.rollback()
        return TaxonomyData(version, columns)

    def _columns(self, token: str) -> tuple[Columns, bool]:
        """The taxonomy, and whether it is as of the token; in two sessions, since the server uses a CPU for each."""

        def fetch(part: Callable[[Run], T]) -> tuple[T, bool]:
            with self._connection.reading(after=token, records=2) as session:
                found = session.execute_read(lambda tx: part(tx.run))
                return found, _bookmark(session) == token

        with ThreadPoolExecutor(2) as pool:
            texts = pool.submit(fetch, text_part)
            edges = pool.submit(fetch, edge_part)
            concepts = pool.submit(fetch, concept_part)
            unknown = pool.submit(fetch, unknown_part)
            parts = concepts.result(), texts.result(), edges.result(), unknown.result()
        return join(parts[0][0], parts[1][0], parts[2][0], parts[3][0]), all(same for _, same in parts)

    def apply(
        self,
        changes: ChangeSet,
        *,
        expect_version: int | None = None,
        record: Record | None = None,
        accepting: Accepting | None = None,
    ) -> int:
        record = record or unchecked(changes.changes)
        payload = pack(record.changes, record.undo)
        work = net(changes)

        def done(tx: neo4j.ManagedTransaction) -> int:
            version = _version(tx, cypher.LOCK)
            require_version(version, expect_version)
            write(tx, work, version + 1)
            entry = entry_row(version + 1, changes, record=record, payload=payload)
            tx.run(cypher.RECORD_CHANGES, version=version + 1, properties=entry).consume()
            if accepting is not None:
                _put_proposal(tx, accepting.at(version + 1), expect=accepting.expect)
            return version + 1

        return self._connection.write(done)

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        def page(after: int, limit: int | None) -> list[HistoryEntry]:
            sizes = self._connection.rows(cypher.SIZES, after=after, limit=min(limit or _PAGE, _PAGE))
            end = page_end((row["version"], row["size"]) for row in sizes)
            rows = self._connection.rows(cypher.ENTRIES, after=after, end=end) if end is not None else []
            return [entry_of(row, _old_changes) for row in rows]

        return paged(page, lambda entry: entry.version, after, limit)

    def versions(
        self, *, before: int | None = None, concept: str | None = None, limit: int | None = None
    ) -> list[Version]:
        wanted = {"before": _most(before), "concept": concept, "limit": _most(limit), "listed": LISTED}
        rows = self._connection.rows(cypher.VERSIONS, **wanted)
        return [version_of(row, _old_changes) for row in rows]

    def put_release(self, release: Release) -> None:
        def write(tx: neo4j.ManagedTransaction) -> None:
            _version(tx, cypher.LOCK)
            row = tx.run(cypher.RELEASE_TAKEN, name=release.name, version=release.version).single()
            if row is not None:
                raise ReleaseTaken(row["name"], row["version"])
            tx.run(cypher.PUT_RELEASE, properties=asdict(release)).consume()

        self._connection.write(write)

    def releases(self) -> list[Release]:
        return [Release(**row) for row in self._connection.rows(cypher.RELEASES)]

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        rows = [item_row(item) for item in {item.id: item for item in items}.values()]
        concepts, at = {tag["concept"] for row in rows for tag in row["tags"]}, utc_text(datetime.now(UTC))

        def write(tx: neo4j.ManagedTransaction) -> None:
            require(tx, concepts)
            for batch in batches(rows, 1000):
                tx.run(cypher.PUT_ITEMS, rows=batch, at=at).consume()
                tx.run(cypher.TAG_ITEMS, rows=batch).consume()
                found = tx.run(cypher.FEEDBACK_ON, ids=[row["id"] for row in batch]).data()
                for one in found:
                    _review(tx, feedback_of(one["feedback"]))
            note_items(tx, [row["id"] for row in rows], "tagged")

        self._connection.write(write)

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        def page(after: str, limit: int | None) -> list[TaggedItem]:
            rows = self._connection.rows(cypher.ITEMS, after=after, limit=min(limit or _PAGE, _PAGE))
            return list(map(item_of, rows))

        return paged(page, lambda item: item.id, after, limit)

    def item(self, id: str) -> TaggedItem | None:
        rows = self._connection.rows(cypher.ITEM, id=id)
        return item_of(rows[0]) if rows else None

    def items_of(self, concept: str, *, after: str = "", limit: int | None = None) -> list[str]:
        rows = self._connection.rows(cypher.ITEMS_OF, concept=concept, after=after, limit=_most(limit))
        return [row["id"] for row in rows]

    def delete_items(self, ids: Sequence[str]) -> int:
        wanted = list(dict.fromkeys(ids))

        def write(tx: neo4j.ManagedTransaction) -> int:
            tx.run(cypher.DELETE_FEEDBACK, ids=wanted).consume()
            known = [row["id"] for row in tx.run(cypher.STORED, ids=wanted)]
            tx.run(cypher.DELETE_ITEMS, ids=known).consume()
            note_items(tx, known, "erased")
            return len(known)

        return self._connection.write(write)

    def item_changes(self, *, after: int = 0, limit: int | None = None) -> list[ItemChange]:
        rows = self._connection.rows(cypher.ITEM_CHANGES, after=after, limit=_most(limit))
        return [ItemChange(**row) for row in rows]

    def item_seq(self) -> int:
        return sum(int(row["value"]) for row in self._connection.rows(cypher.ITEM_SEQ))

    def old_items(self, before: str, *, limit: int | None = None) -> list[str]:
        rows = self._connection.rows(cypher.OLD_ITEMS, before=before, limit=_most(limit))
        return [row["id"] for row in rows]

    def put_feedback(self, feedback: Feedback) -> None:
        def write(tx: neo4j.ManagedTransaction) -> None:
            require(tx, {feedback.concept})
            tx.run(cypher.PUT_FEEDBACK, properties=feedback_properties(feedback)).consume()
            _review(tx, feedback)
            note_items(tx, [row["id"] for row in tx.run(cypher.STORED, ids=[feedback.item])], "tagged")

        self._connection.write(write)

    def delete_feedback(self, id: str, *, by: str | None = None) -> Feedback | None:
        def write(tx: neo4j.ManagedTransaction) -> Feedback | None:
            rows = tx.run(cypher.TAKE_FEEDBACK, id=id).data()
            if not rows:
                return None
            taken = feedback_of(rows[0]["feedback"])
            require_reviewer(taken, by)
            where = {"item": taken.item, "concept": taken.concept}
            if left := tx.run(cypher.FEEDBACK_LEFT, where).data():
                _review(tx, feedback_of(left[0]["feedback"]))
            elif taken.verdict == "wrong":
                tx.run(cypher.REVIEW, where | {"status": "accepted"}).consume()
            else:
                tx.run(cypher.DELETE_GIVEN, where).consume()
            return taken

        return self._connection.write(write)

    def feedback(self, *, after: str = "", concept: str | None = None, limit: int | None = None) -> Iterator[Feedback]:
        def page(after: str, limit: int | None) -> list[Feedback]:
            wanted = {"after": after, "concept": concept, "limit": min(limit or _PAGE, _PAGE)}
            return [feedback_of(row["feedback"]) for row in self._connection.rows(cypher.FEEDBACK, **wanted)]

        return paged(page, lambda one: one.id, after, limit)

    def put_events(self, events: Sequence[Event]) -> None:
        rows = [asdict(event) for event in events]
        self._connection.write(lambda tx: tx.run(cypher.PUT_EVENTS, rows=rows).consume())

    def events(self, profile: str, *, limit: int | None = None) -> list[Event]:
        rows = self._connection.rows(cypher.EVENTS, profile=profile, limit=_most(limit))
        return [event_of(row["event"]) for row in rows]

    def delete_events(self, *, profile: str | None = None, before: str | None = None) -> int:
        wanted: dict[str, Any] = {"profile": profile, "before": before}
        return self._connection.write(lambda tx: int(tx.run(cypher.DELETE_EVENTS, wanted).single(strict=True)["n"]))

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        self._connection.write(lambda tx: _put_proposal(tx, proposal, expect=expect))

    def proposal(self, id: int) -> Proposal | None:
        rows = self._connection.rows(cypher.PROPOSAL, id=id)
        return proposal_of(rows[0]) if rows else None

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        wanted = {"status": status, "concept": concept, "before": before, "limit": _most(limit)}
        return list(map(proposal_of, self._connection.rows(cypher.PROPOSALS, **wanted)))

    def put_key(self, key: ApiKey) -> None:
        self._connection.write(lambda tx: tx.run(cypher.PUT_KEY, id=key.id, properties=asdict(key)).consume())

    def delete_key(self, id: str) -> bool:
        return self._connection.write(lambda tx: int(tx.run(cypher.DELETE_KEY, id=id).single(strict=True)["n"]) > 0)

    def keys(self) -> list[ApiKey]:
        return [ApiKey(**row | {"scopes": tuple(row["scopes"])}) for row in self._connection.rows(cypher.KEYS)]

    def states(self, kind: str) -> dict[str, str]:
        return {row["id"]: row["value"] for row in self._connection.rows(cypher.STATES, kind=kind)}

    def put_state(self, kind: str, id: str, value: str | None, *, expect: str | None) -> bool:
        key = f"{kind} {id}"

        def write(tx: neo4j.ManagedTransaction) -> bool:
            found = tx.run(cypher.LOCK_STATE, key=key).single(strict=True)["value"]
            fits = bool(found == expect)
            kept = value if fits else found
            if kept is None:
                tx.run(cypher.DELETE_STATE, key=key).consume()
            else:
                properties = {"key": key, "kind": kind, "id": id, "value": kept}
                tx.run(cypher.PUT_STATE, key=key, properties=properties).consume()
            return fits

        return self._connection.write(write)


def _review(tx: neo4j.ManagedTransaction, feedback: Feedback) -> None:
    """Give the tag of the item, if that is stored, the status that the feedback says, or add it."""
    where = {"item": feedback.item, "concept": feedback.concept}
    status = "rejected" if feedback.verdict == "wrong" else "accepted"
    known = tx.run(cypher.REVIEW, where | {"status": status}).single(strict=True)["n"]
    if not known and feedback.verdict != "wrong":
        tag = ItemTag(feedback.concept, 1.0, "given", *(feedback.span or (None, None)))
        tx.run(cypher.ADD_TAG, where | {"properties": tag_properties(tag)}).consume()


def _put_proposal(tx: neo4j.ManagedTransaction, proposal: Proposal, *, expect: str | None) -> None:
    tx.run(cypher.LOCK_PROPOSAL, id=proposal.id).consume()
    rows = tx.run(cypher.PROPOSAL, id=proposal.id).data()
    require_etag(proposal_of(rows[0]) if rows else None, expect, id=proposal.id)
    tx.run(cypher.PUT_PROPOSAL, proposal_parameters(proposal)).consume()


def _version(tx: neo4j.ManagedTransaction | neo4j.Transaction, statement: LiteralString) -> int:
    row = tx.run(statement).single()
    if row is None or not isinstance(row["version"], int):
        raise MigrationError("the Meta node, which has the version, is missing; run `kgtag migrate` to restore it")
    return row["version"]


def _most(number: int | None) -> int:
    """The number, or one above all others."""
    return 1 << 62 if number is None else number


def _old_changes(changes: list[str] | None) -> Iterator[Change]:
    return map(load_change, changes or ())


def _bookmark(session: neo4j.Session) -> str:
    return "|".join(sorted(session.last_bookmarks().raw_values))


def _statements(text: str) -> Iterator[str]:
    """The statements of a migration, without comment lines."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("//")]
    return filter(None, (part.strip().rstrip(";") for part in "\n".join(lines).split(";\n")))
