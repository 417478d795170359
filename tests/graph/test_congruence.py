"""Both stores are one store: whatever is written, both answer the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC

import neo4j
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.editing import edit
from graph.model import ItemNil, ItemTag, TaggedItem
from graph.model.times import utc_text
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from tests.strategies import change_sets, filling, taxonomies, texts

_FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[*HealthCheck],  # fixtures are wiped by each example
)


def _empty(sqlite: SqliteStore, driver: neo4j.Driver) -> None:
    with closing(sqlite3.connect(sqlite.url.removeprefix("sqlite:///"))) as db, db:
        for table in ("relation", "item_tag", "item", "concept", "change_set"):
            db.execute(f"DELETE FROM {table}")
    driver.execute_query("MATCH (n:Concept|Item|ChangeSet) DETACH DELETE n")
    driver.execute_query("MATCH (m:Meta) SET m.version = 0")


def _assert_same(left: TaxonomyStore, right: TaxonomyStore) -> TaxonomyData:
    one, two = left.read(), right.read()
    assert one == two
    assert Taxonomy.of(one).revision == Taxonomy.of(two).revision
    assert Taxonomy.of(one).problems == Taxonomy.of(two).problems
    mine, theirs = ([replace(entry, at="") for entry in store.history()] for store in (left, right))
    assert mine == theirs
    return one


@_FEW
@given(data=st.data())
def test_taxonomies(
    data: st.DataObject, sqlite_store: SqliteStore, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    _empty(sqlite_store, neo4j_driver)
    wanted = data.draw(taxonomies(max_size=5))
    for store in (sqlite_store, neo4j_store):
        store.apply(filling(wanted), expect_version=0)
    assert _assert_same(sqlite_store, neo4j_store) == TaxonomyData(1, wanted.columns)
    for _ in range(2):
        before = sqlite_store.read()
        changes = data.draw(change_sets(before))
        for store in (sqlite_store, neo4j_store):
            store.apply(changes, expect_version=before.version)
        assert _assert_same(sqlite_store, neo4j_store) == edit.after(before, changes)


_tags = st.builds(
    ItemTag,
    concept=st.just("c0"),
    probability=st.floats(0, 1),
    method=st.sampled_from(("exact", "implied")),
    start=st.none() | st.integers(0, 50),
    end=st.none() | st.integers(51, 99),
    surface=st.none() | texts,
    status=st.sampled_from(("accepted", "proposed", "rejected")),
)
_items = st.builds(
    TaggedItem,
    id=texts,
    title=texts,
    lang=st.none() | st.just("zh"),
    model=texts,
    revision=texts,
    tags=st.lists(_tags, max_size=3).map(tuple),
    at=st.datetimes().map(lambda at: utc_text(at.replace(tzinfo=UTC))),
    nil=st.lists(st.builds(ItemNil, texts, st.none() | texts, st.floats(0, 1)), max_size=2).map(tuple),
)


@_FEW
@given(data=st.data())
def test_items(
    data: st.DataObject, sqlite_store: SqliteStore, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    _empty(sqlite_store, neo4j_driver)
    taxonomy = data.draw(taxonomies(max_size=1))
    batches = data.draw(st.lists(st.lists(_items, max_size=4), max_size=3))
    for store in (sqlite_store, neo4j_store):
        store.apply(filling(taxonomy))
        for batch in batches:
            store.put_items(batch)
    found = list(sqlite_store.items())
    assert found == list(neo4j_store.items())
    assert {item.id: item for item in found} == {item.id: item for batch in batches for item in batch}
    assert [item.id for item in found] == sorted(item.id for item in found)
    assert sqlite_store.items_of("c0") == neo4j_store.items_of("c0")
    for after in [item.id for item in found]:
        assert list(sqlite_store.items(after=after, limit=2)) == list(neo4j_store.items(after=after, limit=2))
