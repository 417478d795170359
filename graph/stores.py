"""Stores by URL. The only module that imports the adapters, that of Neo4j when it is asked for."""

from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from graph.errors import InputError
from graph.migrate import MigrationStatus
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

DEFAULT_STORE = "sqlite:///kgtag.db"
_NEO4J = ("neo4j", "bolt", "neo4j+s", "bolt+s", "neo4j+ssc", "bolt+ssc")


class MigratableStore(TaxonomyStore, Protocol):
    """A store that creates and migrates its own schema."""

    def migrate(self) -> list[str]:
        """Apply migrations that are due; their names. Several processes may call it at once."""

    def migrations(self) -> list[MigrationStatus]:
        """All migrations, applied or due, by name."""


def open_store(
    url: str = DEFAULT_STORE, *, neo4j_password: str | None = None, busy_seconds: float = 10.0
) -> MigratableStore:
    """Open the store behind a URL. Nothing is read from the environment.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `neo4j://user:password@host:7687` or `bolt://…`.
        neo4j_password: For a Neo4j URL without a password.
        busy_seconds: Seconds that a write to SQLite waits for another process.

    Returns:
        The store; a missing SQLite file is created by `migrate`.

    Raises:
        InputError: Any other URL.

    Example:
        >>> open_store("sqlite:///shop.db").url
        'sqlite:///shop.db'
    """
    scheme = url.split(":", 1)[0]
    if scheme == "sqlite":
        if not url.startswith("sqlite:///") or not url.removeprefix("sqlite:///"):
            raise InputError(f"{url!r} names no file; expected sqlite:///relative.db or sqlite:////absolute/path.db")
        return SqliteStore.open(Path(unquote(url.removeprefix("sqlite:///"))), busy_seconds=busy_seconds)
    if scheme in _NEO4J:
        from graph.neo4j.store import Neo4jStore  # half a second, which no SQLite store should take

        parts, number = _server_address(url, scheme)
        port = f":{number}" if number else ""
        return Neo4jStore.open(
            f"{scheme}://{parts.hostname}{port}",
            user=unquote(parts.username or "neo4j"),
            password=unquote(parts.password) if parts.password else neo4j_password or "",
            database=parts.path.strip("/") or "neo4j",
        )
    raise InputError(
        f"unsupported kind of store {scheme!r}; expected sqlite:///file.db, neo4j://user:password@host:7687 or bolt://…"
    )


def load_taxonomy(store: TaxonomyStore) -> Taxonomy:
    """The present snapshot of a store."""
    return Taxonomy.of(store.read())


def _server_address(url: str, scheme: str) -> tuple[SplitResult, int | None]:
    """The URL's parts and port. Errors do not repeat the URL: a password may be anywhere in it."""
    expected = f"expected {scheme}://user:password@host:7687"
    try:
        parts = urlsplit(url)
        number = parts.port
    except ValueError:
        raise InputError(
            f"{scheme}://… has no readable host and port; {expected}, with /, @, : and # in a password as %2F, %40, "
            "%3A and %23, or the password in KGTAG_NEO4J_PASSWORD"
        ) from None
    if not parts.hostname:
        raise InputError(f"{scheme}://… names no host; {expected}")
    return parts, number
