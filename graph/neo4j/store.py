"""The system of record in Neo4j 5.26 and later: readable, and editable by hand in Neo4j Browser.

The only module that imports the driver. Its statements are in `graph.neo4j.cypher`, its rows in `graph.neo4j.rows`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar
from urllib.parse import unquote, urlsplit

import neo4j
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from graph.changes.net import net
from graph.columns.columns import Columns
from graph.columns.taxonomy_data import TaxonomyData
from graph.errors import ConflictError, InputError, MigrationError, ReleaseTaken, StoreUnavailable
from graph.history.effects import unchecked
from graph.history.payload import pack, page_end
from graph.migrate import Applied, Migration, MigrationStatus, due, require_current, shipped, statuses
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
from graph.model.proposals import require_etag
from graph.model.serial import now
from graph.neo4j import cypher
from graph.neo4j import history as neo4j_history
from graph.neo4j import proposals as neo4j_proposals
from graph.neo4j.read import Run, concept_part, edge_part, join, read_columns, text_part, unknown_part
from graph.neo4j.rows import (
    Row,
    item_of,
    item_row,
    key_of,
)
from graph.neo4j.version import require_supported
from graph.neo4j.write import batches, require, write

_ITEMS_PER_PAGE = 500
_NO_LIMIT = 1 << 62
_READ_ATTEMPTS = 3
_PAUSE = 0.1
"""Seconds between two looks at indexes that are being filled."""
_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

T = TypeVar("T")


class Neo4jStore:
    """A TaxonomyStore in one database of a Neo4j server. The driver's connection pool serves any thread."""

    def __init__(self, driver: neo4j.Driver, url: str, *, user: str, database: str) -> None:
        self._driver = driver
        self._url = url
        self._user = user
        self._database = database
        self._current = False

    @classmethod
    def open(
        cls, url: str, *, user: str | None = None, password: str | None = None, database: str = "neo4j"
    ) -> Neo4jStore:
        """The store at a `neo4j://` or `bolt://` URL; nothing is read or written yet.

        `user` and `password` go before those in the URL. Without a password none is sent.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise InputError(f"{_redacted(url)!r} is no Neo4j URL; like neo4j://user@host:7687")
        user = user or unquote(parts.username or "") or "neo4j"
        password = password if password is not None else unquote(parts.password or "")
        try:
            driver = neo4j.GraphDatabase.driver(
                _redacted(url),
                auth=neo4j.basic_auth(user, password) if password else None,
                connection_timeout=5.0,
                connection_acquisition_timeout=10.0,
                max_transaction_retry_time=3.0,
                notifications_min_severity="OFF",
                user_agent="kgtag",
            )
        except (ConfigurationError, ValueError) as error:
            raise InputError(f"{_redacted(url)!r} can't be used: {error}") from error
        return cls(driver, _redacted(url), user=user, database=database)

    @property
    def url(self) -> str:
        return self._url

    def close(self) -> None:
        self._driver.close()

    # -- schema -----------------------------------------------------------------------------------

    def migrate(self) -> list[str]:
        """Apply what is due; the names. Safe to race: a lock node, held in one transaction per migration.

        Neo4j refuses schema commands and data writes in one transaction, so a migration's statements run each in its
        own, and its record is committed last. Every statement is idempotent (`IF NOT EXISTS`, `MERGE`): a migration
        cut off half-way simply runs again.
        """
        fresh: list[str] = []
        known = shipped("neo4j")
        with self._translated():
            self._require_supported()
            self._run(cypher.MIGRATION_LOCK_CONSTRAINT)
            while name := self._migrate_one(known):
                fresh.append(name)
            self._run(cypher.RESTORE_META)
            if fresh:
                self._await_indexes()
        return fresh

    def _await_indexes(self) -> None:
        """However long it takes: the labels of a million concepts take minutes."""
        while waiting := self._rows(cypher.INDEXES_NOT_READY):
            failed = [row["name"] for row in waiting if row["state"] == "FAILED"]
            if failed:
                raise MigrationError(f"Neo4j at {self._url} could not fill the index {failed[0]!r}; its log says why")
            time.sleep(_PAUSE)

    def _migrate_one(self, known: tuple[Migration, ...]) -> str | None:
        with self._session() as session, session.begin_transaction() as tx:
            tx.run(cypher.LOCK_MIGRATIONS).consume()
            waiting = due(known, _applied(tx), url=self._url)
            if not waiting:
                return None
            for statement in _statements(waiting[0].text):
                self._run(statement)
            tx.run(cypher.RECORD_MIGRATION, name=waiting[0].name, checksum=waiting[0].checksum, at=now()).consume()
            tx.commit()
            return waiting[0].name

    def migrations(self) -> list[MigrationStatus]:
        """Every migration, applied or due, by name."""
        with self._translated(), self._session() as session:
            return statuses(shipped("neo4j"), session.execute_read(_applied))

    # -- taxonomy ---------------------------------------------------------------------------------

    durable_tokens = True

    def token(self) -> str:
        """The bookmark of an empty read transaction: it names the last commit, whoever made it."""
        with self._reading() as session:
            session.execute_read(lambda tx: tx.run(cypher.PING).consume())
            return _bookmark(session)

    def read(self) -> TaxonomyData:
        """Neo4j isolates no better than read committed, so a read that a commit fell into is done again.

        Where commits never rest, a last read keeps kgtag's own writers out meanwhile: a version shows before all that
        it brought does, so that equal versions before and after prove nothing.
        """
        for _ in range(_READ_ATTEMPTS):
            before = self.token()
            version = self._version_now()
            columns, undisturbed = self._columns(before)
            if undisturbed:
                return TaxonomyData(version, columns)
        return self._read_locked()

    def _read_locked(self) -> TaxonomyData:
        """Rolled back, so that the token stays."""
        with self._translated(), self._session() as session, session.begin_transaction() as tx:
            version = _version(tx, cypher.LOCK)
            columns = read_columns(tx.run)
            tx.rollback()
        return TaxonomyData(version, columns)

    def _columns(self, token: str) -> tuple[Columns, bool]:
        """The taxonomy, and whether it is as of the token. Two sessions at a time: the server answers each of them with
        one processor."""

        def fetch(part: Callable[[Run], T]) -> tuple[T, bool]:
            with self._reading(after=token, records=2) as session:
                found = session.execute_read(lambda tx: part(tx.run))
                return found, _bookmark(session) == token

        with ThreadPoolExecutor(2) as pool:
            texts = pool.submit(fetch, text_part)
            edges = pool.submit(fetch, edge_part)
            concepts = pool.submit(fetch, concept_part)
            unknown = pool.submit(fetch, unknown_part)
            parts = concepts.result(), texts.result(), edges.result(), unknown.result()
        undisturbed = all(same for _, same in parts)
        return join(parts[0][0], parts[1][0], parts[2][0], parts[3][0]), undisturbed

    def _version_now(self) -> int:
        with self._reading() as session:
            return session.execute_read(lambda tx: _version(tx, cypher.VERSION))

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
            if expect_version is not None and version != expect_version:
                raise ConflictError(f"the taxonomy is at version {version}, not at {expect_version}; read it again")
            write(tx, work, version + 1)
            entry = neo4j_history.entry_row(version + 1, changes, record=record, payload=payload)
            tx.run(neo4j_history.RECORD_CHANGES, version=version + 1, properties=entry).consume()
            if accepting is not None:
                _put_proposal(tx, accepting.at(version + 1), expect=accepting.expect)
            return version + 1

        return self._writing(done)

    # -- history ----------------------------------------------------------------------------------

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        while limit is None or limit > 0:
            size = neo4j_history.SIZES_AT_ONCE if limit is None else min(limit, neo4j_history.SIZES_AT_ONCE)
            sizes = self._rows(neo4j_history.SIZES, after=after, limit=size)
            end = page_end((row["version"], row["size"]) for row in sizes)
            if end is None:
                return
            found = [neo4j_history.entry_of(row) for row in self._rows(neo4j_history.ENTRIES, after=after, end=end)]
            yield from found
            after = end
            limit = None if limit is None else limit - len(found)

    def versions(self, *, before: int | None = None, limit: int | None = None) -> list[Version]:
        bounds = {"before": _NO_LIMIT if before is None else before, "limit": _NO_LIMIT if limit is None else limit}
        return [neo4j_history.version_of(row) for row in self._rows(neo4j_history.VERSIONS, **bounds)]

    def put_release(self, release: Release) -> None:
        def write(tx: neo4j.ManagedTransaction) -> None:
            _version(tx, cypher.LOCK)
            row = tx.run(neo4j_history.RELEASE_TAKEN, name=release.name, version=release.version).single()
            if row is not None:
                raise ReleaseTaken(row["name"], row["version"])
            tx.run(neo4j_history.PUT_RELEASE, properties=neo4j_history.release_row(release)).consume()

        self._writing(write)

    def releases(self) -> list[Release]:
        return [neo4j_history.release_of(row) for row in self._rows(neo4j_history.RELEASES)]

    # -- items ------------------------------------------------------------------------------------

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        rows = [item_row(item) for item in {item.id: item for item in items}.values()]
        concepts = {tag["concept"] for row in rows for tag in row["tags"]}

        def write(tx: neo4j.ManagedTransaction) -> None:
            require(tx, concepts)
            for batch in batches(rows, 1000):
                tx.run(cypher.PUT_ITEMS, rows=batch).consume()
                tx.run(cypher.TAG_ITEMS, rows=batch).consume()

        self._writing(write)

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        while limit is None or limit > 0:
            size = _ITEMS_PER_PAGE if limit is None else min(limit, _ITEMS_PER_PAGE)
            found = [item_of(row) for row in self._rows(cypher.ITEMS, after=after, limit=size)]
            if not found:
                return
            yield from found
            after = found[-1].id
            limit = None if limit is None else limit - len(found)

    def item(self, id: str) -> TaggedItem | None:
        rows = self._rows(cypher.ITEM, id=id)
        return item_of(rows[0]) if rows else None

    def items_of(self, concept: str, *, limit: int | None = None) -> list[str]:
        rows = self._rows(cypher.ITEMS_OF, concept=concept, limit=_NO_LIMIT if limit is None else limit)
        return [row["id"] for row in rows]

    # -- proposals --------------------------------------------------------------------------------

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        self._writing(lambda tx: _put_proposal(tx, proposal, expect=expect))

    def proposal(self, id: int) -> Proposal | None:
        rows = self._rows(neo4j_proposals.ONE, id=id)
        return neo4j_proposals.proposal_of(rows[0]) if rows else None

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        most = _NO_LIMIT if limit is None else limit
        rows = self._rows(neo4j_proposals.MANY, status=status, concept=concept, before=before, limit=most)
        return list(map(neo4j_proposals.proposal_of, rows))

    # -- keys -------------------------------------------------------------------------------------

    def put_key(self, key: ApiKey) -> None:
        row = {"id": key.id, "name": key.name, "sha256": key.sha256, "scopes": list(key.scopes), "created": key.created}
        self._writing(lambda tx: tx.run(cypher.PUT_KEY, id=key.id, properties=row).consume())

    def delete_key(self, id: str) -> bool:
        return self._writing(lambda tx: int(tx.run(cypher.DELETE_KEY, id=id).single(strict=True)["n"]) > 0)

    def keys(self) -> list[ApiKey]:
        return [key_of(row) for row in self._rows(cypher.KEYS)]

    # -- sessions ---------------------------------------------------------------------------------

    def _session(self) -> neo4j.Session:
        return self._driver.session(database=self._database)

    def _run(self, statement: LiteralString) -> None:
        with self._session() as session:
            session.execute_write(lambda tx: tx.run(statement).consume())

    @contextmanager
    def _reading(self, *, after: str = "", records: int = 1000) -> Iterator[neo4j.Session]:
        """A session that reads nothing older than the token `after`, and fetches so many records at a time."""
        with self._translated():
            self._check()
            with self._driver.session(
                database=self._database,
                default_access_mode=neo4j.READ_ACCESS,
                bookmarks=neo4j.Bookmarks.from_raw_values(after.split("|") if after else ()),
                fetch_size=records,
            ) as session:
                yield session

    def _rows(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        def read(tx: neo4j.ManagedTransaction) -> list[Row]:
            result = tx.run(statement, parameters)
            names = result.keys()
            # Not `data()`, which goes through bytes one by one.
            return [dict(zip(names, row, strict=True)) for row in result]

        with self._reading() as session:
            return session.execute_read(read)

    def _writing(self, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        with self._translated():
            self._check()
            with self._session() as session:
                return session.execute_write(work)

    def _check(self) -> None:
        """Looked up until the schema is ours; a record wiped since then shows by its missing Meta node."""
        if not self._current:
            self._require_supported()
            with self._session() as session:
                require_current(shipped("neo4j"), session.execute_read(_applied), url=self._url)
            self._current = True

    def _require_supported(self) -> None:
        with self._session() as session:
            require_supported(session.execute_read(_agent), self._url)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except MigrationError:
            self._current = False
            raise
        except (DriverError, Neo4jError) as error:
            raise self._explained(error) from error

    def _explained(self, error: DriverError | Neo4jError) -> Exception:
        if isinstance(error, AuthError):
            return StoreUnavailable(
                f"Neo4j at {self._url} refused user {self._user!r}: wrong user or password; "
                "give it in KGTAG_NEO4J_PASSWORD or in the store URL"
            )
        if isinstance(error, IncompleteCommit):
            return StoreUnavailable(
                f"the connection to Neo4j at {self._url} broke during a commit: the change is there whole or not at "
                "all; look (`kgtag versions`) before you repeat it"
            )
        if isinstance(error, (ServiceUnavailable, SessionExpired)):
            return StoreUnavailable(
                f"no Neo4j answers at {self._url} ({_first_line(error)}); "
                "start one (`kgtag neo4j up`) or check host and port"
            )
        code = getattr(error, "code", None) or type(error).__name__
        said = " ".join((getattr(error, "message", None) or str(error)).split())
        if code.endswith("DatabaseNotFound"):
            return StoreUnavailable(f"Neo4j at {self._url} has no database {self._database!r}")
        if code.endswith("ConstraintCreationFailed"):
            return MigrationError(
                f"{self._url} holds ids twice, so they can't be made unique; merge them first: {said}"
            )
        if code.endswith("MemoryPoolOutOfMemoryError"):
            return StoreUnavailable(
                f"Neo4j at {self._url} has too little memory for so large a change, and wrote nothing of it: raise "
                f"dbms.memory.transaction.total.max and the heap ({said})"
            )
        if code.endswith("ConstraintValidationFailed"):
            return ConflictError(f"other hands wrote the same at {self._url} just now; try again ({said})")
        if isinstance(error, ClientError) and code.endswith("Forbidden"):
            return StoreUnavailable(f"user {self._user!r} may not do that at {self._url}: {said}")
        return StoreUnavailable(f"Neo4j at {self._url}: {said} ({code})")


def _put_proposal(tx: neo4j.ManagedTransaction, proposal: Proposal, *, expect: str | None) -> None:
    tx.run(neo4j_proposals.LOCK, id=proposal.id).consume()
    rows = tx.run(neo4j_proposals.ONE, id=proposal.id).data()
    require_etag(neo4j_proposals.proposal_of(rows[0]) if rows else None, expect, id=proposal.id)
    tx.run(neo4j_proposals.PUT, neo4j_proposals.parameters(proposal)).consume()


def _version(tx: neo4j.ManagedTransaction | neo4j.Transaction, statement: LiteralString) -> int:
    row = tx.run(statement).single()
    if row is None or not isinstance(row["version"], int):
        raise MigrationError("the Meta node, which counts the versions, is gone; run `kgtag migrate` to put it back")
    return row["version"]


def _applied(tx: neo4j.ManagedTransaction | neo4j.Transaction) -> dict[str, Applied]:
    return {row["name"]: Applied(row["checksum"], row["at"]) for row in tx.run(cypher.APPLIED)}


def _agent(tx: neo4j.ManagedTransaction) -> str:
    return tx.run(cypher.PING).consume().server.agent


def _bookmark(session: neo4j.Session) -> str:
    return "|".join(sorted(session.last_bookmarks().raw_values))


def _statements(text: str) -> Iterator[str]:
    """A migration's statements, without its comment lines."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("//")]
    for statement in "\n".join(lines).split(";\n"):
        if statement.strip().rstrip(";"):
            yield statement.strip().rstrip(";")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _redacted(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
