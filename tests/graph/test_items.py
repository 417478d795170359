"""One item by its id, in every store, with its time and its mentions without a concept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import neo4j
import pytest

from graph.migrate import Migration, shipped
from graph.model import ChangeSet, Concept, ItemNil, ItemTag, PutConcept, TaggedItem
from graph.model.times import utc_text
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore

AT = "2026-01-31T12:00:00Z"


def test_one_item_as_it_was_put(store: TaxonomyStore) -> None:
    concepts = [PutConcept(Concept(id, "s", "category", {"en": id})) for id in ("a", "b")]
    store.apply(ChangeSet(tuple(concepts), "test"))
    tags = (ItemTag("b", 0.5, "exact", 0, 3, "red"), ItemTag("a", 1.0, "implied", status="rejected"))
    nil = (ItemNil('téal"', "colour", 0.25), ItemNil("灯", None, 1.0))
    items = [
        TaggedItem("x", "Red 鞋", "zh", "m", "r", tags, AT, nil),
        TaggedItem("x1", "other", None, "m", "r", (), "1999-12-31T23:59:59Z"),
    ]
    store.put_items(items)
    assert [store.item(item.id) for item in items] == items == list(store.items())
    assert store.item("") is None and store.item("X") is None and store.item("nobody") is None


def test_an_item_without_a_time_keeps_the_one_it_has_and_a_new_one_is_of_now(store: TaxonomyStore) -> None:
    item = TaggedItem("x", "Red", None, "m", "r", ())
    before = utc_text(datetime.now(UTC))
    store.put_items([item])
    first = store.item("x")
    assert first is not None and first.at is not None
    assert before <= first.at <= utc_text(datetime.now(UTC))
    store.put_items([replace(item, at=AT, nil=(ItemNil("teal", None, 0.5),))])
    store.put_items([replace(item, title="Red again")])
    assert store.item("x") == replace(item, title="Red again", at=AT)


def _older(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """Only the migrations before items had times."""

    def before(which: str) -> tuple[Migration, ...]:
        return tuple(one for one in shipped(which) if one.name < "V0007")  # type: ignore[arg-type]

    monkeypatch.setattr(f"graph.{engine}.store.shipped", before)


_OLD = "INSERT INTO item (id, title, model, revision) VALUES (?, ?, 'm', 'r')"
_LOG = "INSERT INTO item_change VALUES ('x', 1, 'tagged', '2026-01-31T12:00:00.123456+00:00')"


def test_items_of_an_old_sqlite_store_get_the_time_of_their_last_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _older(patched, "sqlite")
        store = SqliteStore.open(tmp_path / "old.db")
        store.migrate()
        store.close()
    with closing(sqlite3.connect(tmp_path / "old.db")) as db, db:
        db.executemany(_OLD, [("x", "Red"), ("y", "Blue")])
        db.execute(_LOG)
    store = SqliteStore.open(tmp_path / "old.db")
    assert store.migrate() == ["V0007__item_times"]
    assert [(item.id, item.at) for item in store.items()] == [("x", AT), ("y", None)]
    store.put_items(list(store.items()))
    assert [item.at for item in store.items()] == [AT, None]
    assert store.old_items("2026-02-01") == []
    store.close()


def test_items_of_an_old_neo4j_store_get_the_time_of_their_last_change(
    clean_neo4j: str, neo4j_driver: neo4j.Driver
) -> None:
    neo4j_driver.execute_query(
        "MATCH (m:Migration) WHERE m.name STARTS WITH 'V0007' DELETE m "
        "CREATE (:Item {id: 'x', title: 'Red'}), (:Item {id: 'y', title: 'Blue', at: 'no time', nil: ['no', '[1]']}) "
        "CREATE (:ItemChange {item: 'x', seq: 1, change: 'tagged', at: '2026-01-31T12:00:00.123456+00:00'})"
    )
    store = Neo4jStore.open(clean_neo4j)
    assert store.migrate() == ["V0007__item_times"]
    assert [(item.id, item.at, item.nil) for item in store.items()] == [("x", AT, ()), ("y", None, ())]
    store.close()
