"""Migrations on both engines: forward, recorded, and refused where what is there isn't ours."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import neo4j
import pytest

from graph.errors import MigrationError
from graph.migrate import Applied, Migration, due, require_current, shipped, statuses
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore

ONE, TWO = Migration("V0001__one", "a;"), Migration("V0002__two", "b;")


def test_the_shipped_ones_are_found_and_named_alike() -> None:
    for migrations in (shipped("sqlite"), shipped("neo4j")):
        assert migrations
        assert [m.name for m in migrations] == sorted(m.name for m in migrations)
        assert all(re.fullmatch(r"V\d{4}__[a-z_]+", m.name) for m in migrations)


def test_what_is_due() -> None:
    applied = {ONE.name: Applied(ONE.checksum, "2026")}
    assert due([ONE, TWO], applied, url="x") == [TWO]
    assert due([ONE, TWO], {}, url="x") == [ONE, TWO]
    assert [(s.name, s.applied_at) for s in statuses([ONE, TWO], applied)] == [(ONE.name, "2026"), (TWO.name, None)]
    with pytest.raises(MigrationError, match=r"lacks V0002__two; run `kgtag migrate --store x`"):
        require_current([ONE, TWO], applied, url="x")
    with pytest.raises(MigrationError, match=r"no kgtag schema in x; run `kgtag migrate --store x`"):
        require_current([ONE, TWO], {}, url="x")


def test_an_edited_migration_is_named_with_both_checksums() -> None:
    edited = Migration(ONE.name, "a; -- edited")
    with pytest.raises(MigrationError, match=f"V0001__one was edited.*{ONE.checksum}.*{edited.checksum}"):
        due([edited], {ONE.name: Applied(ONE.checksum, "2026")}, url="x")
    assert Migration(ONE.name, "a;\r\nb;").checksum == Migration(ONE.name, "a;\nb;").checksum


def test_sqlite(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "new.db")
    names = [m.name for m in shipped("sqlite")]
    assert [s.applied_at for s in store.migrations()] == [None] * len(names)
    with pytest.raises(MigrationError, match="kgtag migrate --store sqlite:///"):
        store.read()
    assert not (tmp_path / "new.db").exists()
    assert store.migrate() == names
    assert store.migrate() == []
    assert all(s.applied_at for s in store.migrations())
    assert store.read().version == 0
    store.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE schema_migration SET checksum = 'feed'", "edited after it was applied.*feed"),
        ("INSERT INTO schema_migration VALUES ('V9999__later', 'x', 'y')", "newer than this kgtag.*V9999__later"),
        ("DROP TABLE schema_migration", "run `kgtag migrate"),
    ],
)
def test_sqlite_refuses_a_schema_that_is_not_ours(sqlite_url: str, damage: str, message: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(damage)
    store = SqliteStore.open(path)
    for call in (store.read, store.token, store.keys):
        with pytest.raises(MigrationError, match=message):
            call()
    store.close()


def test_sqlite_applies_a_migration_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration("V0001__broken", "CREATE TABLE fine (x);\nCREATE TABLE fine (x);\n")
    monkeypatch.setattr("graph.sqlite.store.shipped", lambda engine: (broken,))
    store = SqliteStore.open(tmp_path / "new.db")
    with pytest.raises(Exception, match="already exists"):
        store.migrate()
    assert [s.applied_at for s in store.migrations()] == [None]
    with closing(sqlite3.connect(tmp_path / "new.db")) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'fine'").fetchall() == []
    store.close()


def test_sqlite_two_at_once(tmp_path: Path) -> None:
    stores = [SqliteStore.open(tmp_path / "new.db") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda store: store.migrate(), stores))
    assert sorted(name for names in done for name in names) == [m.name for m in shipped("sqlite")]
    for store in stores:
        store.close()


def test_neo4j(empty_neo4j: str, neo4j_driver: neo4j.Driver) -> None:
    for kind, query in (("CONSTRAINT", "SHOW CONSTRAINTS YIELD name"), ("INDEX", "SHOW INDEXES YIELD name, type")):
        for row in neo4j_driver.execute_query(query).records:
            if row.get("type") != "LOOKUP":
                neo4j_driver.execute_query(f"DROP {kind} {row['name']}")
    store = Neo4jStore.open(empty_neo4j)
    names = [m.name for m in shipped("neo4j")]
    with pytest.raises(MigrationError, match="kgtag migrate --store bolt://"):
        store.read()
    with pytest.raises(MigrationError, match="kgtag migrate --store bolt://"):
        store.token()
    assert [s.applied_at for s in store.migrations()] == [None] * len(names)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: store.migrate(), range(4)))
    assert sorted(name for found in done for name in found) == names
    assert all(s.applied_at for s in store.migrations())
    indexes = neo4j_driver.execute_query("SHOW INDEXES YIELD name, type, state, options").records
    full_text = next(row for row in indexes if row["type"] == "FULLTEXT")
    assert full_text["options"]["indexConfig"]["fulltext.analyzer"] == "cjk"
    assert {row["state"] for row in indexes} == {"ONLINE"}
    store.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("MATCH (m:Migration) SET m.checksum = 'feed'", "edited after it was applied.*feed"),
        ("CREATE (:Migration {name: 'V9999__later', checksum: 'x', appliedAt: 'y'})", "newer than this kgtag"),
        ("MATCH (n) DETACH DELETE n", "run `kgtag migrate"),
        ("MATCH (m:Meta) DELETE m", "Meta node.*`kgtag migrate`"),
    ],
)
def test_neo4j_refuses_a_schema_that_is_not_ours(
    clean_neo4j: str, neo4j_driver: neo4j.Driver, damage: str, message: str
) -> None:
    neo4j_driver.execute_query(damage)
    store = Neo4jStore.open(clean_neo4j)
    with pytest.raises(MigrationError, match=message):
        store.read()
    store.close()


def test_neo4j_migrate_puts_the_meta_node_back_at_its_version(
    neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    neo4j_driver.execute_query("MATCH (m:Meta) DELETE m CREATE (:ChangeSet {version: 7})")
    assert neo4j_store.migrate() == []
    assert neo4j_store.read().version == 7


def test_neo4j_names_ids_that_stand_twice(empty_neo4j: str, neo4j_driver: neo4j.Driver) -> None:
    neo4j_driver.execute_query("DROP CONSTRAINT concept_id IF EXISTS")
    neo4j_driver.execute_query("CREATE (:Concept {id: 'twin'}), (:Concept {id: 'twin'})")
    store = Neo4jStore.open(empty_neo4j)
    try:
        with pytest.raises(MigrationError, match=r"duplicate ids.*twin"):
            store.migrate()
        assert [s.applied_at for s in store.migrations()] == [None] * len(shipped("neo4j"))
    finally:
        neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
        store.migrate()
        store.close()
