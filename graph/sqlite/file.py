"""Connections and transactions of one SQLite file, and explanations of its errors."""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from graph.errors import MigrationError, StoreUnavailable
from graph.migrate import Applied, require_current, shipped

_CAUSES = (
    ("locked", "another process has locked it for longer than {busy:.0f} s; end that process or try again"),
    ("full", "the disk is full; free some space and try again"),
    ("readonly", "it can't be written; check the permissions of the file and of its folder"),
    ("unable to open", "it can't be opened; check that the folder exists and the permissions"),
    ("not a database", "it is not a SQLite database; choose another path or restore a backup"),
    ("malformed", "it is damaged; restore a backup (or try `sqlite3 FILE .recover`)"),
    ("disk I/O", "the disk reported an error; check its free space and its health, then try again or restore a backup"),
)


class SqliteFile:
    """A pool of connections to one file, which opens transactions and translates errors."""

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        self.path = path
        self._busy = busy_seconds
        self._idle: deque[sqlite3.Connection] = deque()
        self._lock = threading.Lock()
        self._inode: tuple[int, int] | None = None
        self._current = False
        self._closed = False
        self._watch: sqlite3.Connection | None = None
        self._opened = os.urandom(4).hex()

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def close(self) -> None:
        """Close all connections, those in use when they are returned."""
        with self._lock:
            self._closed = True
            self._drop()

    def token(self) -> str:
        """SQLite's `data_version` on a connection that never writes, which changes with every commit."""
        with self._translated():
            self._check()
            with self._lock:
                self._watch = self._watch or self._connect()
                (version,) = self._watch.execute("PRAGMA data_version").fetchone()
                return f"{self._opened}.{version}"

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that reads one moment's content."""
        with self._translated():
            self._check()
            with self._connection() as db:
                db.execute("BEGIN")
                try:
                    yield db
                finally:
                    db.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that locks out other writers from the start."""
        with self._translated():
            self._check()
            with self._connection() as db, immediate(db):
                yield db

    @contextmanager
    def unchecked(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file with any schema."""
        with self._translated(), self._connection() as db:
            yield db

    @contextmanager
    def creating(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file, which may be new."""
        with self._translated():
            if not self.path.exists():
                self._connect(mode="rwc").close()
            with self._connection() as db:
                yield db

    def _check(self) -> None:
        """Require the file and the current schema, again whenever the file was replaced."""
        if self._closed:
            raise StoreUnavailable(f"{self.url} has been closed")
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            raise MigrationError(f"there is no file {self.path}; run `kgtag migrate --store {self.url}`") from None
        except OSError as error:
            raise StoreUnavailable(f"{self.url} can't be reached: {error.strerror}") from error
        inode = (stat.st_dev, stat.st_ino)
        with self._lock:
            if inode != self._inode:
                self._drop()
                self._inode, self._current, self._opened = inode, False, os.urandom(4).hex()
        if not self._current:
            with self._connection() as db:
                require_current(shipped("sqlite"), applied(db), url=self.url)
            self._current = True

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            inode = self._inode
            db = self._idle.pop() if self._idle else None
        db = db or self._connect()
        try:
            yield db
        finally:
            with self._lock:
                keep = not self._closed and inode == self._inode
                if keep:
                    self._idle.append(db)
            if not keep:
                db.close()

    def _connect(self, *, mode: str = "rw") -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, timeout=self._busy, isolation_level=None, check_same_thread=False)
        for setting in ("foreign_keys = ON", "synchronous = FULL", "cache_size = -32768", "secure_delete = ON"):
            db.execute(f"PRAGMA {setting}")
        return db

    def truncate_log(self) -> None:
        """Empty the log beside the file, in which erased rows still stand, unless somebody reads or writes just now."""
        with self._translated(), self._connection() as db:
            db.execute("PRAGMA busy_timeout = 0")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            db.execute(f"PRAGMA busy_timeout = {round(1000 * self._busy)}")

    def _drop(self) -> None:
        """Close idle connections; the caller holds the lock."""
        while self._idle:
            self._idle.pop().close()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            message = str(error)
            if "no such table" in message or "no such column" in message:
                self._current = False
                raise MigrationError(f"{message} in {self.url}; run `kgtag migrate --store {self.url}`") from error
            advice = next((advice for sign, advice in _CAUSES if sign in message), None)
            why = f"{advice.format(busy=self._busy)} ({message})" if advice else message
            raise StoreUnavailable(f"{self.url}: {why}") from error


@contextmanager
def immediate(db: sqlite3.Connection) -> Iterator[None]:
    """Commit after the block, roll back on an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def applied(db: sqlite3.Connection) -> dict[str, Applied]:
    """The migrations that the file has."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'").fetchone():
        return {}
    rows = db.execute("SELECT name, checksum, applied_at FROM schema_migration")
    return {name: Applied(sum, at) for name, sum, at in rows}
