"""Whatever kgtag and external edits do, the history leads to every snapshot that was seen, on every store."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import neo4j
import pytest

from graph.editing import edit
from graph.editing.edit import undo
from graph.errors import ConflictError, InputError, InvariantError
from graph.history import versions as history
from graph.history.versions import reconcile, reconciled, replayed
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    Kind,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
)
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from tests.graph.external_edits import CypherEdits, ExternalEdits, SqlEdits

KINDS: dict[str, Kind] = {**dict.fromkeys(("c0", "c1", "c2", "c3"), "category"), "a0": "attribute", "a1": "attribute"}
KINDS |= dict.fromkeys(("v0", "v1", "v2"), "value")
TYPES: tuple[RelationType, ...] = ("broader", "broader", "value_of", "value_of", "related", "applies_to", "excludes")


class Script:
    """Random steps on a few concepts: most hit something, and many break something."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _id(self) -> str:
        return self._random.choice(sorted(KINDS))

    def relation(self) -> Relation:
        type = self._random.choice(TYPES)
        ends = [self._id(), self._id()]
        if type == "value_of":
            ends = [self._random.choice(("v0", "v1", "v2")), self._random.choice(("a0", "a1"))]
        return Relation(type, *ends, primary=type == "broader" and self._random.random() < 0.5)

    def changes(self) -> ChangeSet:
        rows: list[Change] = []
        for _ in range(self._random.randint(1, 5)):
            id = self._id()
            concept = Concept(id, "test", KINDS[id], {"en": f"{id} {self._random.randint(0, 2)}"}, {"en": ()})
            rows.append(
                self._random.choice(
                    (
                        PutConcept(concept),
                        PutConcept(concept),
                        DeleteConcept(id),
                        PutRelation(self.relation()),
                        PutRelation(self.relation()),
                        DeleteRelation(self.relation()),
                    )
                )
            )
        return ChangeSet(tuple(rows), "ann", "random")

    def by_hand(self, external: ExternalEdits) -> None:
        id, edge, label = self._id(), self.relation(), f"by hand {self._random.randint(0, 2)}"
        step = self._random.choice(("create", "rename", "status", "delete", "relate", "relate", "unrelate"))
        if step == "create":
            external.create(id, label)
        elif step == "rename":
            external.rename(id, label)
        elif step == "status":
            external.set_status(id, self._random.choice(("odd", "active", "deprecated")))
        elif step == "delete":
            external.delete(id)
        elif step == "relate":
            external.relate(*edge.key)
        else:
            external.unrelate(*edge.key)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def version(self, newest: int) -> int:
        return self._random.randint(1, newest)


def play(store: TaxonomyStore, external: ExternalEdits, *, seed: int, steps: int = 20) -> dict[int, Taxonomy]:
    """The snapshots seen on the way, by version."""
    script = Script(seed)
    seen = {0: Taxonomy.of(store.read())}
    concepts = [PutConcept(Concept(id, "test", kind, {"en": id})) for id, kind in KINDS.items()]
    homes = [PutRelation(Relation("value_of", value, "a0")) for value in ("v0", "v1", "v2")]
    known = seen[1] = edit.apply(store, ChangeSet((*concepts, *homes), "ann", "fill"))
    for _ in range(steps):
        if script.chance(0.5):
            script.by_hand(external)
        elif script.chance(0.2) and known.version:
            try:
                known = undo(store, script.version(known.version), author="bob")
            except (ConflictError, InvariantError, InputError):
                continue
            seen[known.version] = known
        else:
            try:
                known = edit.apply(store, script.changes())
            except InputError:
                continue
            seen[known.version] = known
        if script.chance(0.5):
            found = reconcile(store, Taxonomy.of(store.read()), known=known if script.chance(0.5) else None)
            assert found is not None
            known = seen[found.version] = found
    final = reconciled(store)
    return seen | {final.version: final}


def assert_told(store: TaxonomyStore, seen: dict[int, Taxonomy]) -> None:
    now = Taxonomy.of(store.read())
    entries = list(store.history())
    assert [entry.version for entry in entries] == list(range(1, now.version + 1))
    again = replayed(entries)
    assert (again.concepts, again.relations, again.version) == (now.concepts, now.relations, now.version)
    for version in range(now.version + 1):
        there = history.at_version(store, version)
        assert there.version == version
        assert replayed(entries[:version]).revision == there.revision
        if version:
            assert entries[version - 1].revision == there.revision == there.at_version(0).revision
        if version in seen:
            assert (there.concepts, there.relations) == (seen[version].concepts, seen[version].relations)
    assert reconciled(store).version == now.version, "nothing is recorded twice"


def empty(sqlite: SqliteStore, driver: neo4j.Driver) -> None:
    with closing(sqlite3.connect(sqlite.url.removeprefix("sqlite:///"))) as db, db:
        for table in ("relation", "concept", "change_set", "release"):
            db.execute(f"DELETE FROM {table}")
    driver.execute_query("MATCH (n:Concept|ChangeSet|Release) DETACH DELETE n")
    driver.execute_query("MATCH (m:Meta) SET m.version = 0")


@pytest.mark.parametrize("start", [0, 2])
def test_the_history_tells_everything(
    start: int, sqlite_store: SqliteStore, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    for seed in range(start, start + 2):
        empty(sqlite_store, neo4j_driver)
        sql, cypher = SqlEdits(sqlite_store.url.removeprefix("sqlite:///")), CypherEdits(neo4j_driver)
        seen = play(sqlite_store, sql, seed=seed)
        assert_told(sqlite_store, seen)
        assert_told(neo4j_store, play(neo4j_store, cypher, seed=seed))
        mine, theirs = (
            [(e.version, e.origin, e.author, e.reason, e.changes, e.undo, e.revision) for e in store.history()]
            for store in (sqlite_store, neo4j_store)
        )
        assert mine == theirs
        assert {origin for _, origin, *_ in mine} == {"kgtag", "outside"}


@pytest.mark.parametrize("start", range(0, 6, 3))
def test_more_of_it_in_a_file(start: int, sqlite_store: SqliteStore) -> None:
    path = sqlite_store.url.removeprefix("sqlite:///")
    for seed in range(start, start + 3):
        with closing(sqlite3.connect(path)) as db, db:
            for table in ("relation", "concept", "change_set"):
                db.execute(f"DELETE FROM {table}")
        assert_told(sqlite_store, play(sqlite_store, SqlEdits(path), seed=1000 + seed, steps=40))
