"""Rows of API keys, of the log of changed items, and of what the service keeps for itself."""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Literal

import orjson

from graph.model import ApiKey, ItemChange
from graph.model.changes import now

_KEY = "id, name, sha256, scopes, created, expires"
_SEQ = "SELECT COALESCE(MAX(seq), 0) FROM item_change"
_NOTE = "INSERT OR REPLACE INTO item_change (item, seq, change, at) VALUES (?, ?, ?, ?)"
_OLD = """SELECT id FROM item LEFT JOIN item_change ON item = id
    WHERE COALESCE(item_change.at, (SELECT applied_at FROM schema_migration WHERE name LIKE 'V0006%')) < ?
    ORDER BY id LIMIT ?"""


def put_key(db: sqlite3.Connection, key: ApiKey) -> None:
    row = (key.id, key.name, key.sha256, " ".join(key.scopes), key.created, key.expires)
    db.execute(f"INSERT OR REPLACE INTO api_key ({_KEY}) VALUES (?, ?, ?, ?, ?, ?)", row)


def keys(db: sqlite3.Connection) -> list[ApiKey]:
    rows = db.execute(f"SELECT {_KEY} FROM api_key ORDER BY id")
    return [ApiKey(id, name, digest, tuple(scopes.split()), *times) for id, name, digest, scopes, *times in rows]


def stored(db: sqlite3.Connection, ids: Collection[str]) -> list[str]:
    """Those ids that items have."""
    wanted = orjson.dumps(list(ids)).decode()
    query = "SELECT id FROM item WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
    return [id for (id,) in db.execute(query, (wanted,))]


def tagged_with(db: sqlite3.Connection, concepts: Collection[str]) -> list[str]:
    """Ids of the items that have a tag with one of the concepts, whatever its status."""
    if not concepts:
        return []
    wanted = orjson.dumps(list(concepts)).decode()
    query = "SELECT DISTINCT item FROM item_tag WHERE concept IN (SELECT value FROM json_each(?)) ORDER BY item"
    return [id for (id,) in db.execute(query, (wanted,))]


def note_items(db: sqlite3.Connection, ids: Iterable[str], change: Literal["tagged", "erased"]) -> None:
    """Enter the last change of items into the log."""
    at = now()
    db.executemany(_NOTE, [(id, seq, change, at) for seq, id in enumerate(ids, item_seq(db) + 1)])


def item_seq(db: sqlite3.Connection) -> int:
    return int(db.execute(_SEQ).fetchone()[0])


def item_changes(db: sqlite3.Connection, after: int, limit: int) -> list[ItemChange]:
    query = "SELECT item, seq, change, at FROM item_change WHERE seq > ? ORDER BY seq LIMIT ?"
    return [ItemChange(*row) for row in db.execute(query, (after, limit))]


def old_items(db: sqlite3.Connection, before: str, limit: int) -> list[str]:
    return [id for (id,) in db.execute(_OLD, (before, limit))]


def put_state(db: sqlite3.Connection, kind: str, id: str, value: str | None, *, expect: str | None) -> bool:
    found = db.execute("SELECT value FROM state WHERE kind = ? AND id = ?", (kind, id)).fetchone()
    if (found[0] if found else None) != expect:
        return False
    if value is None:
        db.execute("DELETE FROM state WHERE kind = ? AND id = ?", (kind, id))
    else:
        db.execute("INSERT OR REPLACE INTO state (kind, id, value) VALUES (?, ?, ?)", (kind, id, value))
    return True
