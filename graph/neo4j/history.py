"""The history and releases in Neo4j: statements, and conversion of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.history.entries import unchecked, unpack
from graph.model import Change, ChangeSet, HistoryEntry, Origin, Record, Version
from graph.model.changes import load_change, now

RECORD_CHANGES = """
MATCH (m:Meta {id: 'kgtag'}) SET m.version = $version
CREATE (s:ChangeSet) SET s = $properties
"""
SIZES = """
MATCH (s:ChangeSet) WHERE s.version > $after
RETURN s.version AS version, coalesce(s.size, size(s.changes), 0) AS size ORDER BY version LIMIT $limit
"""
ENTRIES = """
MATCH (s:ChangeSet) WHERE s.version > $after AND s.version <= $end
RETURN s.version AS version, s.at AS at, s.author AS author, s.reason AS reason, s.origin AS origin,
    s.revision AS revision, s.payload AS payload, s.changes AS changes
ORDER BY version
"""
VERSIONS = """
MATCH (s:ChangeSet) WHERE s.version < $before
RETURN s.version AS version, s.at AS at, s.author AS author, s.reason AS reason, s.origin AS origin,
    s.revision AS revision, s.summary AS summary, s.concepts AS concepts, s.size AS size, s.changes AS changes
ORDER BY version DESC LIMIT $limit
"""
RELEASE_TAKEN = """
MATCH (r:Release) WHERE r.name = $name OR r.version = $version
RETURN r.name AS name, r.version AS version ORDER BY version LIMIT 1
"""
PUT_RELEASE = "CREATE (r:Release) SET r = $properties"
RELEASES = """
MATCH (r:Release)
RETURN r.name AS name, r.version AS version, r.revision AS revision, r.at AS at, r.author AS author, r.notes AS notes
ORDER BY version
"""
SIZES_AT_ONCE = 500

Row = Mapping[str, Any]


def entry_row(version: int, changes: ChangeSet, *, record: Record, payload: bytes) -> dict[str, Any]:
    return {
        "version": version,
        "at": now(),
        "author": changes.author,
        "reason": changes.reason,
        "origin": record.origin,
        "revision": record.revision,
        "summary": record.summary,
        "concepts": list(record.concepts),
        "size": len(record.changes),
        "payload": payload,
    }


def entry_of(row: Row) -> HistoryEntry:
    version, payload = row["version"], row["payload"]
    changes, undo = (_old(row), ()) if payload is None else unpack(payload, version=version)
    return HistoryEntry(
        version, row["at"], row["author"], row["reason"], changes, undo, row["revision"] or "", _origin(row)
    )


def version_of(row: Row) -> Version:
    summary, concepts, size = row["summary"], row["concepts"], row["size"]
    if size is None:
        record = unchecked(_old(row))
        summary, concepts, size = record.summary, record.concepts, len(record.changes)
    return Version(
        version=row["version"],
        at=row["at"],
        author=row["author"],
        reason=row["reason"],
        origin=_origin(row),
        revision=row["revision"] or "",
        summary=summary,
        concepts=tuple(concepts),
        changes=size,
    )


def _origin(row: Row) -> Origin:
    return "outside" if row["origin"] == "outside" else "kgtag"


def _old(row: Row) -> tuple[Change, ...]:
    """The changes of an entry from before there were payloads."""
    return tuple(map(load_change, row["changes"] or ()))
