"""Sessions and transactions of one Neo4j database, and explanations of the driver's errors."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar
from urllib.parse import unquote, urlsplit

import neo4j
from neo4j import exceptions

from graph.errors import ConflictError, InputError, KgtagError, MigrationError, StoreUnavailable
from graph.migrate import Applied, require_current, shipped
from graph.neo4j import cypher
from graph.neo4j.rows import Row

_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

OLDEST = (5, 26)
"""The long-term release of version 5. Releases named by year (2025.01 …) are later."""
T = TypeVar("T")


class Connection:
    """A database and its driver, whose connection pool serves any thread. Errors become KgtagError."""

    def __init__(self, url: str, *, user: str | None, password: str | None, database: str) -> None:
        """`user` and `password` take precedence over those in the URL. Nothing is sent yet."""
        parts = urlsplit(url)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise InputError(f"{self.url!r} is not a Neo4j URL; like neo4j://user@host:7687")
        self.user = user or unquote(parts.username or "") or "neo4j"
        self.database = database
        self._current = False
        password = password if password is not None else unquote(parts.password or "")
        try:
            self._driver = neo4j.GraphDatabase.driver(
                self.url,
                auth=neo4j.basic_auth(self.user, password) if password else None,
                connection_timeout=5.0,
                connection_acquisition_timeout=10.0,
                max_transaction_retry_time=3.0,
                notifications_min_severity="OFF",
                user_agent="kgtag",
            )
        except (exceptions.ConfigurationError, ValueError) as error:
            raise InputError(f"{self.url!r} can't be used: {error}") from error

    def close(self) -> None:
        self._driver.close()

    def session(self) -> neo4j.Session:
        """A session for any transaction, without translation of errors."""
        return self._driver.session(database=self.database)

    def run(self, statement: LiteralString) -> None:
        """Run a statement in a transaction of its own."""
        with self.session() as session:
            session.execute_write(lambda tx: tx.run(statement).consume())

    @contextmanager
    def reading(self, *, after: str = "", records: int = 1000) -> Iterator[neo4j.Session]:
        """A session that reads nothing older than the token `after`, fetching so many records at a time."""
        with self.translated():
            self._check()
            with self._driver.session(
                database=self.database,
                default_access_mode=neo4j.READ_ACCESS,
                bookmarks=neo4j.Bookmarks.from_raw_values(after.split("|") if after else ()),
                fetch_size=records,
            ) as session:
                yield session

    def rows(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        """The records of a statement that reads."""

        def read(tx: neo4j.ManagedTransaction) -> list[Row]:
            result = tx.run(statement, parameters)
            names = result.keys()
            # Not `data()`, which copies bytes one by one.
            return [dict(zip(names, row, strict=True)) for row in result]

        with self.reading() as session:
            return session.execute_read(read)

    def write(self, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        """Run work that writes in one transaction."""
        with self.translated():
            self._check()
            with self.session() as session:
                return session.execute_write(work)

    def require_supported(self) -> None:
        """Raise StoreUnavailable for a server that is too old."""
        with self.session() as session:
            agent = session.execute_read(lambda tx: tx.run(cypher.PING).consume().server.agent)
            require_supported(agent, self.url)

    def _check(self) -> None:
        """Require the current schema, once; a store wiped later shows by its missing Meta node."""
        if not self._current:
            self.require_supported()
            with self.session() as session:
                require_current(shipped("neo4j"), session.execute_read(applied), url=self.url)
            self._current = True

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise errors of the driver as KgtagError."""
        try:
            yield
        except MigrationError:
            self._current = False
            raise
        except (exceptions.DriverError, exceptions.Neo4jError) as error:
            raise self.explained(error) from error

    def explained(self, error: exceptions.DriverError | exceptions.Neo4jError) -> KgtagError:
        """The error for an error of the driver, with a way out."""
        where = f"Neo4j at {self.url}"
        if isinstance(error, exceptions.AuthError):
            return StoreUnavailable(
                f"{where} refused user {self.user!r}: wrong user or password; give it in KGTAG_NEO4J_PASSWORD or in "
                "the store URL"
            )
        if isinstance(error, exceptions.IncompleteCommit):
            return StoreUnavailable(
                f"the connection to {where} broke during a commit: the change was written as a whole or not at all; "
                "check with `kgtag versions` before you repeat it"
            )
        if isinstance(error, (exceptions.ServiceUnavailable, exceptions.SessionExpired)):
            why = next(iter(str(error).splitlines()), type(error).__name__)
            return StoreUnavailable(
                f"no Neo4j answers at {self.url} ({why}); start one (`kgtag neo4j up`) or check host and port"
            )
        code = getattr(error, "code", None) or type(error).__name__
        message = " ".join((getattr(error, "message", None) or str(error)).split())
        if code.endswith("DatabaseNotFound"):
            return StoreUnavailable(f"{where} has no database {self.database!r}")
        if code.endswith("ConstraintCreationFailed"):
            return MigrationError(
                f"{self.url} has duplicate ids, so they can't be made unique; merge them first: {message}"
            )
        if code.endswith("MemoryPoolOutOfMemoryError"):
            return StoreUnavailable(
                f"{where} has too little memory for so large a change, and wrote nothing of it: raise "
                f"dbms.memory.transaction.total.max and the heap ({message})"
            )
        if code.endswith("ConstraintValidationFailed"):
            return ConflictError(f"an external edit wrote the same at {self.url} just now; try again ({message})")
        if isinstance(error, exceptions.ClientError) and code.endswith("Forbidden"):
            return StoreUnavailable(f"user {self.user!r} may not do that at {self.url}: {message}")
        return StoreUnavailable(f"{where}: {message} ({code})")


def applied(tx: neo4j.ManagedTransaction | neo4j.Transaction) -> dict[str, Applied]:
    """The migrations that the database has."""
    return {row["name"]: Applied(row["checksum"], row["at"]) for row in tx.run(cypher.APPLIED)}


def require_supported(agent: str, url: str) -> None:
    """Raise StoreUnavailable for an old agent like "Neo4j/4.4.12"; one without a version is accepted."""
    found = re.match(r"Neo4j/(\d+)\.(\d+)", agent)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StoreUnavailable(
            f"{agent.replace('/', ' ')} at {url} is too old; kgtag needs Neo4j {wanted} or later: upgrade the server, "
            "or try one of your own with `kgtag neo4j up`"
        )
