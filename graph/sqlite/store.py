"""A store in one SQLite file in WAL mode."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from graph.changes import Net, net
from graph.columns.assemble import TaxonomyData
from graph.editing.retag import by_item, changed
from graph.errors import ReleaseTaken, UnknownConcept
from graph.history.entries import LISTED, entry_of, pack, page_end, unchecked, version_of
from graph.migrate import MigrationStatus, due, shipped, statuses
from graph.model import SYMMETRIC, Accepting, ApiKey, Event, Feedback, ItemChange, Proposal, ProposalStatus, TaggedItem
from graph.model.changes import Change, ChangeSet, HistoryEntry, Record, Release, Retag, Version, change_from_json, now
from graph.model.proposals import from_json, require_etag, to_json
from graph.model.times import utc_text
from graph.sqlite import service
from graph.sqlite.file import SqliteFile, applied, immediate
from graph.sqlite.rows import (
    COLUMNS,
    ITEM_COLUMNS,
    feedback_of,
    feedback_row,
    item_of,
    item_row,
    read_columns,
    row_of,
    steps_json,
    tag_of,
    tag_row,
)
from graph.store import paged, require_reviewer, require_version

_MIGRATIONS_TABLE = """CREATE TABLE IF NOT EXISTS schema_migration (
    name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at TEXT NOT NULL
) STRICT"""
_PAGE = 500
_NO_LIMIT = (1 << 63) - 1
_PUT_CONCEPT = f"""INSERT INTO concept ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}"""
_PUT_RELATION = """INSERT INTO relation (type, source, target, is_primary) VALUES (?, ?, ?, ?)
    ON CONFLICT (type, source, target) DO UPDATE SET is_primary = excluded.is_primary"""
_KNOWN = "SELECT id FROM concept WHERE id IN (SELECT value FROM json_each(?))"

_VERSION = "SELECT COALESCE(MAX(version), 0) FROM change_set"
_RECORD_CHANGES = """INSERT INTO change_set
    (version, at, author, reason, changes, payload, size, origin, revision, summary, concepts)
    VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?)"""
_SIZES = """SELECT version, COALESCE(size, json_array_length(changes)) FROM change_set
    WHERE version > ? ORDER BY version LIMIT ?"""
_ENTRIES = """SELECT version, at, author, reason, origin, revision, payload, changes FROM change_set
    WHERE version > ? AND version <= ? ORDER BY version"""
_VERSIONS = """SELECT version, at, author, reason, origin, revision, summary, concepts, size, changes FROM change_set
    WHERE version < :before AND (:concept IS NULL OR size IS NULL OR json_array_length(concepts) >= :listed
        OR EXISTS (SELECT 1 FROM json_each(concepts) WHERE value = :concept))
    ORDER BY version DESC LIMIT :limit"""
_PUT_RELEASE = "INSERT INTO release (name, version, revision, at, author, notes) VALUES (?, ?, ?, ?, ?, ?)"

_ITEMS = f"SELECT {ITEM_COLUMNS} FROM item WHERE id > ? ORDER BY id LIMIT ?"
_ITEM_TIMES = "SELECT id, at FROM item WHERE id IN (SELECT value FROM json_each(?))"
_TAGS = """SELECT item, concept, probability, method, span_start, span_end, surface, status, retagged_from
    FROM item_tag WHERE item >= ? AND item <= ? ORDER BY item, position"""
_ITEMS_OF = """SELECT DISTINCT item FROM item_tag
    WHERE concept = ? AND item > ? AND status = 'accepted' ORDER BY item LIMIT ?"""
_FEEDBACK_COLUMNS = "id, at, reviewer, concept, verdict, item, product, span_start, span_end, reason"
_PUT_FEEDBACK = f"""INSERT INTO feedback ({_FEEDBACK_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FEEDBACK = f"""SELECT {_FEEDBACK_COLUMNS} FROM feedback
    WHERE id > :after AND (:concept IS NULL OR concept = :concept) ORDER BY id LIMIT :limit"""
_FEEDBACK_ON = f"""SELECT {_FEEDBACK_COLUMNS} FROM feedback
    WHERE item IN (SELECT value FROM json_each(?)) AND concept IN (SELECT id FROM concept) ORDER BY id"""
_ONE_FEEDBACK = f"SELECT {_FEEDBACK_COLUMNS} FROM feedback WHERE id = ?"
_FEEDBACK_LEFT = f"""SELECT {_FEEDBACK_COLUMNS} FROM feedback
    WHERE item = ? AND concept = ? ORDER BY id DESC LIMIT 1"""
_SET_STATUS = "UPDATE item_tag SET status = ? WHERE item = ? AND concept = ?"
_DELETE_GIVEN = "DELETE FROM item_tag WHERE item = ? AND concept = ? AND method = 'given'"
_PUT_EVENT = "INSERT INTO event (id, at, profile, weight, item, concept) VALUES (?, ?, ?, ?, ?, ?)"
_EVENTS = """SELECT id, at, profile, weight, item, concept FROM event
    WHERE profile = ? ORDER BY at DESC, id DESC LIMIT ?"""
_DELETE_EVENTS = """DELETE FROM event
    WHERE COALESCE(:profile, :before) IS NOT NULL
        AND (:profile IS NULL OR profile = :profile) AND (:before IS NULL OR at < :before)"""
_ADD_TAG = """INSERT INTO item_tag (item, position, concept, probability, method, span_start, span_end, status)
    SELECT id, (SELECT COALESCE(MAX(position), -1) + 1 FROM item_tag WHERE item = item.id), ?, 1.0, 'given', ?, ?,
        'accepted' FROM item WHERE id = ?"""
_PUT_TAG = """INSERT INTO item_tag (item, position, concept, probability, method, span_start, span_end, surface,
    status, retagged_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_CONCERNED = """SELECT item, position,
        concept, probability, method, span_start, span_end, surface, status, retagged_from
    FROM item_tag
    WHERE concept IN (:source, :target) AND item IN (SELECT item FROM item_tag WHERE concept = :source)
    ORDER BY item, position"""
_MOVE_TAG = "UPDATE item_tag SET concept = ?, status = ?, retagged_from = ? WHERE item = ? AND position = ?"

_PROPOSAL = "SELECT content FROM proposal WHERE id = ?"
_PROPOSALS = """SELECT content FROM proposal
    WHERE (:before IS NULL OR id < :before) AND (:status IS NULL OR status = :status)
        AND (:concept IS NULL OR id IN (SELECT proposal FROM proposal_concept WHERE concept = :concept))
    ORDER BY id DESC LIMIT :limit"""
_PUT_PROPOSAL = """INSERT INTO proposal (id, content) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET content = excluded.content"""
_ABOUT = "INSERT INTO proposal_concept (proposal, concept) VALUES (?, ?)"


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
            return TaxonomyData(_version(db), read_columns(db))

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
        concepts = orjson.dumps(record.concepts).decode()
        about = (len(record.changes), record.origin, record.revision, record.summary, concepts)
        with self._writing, self._file.writing() as db:
            version = _version(db) + 1
            require_version(version - 1, expect_version)
            _write(db, net(changes), version)
            db.execute(_RECORD_CHANGES, (version, now(), changes.author, changes.reason, payload, *about))
            if accepting is not None:
                _put_proposal(db, accepting.at(version), expect=accepting.expect)
        return version

    def history(self, *, after: int = 0, limit: int | None = None) -> Iterator[HistoryEntry]:
        def page(after: int, limit: int | None) -> list[HistoryEntry]:
            with self._file.reading() as db:
                end = page_end(db.execute(_SIZES, (after, min(limit or _PAGE, _PAGE))).fetchall())
                rows = _dicts(db.execute(_ENTRIES, (after, end))) if end is not None else []
                return [entry_of(row, _old_changes) for row in rows]

        return paged(page, lambda entry: entry.version, after, limit)

    def versions(
        self, *, before: int | None = None, concept: str | None = None, limit: int | None = None
    ) -> list[Version]:
        wanted = {"before": _NO_LIMIT if before is None else before, "concept": concept, "limit": _most(limit)}
        with self._file.reading() as db:
            rows = _dicts(db.execute(_VERSIONS, wanted | {"listed": LISTED}))
        return [version_of({**row, "concepts": orjson.loads(row["concepts"] or "[]")}, _old_changes) for row in rows]

    def put_release(self, release: Release) -> None:
        taken = "SELECT name, version FROM release WHERE name = ? OR version = ?"
        with self._writing, self._file.writing() as db:
            for name, version in db.execute(taken, (release.name, release.version)):
                raise ReleaseTaken(name, version)
            db.execute(_PUT_RELEASE, astuple(release))

    def releases(self) -> list[Release]:
        query = "SELECT name, version, revision, at, author, notes FROM release ORDER BY version"
        with self._file.reading() as db:
            return [Release(*row) for row in db.execute(query)]

    def put_items(self, items: Sequence[TaggedItem]) -> None:
        by_id = {item.id: item for item in items}
        with self._writing, self._file.writing() as db:
            _require(db, {tag.concept for item in by_id.values() for tag in item.tags})
            wanted, at = orjson.dumps(list(by_id)).decode(), utc_text(datetime.now(UTC))
            times = dict(db.execute(_ITEM_TIMES, (wanted,)).fetchall())
            db.executemany("DELETE FROM item WHERE id = ?", [(id,) for id in by_id])
            rows = [item_row(i, i.at or times.get(i.id, at)) for i in by_id.values()]
            db.executemany(f"INSERT INTO item ({ITEM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            tags = [(i.id, at, *tag_row(tag)) for i in by_id.values() for at, tag in enumerate(i.tags)]
            db.executemany(_PUT_TAG, tags)
            for row in db.execute(_FEEDBACK_ON, (wanted,)).fetchall():
                _review(db, feedback_of(row))
            service.note_items(db, by_id, "tagged")

    def items(self, *, after: str = "", limit: int | None = None) -> Iterator[TaggedItem]:
        def page(after: str, limit: int | None) -> list[TaggedItem]:
            with self._file.reading() as db:
                return _items(db, db.execute(_ITEMS, (after, min(limit or _PAGE, _PAGE))).fetchall())

        return paged(page, lambda item: item.id, after, limit)

    def item(self, id: str) -> TaggedItem | None:
        with self._file.reading() as db:
            rows = db.execute(f"SELECT {ITEM_COLUMNS} FROM item WHERE id = ?", (id,)).fetchall()
            return next(iter(_items(db, rows)), None)

    def items_of(self, concept: str, *, after: str = "", limit: int | None = None) -> list[str]:
        with self._file.reading() as db:
            return [id for (id,) in db.execute(_ITEMS_OF, (concept, after, _most(limit)))]

    def delete_items(self, ids: Sequence[str]) -> int:
        rows = [(id,) for id in dict.fromkeys(ids)]
        with self._writing, self._file.writing() as db:
            db.executemany("DELETE FROM feedback WHERE item = ?", rows)
            known = service.stored(db, [id for (id,) in rows])
            db.executemany("DELETE FROM item WHERE id = ?", [(id,) for id in known])
            service.note_items(db, known, "erased")
        self._file.truncate_log()
        return len(known)

    def item_changes(self, *, after: int = 0, limit: int | None = None) -> list[ItemChange]:
        with self._file.reading() as db:
            return service.item_changes(db, after, _most(limit))

    def item_seq(self) -> int:
        with self._file.reading() as db:
            return service.item_seq(db)

    def old_items(self, before: str, *, limit: int | None = None) -> list[str]:
        with self._file.reading() as db:
            return service.old_items(db, before, _most(limit))

    def put_feedback(self, feedback: Feedback) -> None:
        with self._writing, self._file.writing() as db:
            _require(db, {feedback.concept})
            db.execute(_PUT_FEEDBACK, feedback_row(feedback))
            _review(db, feedback)
            if feedback.item is not None:
                service.note_items(db, service.stored(db, [feedback.item]), "tagged")

    def delete_feedback(self, id: str, *, by: str | None = None) -> Feedback | None:
        with self._writing, self._file.writing() as db:
            row = db.execute(_ONE_FEEDBACK, (id,)).fetchone()
            if row is None:
                return None
            taken = feedback_of(row)
            require_reviewer(taken, by)
            db.execute("DELETE FROM feedback WHERE id = ?", (id,))
            left = db.execute(_FEEDBACK_LEFT, (taken.item, taken.concept)).fetchone()
            if left is not None:
                _review(db, feedback_of(left))
            elif taken.verdict == "wrong":
                db.execute(_SET_STATUS, ("accepted", taken.item, taken.concept))
            else:
                db.execute(_DELETE_GIVEN, (taken.item, taken.concept))
            return taken

    def feedback(self, *, after: str = "", concept: str | None = None, limit: int | None = None) -> Iterator[Feedback]:
        def page(after: str, limit: int | None) -> list[Feedback]:
            wanted = {"after": after, "concept": concept, "limit": min(limit or _PAGE, _PAGE)}
            with self._file.reading() as db:
                return [feedback_of(row) for row in db.execute(_FEEDBACK, wanted)]

        return paged(page, lambda one: one.id, after, limit)

    def put_events(self, events: Sequence[Event]) -> None:
        with self._writing, self._file.writing() as db:
            db.executemany(_PUT_EVENT, [(e.id, e.at, e.profile, e.weight, e.item, e.concept) for e in events])

    def events(self, profile: str, *, limit: int | None = None) -> list[Event]:
        with self._file.reading() as db:
            return [Event(*row) for row in db.execute(_EVENTS, (profile, _most(limit)))]

    def delete_events(self, *, profile: str | None = None, before: str | None = None) -> int:
        with self._writing, self._file.writing() as db:
            count = db.execute(_DELETE_EVENTS, {"profile": profile, "before": before}).rowcount
        self._file.truncate_log()
        return count

    def put_proposal(self, proposal: Proposal, *, expect: str | None) -> None:
        with self._writing, self._file.writing() as db:
            _put_proposal(db, proposal, expect=expect)

    def proposal(self, id: int) -> Proposal | None:
        with self._file.reading() as db:
            return _proposal(db, id)

    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        wanted = {"status": status, "concept": concept, "before": before, "limit": _most(limit)}
        with self._file.reading() as db:
            return [from_json(json.loads(content)) for (content,) in db.execute(_PROPOSALS, wanted)]

    def put_key(self, key: ApiKey) -> None:
        with self._writing, self._file.writing() as db:
            service.put_key(db, key)

    def delete_key(self, id: str) -> bool:
        with self._writing, self._file.writing() as db:
            return db.execute("DELETE FROM api_key WHERE id = ?", (id,)).rowcount > 0

    def keys(self) -> list[ApiKey]:
        with self._file.reading() as db:
            return service.keys(db)

    def states(self, kind: str) -> dict[str, str]:
        with self._file.reading() as db:
            return dict(db.execute("SELECT id, value FROM state WHERE kind = ? ORDER BY id", (kind,)).fetchall())

    def put_state(self, kind: str, id: str, value: str | None, *, expect: str | None) -> bool:
        with self._writing, self._file.writing() as db:
            return service.put_state(db, kind, id, value, expect=expect)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute(_VERSION).fetchone()[0])


def _write(db: sqlite3.Connection, work: Net, version: int) -> None:
    service.note_items(db, service.tagged_with(db, work.moved()), "tagged")
    db.executemany(_PUT_CONCEPT, map(row_of, work.put_early))
    _retag(db, work.retag_early, version)
    db.executemany("DELETE FROM concept WHERE id = ?", [(id,) for id in work.delete])
    db.executemany(_PUT_CONCEPT, map(row_of, work.put))
    _retag(db, work.retag, version)
    _require(db, work.ends() - {concept.id for concept in work.put})
    delete = [edge.key for edge in work.unrelate]
    reversed = (edge for edge in (*work.unrelate, *work.relate) if edge.type in SYMMETRIC)
    delete += [(edge.type, edge.target, edge.source) for edge in reversed]
    db.executemany("DELETE FROM relation WHERE type = ? AND source = ? AND target = ?", delete)
    db.executemany(_PUT_RELATION, ((*edge.key, int(edge.primary)) for edge in work.relate))


def _retag(db: sqlite3.Connection, wanted: Sequence[Retag], version: int) -> None:
    """Move the tags, as change set `version` does."""
    for one in wanted:
        _require(db, {one.source, one.target})
        rows = db.execute(_CONCERNED, {"source": one.source, "target": one.target}).fetchall()
        items = by_item((item, (item, position), tag_of(tag)) for item, position, *tag in rows)
        moved = [row for tags in items for row in changed(tags, one, version=version)]
        updates = ((tag.concept, tag.status, steps_json(tag.retagged_from), *key) for key, tag in moved)
        db.executemany(_MOVE_TAG, updates)


def _items(db: sqlite3.Connection, rows: list[Any]) -> list[TaggedItem]:
    """The items of rows that follow each other, with their tags."""
    tags: dict[str, list[list[Any]]] = defaultdict(list)
    for item, *tag in db.execute(_TAGS, (rows[0][0], rows[-1][0])) if rows else ():
        tags[item].append(tag)
    return [item_of(row, tags[row[0]]) for row in rows]


def _review(db: sqlite3.Connection, feedback: Feedback) -> None:
    """Give the tag of the item, if that is stored, the status that the feedback says, or add it."""
    status = "rejected" if feedback.verdict == "wrong" else "accepted"
    where = (status, feedback.item, feedback.concept)
    known = db.execute(_SET_STATUS, where).rowcount
    if not known and feedback.verdict != "wrong":
        span = feedback.span or (None, None)
        db.execute(_ADD_TAG, (feedback.concept, *span, feedback.item))


def _proposal(db: sqlite3.Connection, id: int) -> Proposal | None:
    row = db.execute(_PROPOSAL, (id,)).fetchone()
    return None if row is None else from_json(json.loads(row[0]))


def _put_proposal(db: sqlite3.Connection, proposal: Proposal, *, expect: str | None) -> None:
    """Store the proposal. Raises LostRace unless the present one has the ETag `expect`."""
    require_etag(_proposal(db, proposal.id), expect, id=proposal.id)
    db.execute(_PUT_PROPOSAL, (proposal.id, json.dumps(to_json(proposal), ensure_ascii=False)))
    db.execute("DELETE FROM proposal_concept WHERE proposal = ?", (proposal.id,))
    db.executemany(_ABOUT, [(proposal.id, concept) for concept in proposal.concepts])


def _most(limit: int | None) -> int:
    """The limit as SQLite has it."""
    return -1 if limit is None else limit


def _dicts(found: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _old_changes(changes: str) -> Iterator[Change]:
    return map(change_from_json, orjson.loads(changes))


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
