"""Other external: plain SQL and plain Cypher on the rows, past kgtag."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Protocol

import neo4j

from graph.model import RelationType


class ExternalEdits(Protocol):
    """Each is one commit. Nothing happens to rows that aren't there, or are already."""

    def create(self, id: str, label: str) -> None: ...
    def rename(self, id: str, label: str) -> None: ...
    def set_status(self, id: str, status: str) -> None: ...
    def delete(self, id: str) -> None: ...
    def relate(self, type: RelationType, source: str, target: str) -> None: ...
    def unrelate(self, type: RelationType, source: str, target: str) -> None: ...


class SqlEdits:
    def __init__(self, path: str) -> None:
        self._path = path

    def create(self, id: str, label: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO concept (id, scheme, kind, pref_label) VALUES (?, 'test', 'category', ?)",
            id,
            json.dumps({"en": label}),
        )

    def rename(self, id: str, label: str) -> None:
        self._run("UPDATE concept SET pref_label = ? WHERE id = ?", json.dumps({"en": label}), id)

    def set_status(self, id: str, status: str) -> None:
        self._run("UPDATE concept SET status = ? WHERE id = ?", status, id)

    def delete(self, id: str) -> None:
        self._run("DELETE FROM concept WHERE id = ?", id)

    def relate(self, type: RelationType, source: str, target: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO relation (type, source, target) "
            "SELECT ?, a.id, b.id FROM concept a, concept b WHERE a.id = ? AND b.id = ?",
            type,
            source,
            target,
        )

    def unrelate(self, type: RelationType, source: str, target: str) -> None:
        self._run("DELETE FROM relation WHERE type = ? AND source = ? AND target = ?", type, source, target)

    def _run(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self._path)) as db, db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(statement, values)


class CypherEdits:
    def __init__(self, driver: neo4j.Driver) -> None:
        self._driver = driver

    def create(self, id: str, label: str) -> None:
        self._run(
            "MERGE (c:Concept {id: $id}) ON CREATE SET c:Category, c.scheme = 'test', c.prefLabel = [$label]",
            id=id,
            label=f"{label}@en",
        )

    def rename(self, id: str, label: str) -> None:
        self._run("MATCH (c:Concept {id: $id}) SET c.prefLabel = [$label]", id=id, label=f"{label}@en")

    def set_status(self, id: str, status: str) -> None:
        self._run("MATCH (c:Concept {id: $id}) SET c.status = $status", id=id, status=status)

    def delete(self, id: str) -> None:
        self._run("MATCH (c:Concept {id: $id}) DETACH DELETE c", id=id)

    def relate(self, type: RelationType, source: str, target: str) -> None:
        self._run(
            "MATCH (a:Concept {id: $source}), (b:Concept {id: $target}) MERGE (a)-[:$($type)]->(b)",
            type=type.upper(),
            source=source,
            target=target,
        )

    def unrelate(self, type: RelationType, source: str, target: str) -> None:
        self._run(
            "MATCH (:Concept {id: $source})-[r]->(:Concept {id: $target}) WHERE type(r) = $type DELETE r",
            type=type.upper(),
            source=source,
            target=target,
        )

    def _run(self, statement: str, **values: str) -> None:
        self._driver.execute_query(statement, values)  # type: ignore[arg-type]
