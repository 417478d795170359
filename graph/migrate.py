"""Migrations of both stores: which exist, which are due, when to refuse.

A migration is a file `V0001__name.sql` or `.cypher` in the `migrations` package. They go forward only. Its checksum is
stored when it is applied, to detect later edits of the file.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from graph.errors import MigrationError

Engine = Literal["sqlite", "neo4j"]


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration file: its name without the suffix, and its text."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text with Unix line ends, in hex, so that a checkout on Windows is equal."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A migration and the time it was applied (UTC, ISO 8601), None while it is due."""

    name: str
    checksum: str
    applied_at: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """A store's note of an applied migration."""

    checksum: str
    at: str


def shipped(engine: Engine) -> tuple[Migration, ...]:
    """The migrations of this version of kgtag, oldest first."""
    suffix = {"sqlite": ".sql", "neo4j": ".cypher"}[engine]
    folder = resources.files("migrations").joinpath(engine)
    files = sorted((file for file in folder.iterdir() if file.name.endswith(suffix)), key=lambda file: file.name)
    return tuple(Migration(file.name.removesuffix(suffix), file.read_text(encoding="utf-8")) for file in files)


def due(migrations: Sequence[Migration], applied: Mapping[str, Applied], *, url: str) -> list[Migration]:
    """Migrations to apply, oldest first. Raises MigrationError for applied ones that are unknown or were edited."""
    known = {migration.name: migration for migration in migrations}
    for name in sorted(applied):
        if name not in known:
            raise MigrationError(
                f"the schema of {url} is newer than this kgtag: it has {name}, the newest known here is "
                f"{max(known, default='none')}; install the kgtag that wrote it"
            )
        if applied[name].checksum != known[name].checksum:
            raise MigrationError(
                f"migration {name} was edited after it was applied to {url}: "
                f"applied {applied[name].checksum}, now {known[name].checksum}; "
                "put the file back as it was and add a new migration"
            )
    return [migration for migration in migrations if migration.name not in applied]


def require_current(migrations: Sequence[Migration], applied: Mapping[str, Applied], *, url: str) -> None:
    """Raise MigrationError, with a way out, unless every migration has been applied."""
    waiting = due(migrations, applied, url=url)
    if waiting and not applied:
        raise MigrationError(f"there is no kgtag schema in {url}; run `kgtag migrate --store {url}`")
    if waiting:
        names = ", ".join(migration.name for migration in waiting)
        raise MigrationError(f"the schema of {url} lacks {names}; run `kgtag migrate --store {url}`")


def statuses(migrations: Sequence[Migration], applied: Mapping[str, Applied]) -> list[MigrationStatus]:
    """Every migration of this version and every applied one, by name."""
    rows = {m.name: MigrationStatus(m.name, m.checksum, None) for m in migrations}
    rows |= {name: MigrationStatus(name, done.checksum, done.at) for name, done in applied.items()}
    return [rows[name] for name in sorted(rows)]
