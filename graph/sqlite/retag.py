"""Retag in SQLite."""

from __future__ import annotations

import sqlite3

from graph.editing.retag import by_item, changed
from graph.model import Retag
from graph.sqlite.rows import steps_json, tag_of

_CONCERNED = """SELECT item, position,
        concept, probability, method, span_start, span_end, surface, status, retagged_from
    FROM item_tag
    WHERE concept IN (:source, :target) AND item IN (SELECT item FROM item_tag WHERE concept = :source)
    ORDER BY item, position"""
_MOVE = "UPDATE item_tag SET concept = ?, status = ?, retagged_from = ? WHERE item = ? AND position = ?"


def retag(db: sqlite3.Connection, wanted: Retag, *, version: int) -> None:
    """Move tags in the caller's transaction, that of change set `version`; both concepts exist."""
    rows = db.execute(_CONCERNED, {"source": wanted.source, "target": wanted.target}).fetchall()
    items = by_item((item, (item, position), tag_of(tag)) for item, position, *tag in rows)
    moved = (one for tags in items for one in changed(tags, wanted, version=version))
    db.executemany(_MOVE, ((tag.concept, tag.status, steps_json(tag.retagged_from), *key) for key, tag in moved))
