"""A store in one SQLite file in WAL mode."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from graph.changes import Net, net
from graph.columns.assemble import TaxonomyData
from graph.errors import ConflictError, UnknownConcept
from graph.history.entries import pack, unchecked
from graph.migrate import MigrationStatus, due, shipped, statuses
from graph.model import (
    SYMMETRIC,
    Accepting,
    ApiKey,
    ChangeSet,
    Concept,
    HistoryEntry,
    Proposal,
    ProposalStatus,
    Record,
    Release,
    Retag,
    TaggedItem,
    Version,
)
from graph.model.changes import now
from graph.sqlite import history as sqlite_history
from graph.sqlite import proposals as sqlite_proposals
from graph.sqlite.file import SqliteFile, applied, immediate
from graph.sqlite.read import read_columns
from graph.sqlite.retag import retag
from graph.sqlite.rows import COLUMNS, item_of, key_of, row_of, tag_row

_MIGRATIONS_TABLE = """CREATE TABLE IF NOT EXISTS schema_migration (
    name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at TEXT NOT NULL
) STRICT"""
_PAGE = 500
_PUT_CONCEPT = f"""INSERT INTO concept ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}"""
_PUT_RELATION = """INSERT INTO relation (type, source, target, is_primary) VALUES (?, ?, ?, ?)
    ON CONFLICT (type, source, target) DO UPDATE SET is_primary = excluded.is_primary"""
_KNOWN = "SELECT id FROM concept WHERE id IN (SELECT value FROM json_each(?))"
_ITEM_TAGS = """SELECT item, concept, probability, method, span_start, span_end, surface, status, retagged_from
    FROM item_tag WHERE item > ? AND item <= ? ORDER BY item, position"""
_TAGS_OF = """SELECT item, concept, probability, method, span_start, span_end, surface, status, retagged_from
    FROM item_tag WHERE item = ? ORDER BY position"""
_ITEMS_OF = "SELECT DISTINCT item FROM item_tag WHERE concept = ? AND status = 'accepted' ORDER BY item LIMIT ?"


class SqliteStore:
    """A TaxonomyStore in one file, with a pool of connections for any thread."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._writing = threading.Lock()

    @classmethod
    def open(cls, path: str | Path, *, busy_seconds: float = 10.0) -> SqliteStore:
        """The store in the file, which `migrate` creates; nothing is read or written yet.

        `busy_seconds` is the time to wait for another process's lock.
        """
        return cls(SqliteFile(Path(path), busy_seconds=busy_seconds))

    @property
    def url(self) -> str:
        return self._file.url

    def close(self) -> None:
        self._file.close()

    def migrate(self) -> list[str]:
        """Apply migrations that are due, each in a transaction of its own; their names."""
        known = shipped("sqlite")
        names: list[str] = []
        with self._writing, self._file.creating() as db:
            db.execute("PRAGMA journal_mode = WAL")
            while True:
                with immediate(db):
                    db.execute(_MIGRATIONS_TABLE)
                    waiting = due(known, applied(db), url=self.url)
                    if not waiting:
                        break
                    for statement in _statements(waiting[0].text):
                        db.execute(statement)
                    row = (waiting[0].name, waiting[0].checksum, now())
                    db.execute("INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?, ?, ?)", row)
                names.append(waiting[0].name)
        return names

    def migrations(self) -> list[MigrationStatus]:
        known = shipped("sqlite")
        if not self._file.path.exists():
            return statuses(known, {})
        with self._file.unchecked() as db:
            return statuses(known, applied(db))

    durable_tokens = False

    def token(self) -> str:
        return self._file.token()

    def read(self) -> TaxonomyData:
        with self._file.reading() as db:
            version = int(db.execute(sqlite_history.VERSION).fetchone()[0])
            columns = read_columns(db)
        return TaxonomyData(version, columns)

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
        with self._writing, self._file.writing() as db:
            version = int(db.execute(sqlite_history.VERSION).fetchone()[0])
            if expect_version is not None and version != expect_version:
                raise ConflictError(f"the taxonomy is at version {version}, not at {expect_version}; read it again")
            _write(db, net(changes), version + 1)
            sqlite_history.add_entry(db, version + 1, changes, record=record, payload=payload)
            if accepting is not None:
                sqlite_proposals.put(db, accepting.at(version + 1), expect=accepting.expect)
        return version + 1

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        while limit is None or limit > 0:
            with self._file.reading() as db:
                page = sqlite_history.entries(db, after=after, limit=limit)
            if not page:
                return
            yield from page
            after = page[-1].version
            limit = None if limit is None else limit - len(page)

    def versions(self, *, before: int | None = None, limit: int | None = None) -> list[Version]:
        with self._file.reading() as db:
            return sqlite_history.versions(db, before=before, limit=limit)

    def put_release(self, release: Release) -> None:
        with self._writing, self._file.writing() as db:
            sqlite_history.add_release(db, release)

    def releases(self) -> list[Release]:
        with self._file.reading() as db:
            return sqlite_history.releases(db)

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        by_id = {item.id: item for item in items}
        with self._writing, self._file.writing() as db:
            _require(db, {tag.concept for item in by_id.values() for tag in item.tags})
            db.executemany("DELETE FROM item WHERE id = ?", [(id,) for id in by_id])
            rows = [(i.id, i.title, i.lang, i.model, i.revision) for i in by_id.values()]
            db.executemany("INSERT INTO item (id, title, lang, model, revision) VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany(
                "INSERT INTO item_tag (item, position, concept, probability, method, span_start, span_end, surface,"
                " status, retagged_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(i.id, at, *tag_row(tag)) for i in by_id.values() for at, tag in enumerate(i.tags)],
            )

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        query = "SELECT id, title, lang, model, revision FROM item WHERE id > ? ORDER BY id LIMIT ?"
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(limit, _PAGE)
            with self._file.reading() as db:
                rows = db.execute(query, (after, size)).fetchall()
                if not rows:
                    return
                tags: dict[str, list[tuple[object, ...]]] = {}
                for item, *tag in db.execute(_ITEM_TAGS, (after, rows[-1][0])):
                    tags.setdefault(item, []).append(tuple(tag))
            yield from (item_of(row, tags.get(row[0], [])) for row in rows)
            after = rows[-1][0]
            limit = None if limit is None else limit - len(rows)

    def item(self, id: str) -> TaggedItem | None:
        with self._file.reading() as db:
            row = db.execute("SELECT id, title, lang, model, revision FROM item WHERE id = ?", (id,)).fetchone()
            tags = db.execute(_TAGS_OF, (id,)).fetchall()
        return None if row is None else item_of(row, [tuple(tag[1:]) for tag in tags])

    def items_of(self, concept: str, *, limit: int | None = None) -> list[str]:
        with self._file.reading() as db:
            return [id for (id,) in db.execute(_ITEMS_OF, (concept, -1 if limit is None else limit))]

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        with self._writing, self._file.writing() as db:
            sqlite_proposals.put(db, proposal, expect=expect)

    def proposal(self, id: int) -> Proposal | None:
        with self._file.reading() as db:
            return sqlite_proposals.one(db, id)

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        with self._file.reading() as db:
            return sqlite_proposals.many(db, status, concept, before, limit)

    def put_key(self, key: ApiKey) -> None:
        row = (key.id, key.name, key.sha256, " ".join(key.scopes), key.created)
        with self._writing, self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO api_key (id, name, sha256, scopes, created) VALUES (?, ?, ?, ?, ?)", row)

    def delete_key(self, id: str) -> bool:
        with self._writing, self._file.writing() as db:
            return db.execute("DELETE FROM api_key WHERE id = ?", (id,)).rowcount > 0

    def keys(self) -> list[ApiKey]:
        with self._file.reading() as db:
            return [
                key_of(row) for row in db.execute("SELECT id, name, sha256, scopes, created FROM api_key ORDER BY id")
            ]


