"""The history and releases in SQLite. Every function works in the caller's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple

import orjson

from graph.errors import ReleaseTaken
from graph.history.entries import page_end, unchecked, unpack
from graph.model import Change, ChangeSet, HistoryEntry, Record, Release, Version
from graph.model.changes import change_from_json, now
from graph.sqlite.rows import Row

VERSION = "SELECT COALESCE(MAX(version), 0) FROM change_set"
_ADD = """INSERT INTO change_set
    (version, at, author, reason, changes, payload, size, origin, revision, summary, concepts)
    VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?)"""
_SIZES = """SELECT version, COALESCE(size, json_array_length(changes)) FROM change_set
    WHERE version > ? ORDER BY version LIMIT ?"""
_ENTRIES = """SELECT version, at, author, reason, origin, revision, payload, changes FROM change_set
    WHERE version > ? AND version <= ? ORDER BY version"""
_VERSIONS = """SELECT version, at, author, reason, origin, revision, summary, concepts, size, changes FROM change_set
    WHERE version < ? ORDER BY version DESC LIMIT ?"""
_RELEASES = "SELECT name, version, revision, at, author, notes FROM release ORDER BY version"
_NO_LIMIT = (1 << 63) - 1
_SIZES_AT_ONCE = 500


def add_entry(db: sqlite3.Connection, version: int, changes: ChangeSet, *, record: Record, payload: bytes) -> None:
    about = (record.origin, record.revision, record.summary, orjson.dumps(record.concepts).decode())
    db.execute(_ADD, (version, now(), changes.author, changes.reason, payload, len(record.changes), *about))


def entries(db: sqlite3.Connection, *, after: int, limit: int | None) -> list[HistoryEntry]:
    """The next page of entries, of bounded size but at least one entry."""
    sizes = db.execute(_SIZES, (after, _SIZES_AT_ONCE if limit is None else min(limit, _SIZES_AT_ONCE))).fetchall()
    end = page_end(sizes)
    return [] if end is None else [_entry(row) for row in db.execute(_ENTRIES, (after, end))]


def versions(db: sqlite3.Connection, *, before: int | None, limit: int | None) -> list[Version]:
    bounds = (_NO_LIMIT if before is None else before, -1 if limit is None else limit)
    return [_version(row) for row in db.execute(_VERSIONS, bounds)]


def add_release(db: sqlite3.Connection, release: Release) -> None:
    for name, version in db.execute(
        "SELECT name, version FROM release WHERE name = ? OR version = ?", (release.name, release.version)
    ):
        raise ReleaseTaken(name, version)
    row = astuple(release)
    db.execute("INSERT INTO release (name, version, revision, at, author, notes) VALUES (?, ?, ?, ?, ?, ?)", row)


def releases(db: sqlite3.Connection) -> list[Release]:
    return [Release(*row) for row in db.execute(_RELEASES)]


def _entry(row: Row) -> HistoryEntry:
    version, at, author, reason, origin, revision, payload, old = row
    changes, undo = (_old(old), ()) if payload is None else unpack(payload, version=version)
    return HistoryEntry(version, at, author, reason, changes, undo, revision, origin)


def _version(row: Row) -> Version:
    version, at, author, reason, origin, revision, summary, concepts, size, old = row
    if size is None:
        record = unchecked(_old(old))
        summary, touched, size = record.summary, record.concepts, len(record.changes)
    else:
        touched = tuple(orjson.loads(concepts))
    return Version(version, at, author, reason, origin, revision, summary, touched, size)


def _old(changes: str) -> tuple[Change, ...]:
    """The changes of an entry from before there were payloads."""
    return tuple(map(change_from_json, orjson.loads(changes)))
