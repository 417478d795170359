"""Many writers at once, and unavailable stores."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import neo4j
import pytest

from graph.editing import edit
from graph.errors import ConflictError, InputError, MigrationError, StoreUnavailable
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation, TaggedItem
from graph.neo4j.store import Neo4jStore
from graph.sqlite.file import SqliteFile
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

WORKERS = 16


def _add(id: str) -> ChangeSet:
    return ChangeSet((PutConcept(Concept(id, "test", "category", {"en": id})),), id)


def test_no_edit_is_lost(store: TaxonomyStore) -> None:
    store.apply(_add("root"))

    def plan(taxonomy: Taxonomy, id: str) -> ChangeSet:
        notation = str(len(taxonomy))
        put = PutConcept(Concept(id, "test", "category", {"en": id}, notation=notation))
        return ChangeSet((put, PutRelation(Relation("broader", id, "root", primary=True))), id)

    def work(n: int) -> None:
        edit.apply_with(store, lambda taxonomy: plan(taxonomy, f"c{n:02}"))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    data = store.read()
    assert [concept.id for concept in data.concepts] == [*(f"c{n:02}" for n in range(WORKERS)), "root"]
    assert len(data.relations) == WORKERS
    assert sorted(int(concept.notation or 0) for concept in data.concepts[:-1]) == list(range(1, WORKERS + 1))
    assert [entry.version for entry in store.history()] == list(range(1, WORKERS + 2))


def test_reads_see_whole_change_sets(store: TaxonomyStore) -> None:
    """Every change set adds a pair; no read may find half of one."""
    done = threading.Event()

    def write() -> None:
        for n in range(25):
            store.apply(ChangeSet((*_add(f"a{n}").changes, *_add(f"b{n}").changes), "ann"))
            store.put_items([TaggedItem(f"i{n}", "t", None, "m", "r", ())])
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not done.is_set() and not writing.done():
            data = store.read()
            assert len(data.concepts) == 2 * data.version
        writing.result()


def test_where_writers_never_rest_a_read_makes_them_wait(
    neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    neo4j_store.apply(_add("a"))
    wanted, token = neo4j_store.read(), neo4j_store.token()
    monkeypatch.setattr("graph.neo4j.store._READ_ATTEMPTS", 0)
    assert neo4j_store.read() == wanted
    assert neo4j_store.token() == token
    assert neo4j_store.apply(_add("b")) == 2


def test_an_id_taken_by_an_external_edit_meanwhile_is_a_conflict(
    neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    with ThreadPoolExecutor(1) as pool, neo4j_driver.session() as session, session.begin_transaction() as tx:
        tx.run("CREATE (:Concept:Category {id: 'a', name: 'Theirs', scheme: 'test'})").consume()
        writing = pool.submit(neo4j_store.apply, _add("a"))
        time.sleep(0.5)
        tx.commit()
        with pytest.raises(ConflictError, match="just now; try again"):
            writing.result()
    assert neo4j_store.read().version == 0
    assert edit.apply(neo4j_store, _add("a"))["a"].pref_label == {"en": "a"}


def test_a_locked_file_says_so(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    store = SqliteStore(SqliteFile(path, busy_seconds=0.1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked it"):
            store.apply(_add("a"))
        assert store.read().concepts == ()
        other.execute("ROLLBACK")
    assert store.apply(_add("a")) == 1
    store.close()


def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be taken for one" * 30)
    store = SqliteStore.open(tmp_path / "text.db")
    for call in (store.read, store.token, store.migrate):
        with pytest.raises(StoreUnavailable, match="not a SQLite database"):
            call()
    store.close()


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "none" / "kgtag.db")
    with pytest.raises(StoreUnavailable, match="folder exists"):
        store.migrate()
    store.close()


def test_a_full_disk_and_a_read_only_file_say_so(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    store = SqliteStore.open(path)
    with pytest.raises(StoreUnavailable, match="disk is full"), store._file.writing() as db:
        db.execute("PRAGMA max_page_count = 1")
        db.execute("INSERT INTO item (id, title, model, revision) VALUES ('i', ?, '', '')", ("x" * 1_000_000,))
    store.close()
    store = SqliteStore.open(path)
    with pytest.raises(StoreUnavailable, match="can't be written"), store._file.unchecked() as db:
        db.execute("PRAGMA query_only = ON")
        db.execute("DELETE FROM item")
    store.close()


def test_a_file_that_vanished_or_was_exchanged(sqlite_url: str, tmp_path: Path) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    store = SqliteStore.open(path)
    store.apply(_add("a"))
    before = store.token()
    fresh = SqliteStore.open(tmp_path / "fresh.db")
    fresh.migrate()
    fresh.close()
    (tmp_path / "fresh.db").replace(path)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    assert store.token() != before
    assert store.read().concepts == ()
    path.unlink()
    with pytest.raises(MigrationError, match="no file"):
        store.token()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.read()


def test_an_unreachable_server_says_so_soon() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for scheme in ("bolt", "neo4j"):
        store = Neo4jStore.open(f"{scheme}://neo4j:s3cret@127.0.0.1:{port}")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match=f"no Neo4j answers at {scheme}://127.0.0.1") as caught:
            store.read()
        assert time.monotonic() - started < 15
        assert "s3cret" not in str(caught.value)
        store.close()


def test_a_database_that_is_not_there_says_so(neo4j_url: str) -> None:
    store = Neo4jStore.open(neo4j_url, database="nothere")
    with pytest.raises(StoreUnavailable, match="nothere"):
        store.read()
    store.close()


def test_what_is_no_url_says_so() -> None:
    with pytest.raises(InputError, match="not a Neo4j URL"):
        Neo4jStore.open("http://user:s3cret@localhost")