def _write(db: sqlite3.Connection, work: Net, version: int) -> None:
    _retag(db, work.retag_early, work.put_early, version)
    db.executemany("DELETE FROM concept WHERE id = ?", [(id,) for id in work.delete])
    db.executemany(_PUT_CONCEPT, map(row_of, work.put))
    _retag(db, work.retag, (), version)
    _require(db, work.ends() - {concept.id for concept in work.put})
    delete = [edge.key for edge in work.unrelate]
    reversed = (edge for edge in (*work.unrelate, *work.relate) if edge.type in SYMMETRIC)
    delete += [(edge.type, edge.target, edge.source) for edge in reversed]
    db.executemany("DELETE FROM relation WHERE type = ? AND source = ? AND target = ?", delete)
    db.executemany(_PUT_RELATION, [(*edge.key, int(edge.primary)) for edge in work.relate])


def _retag(db: sqlite3.Connection, wanted: Sequence[Retag], put: Sequence[Concept], version: int) -> None:
    db.executemany(_PUT_CONCEPT, map(row_of, put))
    for one in wanted:
        _require(db, {one.source, one.target})
        retag(db, one, version=version)


def _require(db: sqlite3.Connection, ids: set[str]) -> None:
    known = {id for (id,) in db.execute(_KNOWN, (orjson.dumps(sorted(ids)).decode(),))}
    for id in sorted(ids - known):
        raise UnknownConcept(id)


def _statements(text: str) -> Iterator[str]:
    """The statements of a script: `executescript` would commit the transaction around it."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
