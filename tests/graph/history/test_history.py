"""The history on every store: what it keeps, external edits, going back, undo, releases."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import neo4j
import orjson
import pytest

from graph.editing import edit
from graph.editing.edit import undo
from graph.errors import ConflictError, InputError, InvariantError, ReleaseTaken, StoreError, UnknownVersion
from graph.history import releases
from graph.history import versions as history
from graph.history.entries import effects, pack, to_json, unpack
from graph.history.versions import EXTERNAL_AUTHOR, reconcile, reconciled
from graph.migrate import shipped
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    ItemTag,
    PutConcept,
    PutRelation,
    Record,
    Relation,
    Release,
    Retag,
    TaggedItem,
)
from graph.model.changes import dump_change
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from tests.graph.external_edits import CypherEdits, ExternalEdits, SqlEdits

SHOES, BOOTS, HATS = (Concept(id, "test", "category", {"en": id.title()}) for id in ("shoes", "boots", "hats"))
COLOR = Concept("color", "test", "attribute", {"en": "Color"})
RED = Concept("red", "test", "value", {"en": "Red"})
BELOW = Relation("broader", "boots", "shoes", primary=True)
HOME = Relation("value_of", "red", "color")


def changes(*rows: Change | Concept | Relation, author: str = "ann", reason: str = "because") -> ChangeSet:
    def change(row: Change | Concept | Relation) -> Change:
        return PutConcept(row) if isinstance(row, Concept) else PutRelation(row) if isinstance(row, Relation) else row

    return ChangeSet(tuple(map(change, rows)), author, reason)


@pytest.fixture
def external(store: TaxonomyStore, request: pytest.FixtureRequest) -> ExternalEdits:
    if isinstance(store, SqliteStore):
        return SqlEdits(store.url.removeprefix("sqlite:///"))
    return CypherEdits(request.getfixturevalue("neo4j_driver"))


def same(a: Taxonomy, b: Taxonomy) -> bool:
    return (a.concepts, a.relations, a.version) == (b.concepts, b.relations, b.version)


# -- what is kept -------------------------------------------------------------------------------------


def test_an_edit_says_before_and_after(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES, BOOTS, BELOW, COLOR))
    renamed = Concept("boots", "test", "category", {"en": "Winter boots"})
    result = edit.apply(store, changes(renamed, SHOES, DeleteRelation(BELOW), DeleteConcept("color"), author="bob"))
    entry = history.entry_at(store, 2)
    assert (entry.author, entry.reason, entry.origin, entry.revision) == ("bob", "because", "kgtag", result.revision)
    assert to_json(effects(entry.changes, entry.undo)) == [
        {
            "concept": "boots",
            "label": "Winter boots",
            "before": {"id": "boots", "scheme": "test", "kind": "category", "pref_label": {"en": "Boots"}},
            "after": {"id": "boots", "scheme": "test", "kind": "category", "pref_label": {"en": "Winter boots"}},
        },
        {
            "concept": "color",
            "label": "Color",
            "before": {"id": "color", "scheme": "test", "kind": "attribute", "pref_label": {"en": "Color"}},
            "after": None,
        },
        {
            "relation": {"type": "broader", "source": "boots", "target": "shoes"},
            "before": {"type": "broader", "source": "boots", "target": "shoes", "primary": True},
            "after": None,
        },
    ], "shoes were put as they were, which is no change"


def test_versions_are_listed_newest_first(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES, BOOTS, BELOW, COLOR))
    edit.apply(store, changes(DeleteRelation(BELOW), author="bob", reason=""))
    edit.apply(store, changes(*(Concept(f"c{n:03}", "test", "category", {"en": "x" * 30}) for n in range(150))))
    many, removal, first = store.versions()
    assert (first.version, first.author, first.reason, first.origin, first.changes) == (1, "ann", "because", "kgtag", 4)
    assert first.summary == "3 concepts added, 1 relation added: Boots, Color, Shoes"
    assert first.concepts == ("boots", "color", "shoes")
    assert (removal.summary, removal.concepts) == ("1 relation removed: Boots", ("boots", "shoes"))
    assert many.changes == 150 and len(many.concepts) == 100 and len(many.summary) <= 200
    assert [one.version for one in store.versions(limit=2)] == [3, 2]
    assert [one.version for one in store.versions(before=3, limit=1)] == [2]
    assert store.versions(before=1) == []


def test_what_changes_nothing_leaves_no_version(store: TaxonomyStore) -> None:
    first = edit.apply(store, changes(SHOES, BOOTS, BELOW))
    again = edit.apply(store, changes(SHOES, BELOW, DeleteConcept("nobody"), author="bob"))
    assert same(again, first)
    assert len(store.versions()) == 1
    moved = edit.apply(store, changes(Retag("boots", "shoes")))
    assert moved.version == 2, "whether items carry the tag is not known here"


def test_a_change_record_has_more_than_its_row(store: TaxonomyStore) -> None:
    record = Record((PutConcept(SHOES),), (DeleteConcept("shoes"),), "r1", "outside", "told", ("shoes",))
    assert store.apply(ChangeSet((), "ann", "why"), record=record) == 1
    assert store.read().concepts == ()
    (entry,) = store.history()
    assert (entry.changes, entry.undo, entry.revision, entry.origin) == (record.changes, record.undo, "r1", "outside")
    (line,) = store.versions()
    assert (line.summary, line.concepts, line.origin, line.changes) == ("told", ("shoes",), "outside", 1)


def test_a_long_history_comes_in_order_and_in_pages(store: TaxonomyStore) -> None:
    big = tuple(PutConcept(Concept(f"b{n}", "test", "category", {"en": "b"})) for n in range(19_999))
    for n in range(1, 601):
        put = PutConcept(Concept(f"c{n}", "test", "category", {"en": str(n)}))
        store.apply(ChangeSet((), "ann", str(n)), record=Record(big if n == 300 else (put,)))
    assert [(e.version, e.reason) for e in store.history()] == [(n, str(n)) for n in range(1, 601)]
    assert [e.version for e in store.history(after=298, limit=4)] == [299, 300, 301, 302]
    assert [len(e.changes) for e in store.history(after=298, limit=3)] == [1, 19_999, 1]


def test_payloads() -> None:
    rows = tuple(PutConcept(Concept(f"c{n}", "test", "category", {"zh": "鞋 🥾"})) for n in range(2500))
    back = (DeleteConcept("a"), Retag("a", "b", ("x",), back=True), PutRelation(BELOW))
    assert unpack(pack(rows, back), version=1) == (rows, back)
    assert unpack(pack((), ()), version=1) == ((), ())
    with pytest.raises(InputError, match="surrogate"):
        pack((PutConcept(Concept("c", "test", "category", {"en": "a\ud800"})),), ())
    for damaged in (b"", pack(rows, back)[:-9], pack(rows, back)[9:]):
        with pytest.raises(StoreError, match="history entry 7 doesn't read"):
            unpack(damaged, version=7)


# -- external edits -------------------------------------------------------------------------------------


def test_an_external_edit_gets_a_version(store: TaxonomyStore, external: ExternalEdits) -> None:
    first = edit.apply(store, changes(SHOES, BOOTS, BELOW))
    external.rename("boots", "Booties")
    external.create("hats", "Hats")
    external.unrelate("broader", "boots", "shoes")
    now = reconciled(store)
    entry = history.entry_at(store, 2)
    assert (entry.author, entry.origin, entry.reason) == (EXTERNAL_AUTHOR, "outside", "found by comparing snapshots")
    assert (now.version, entry.revision) == (2, now.revision)
    found = effects(entry.changes, entry.undo)
    assert [(one.key, one.before, one.after) for one in found.concepts] == [
        ("boots", BOOTS, Concept("boots", "test", "category", {"en": "Booties"})),
        ("hats", None, HATS),
    ]
    assert [(one.before, one.after) for one in found.relations] == [(BELOW, None)]
    assert same(reconciled(store), now), "it is recorded once"
    assert same(history.at_version(store, 1), first)


def test_an_external_edit_between_two_edits(store: TaxonomyStore, external: ExternalEdits) -> None:
    edit.apply(store, changes(SHOES, BOOTS))
    external.rename("boots", "Booties")
    edit.apply(store, changes(HATS, author="bob"))
    assert [(one.version, one.author, one.origin) for one in reversed(store.versions())] == [
        (1, "ann", "kgtag"),
        (2, EXTERNAL_AUTHOR, "outside"),
        (3, "bob", "kgtag"),
    ]
    assert history.at_version(store, 1)["boots"] == BOOTS
    assert history.at_version(store, 2)["boots"].label() == "Booties" and "hats" not in history.at_version(store, 2)


def test_an_expected_version_is_gone_after_an_external_edit(store: TaxonomyStore, external: ExternalEdits) -> None:
    edit.apply(store, changes(SHOES))
    external.rename("shoes", "Footwear")
    with pytest.raises(ConflictError, match="at version 2, not at 1"):
        edit.apply(store, changes(HATS), expect_version=1)
    assert edit.apply(store, changes(HATS), expect_version=2).version == 3


def test_a_store_that_others_filled(store: TaxonomyStore, external: ExternalEdits) -> None:
    external.create("shoes", "Shoes")
    now = reconciled(store)
    assert (now.version, store.versions()[0].origin) == (1, "outside")
    assert len(history.at_version(store, 0)) == 0


def test_what_is_quarantined_enters_when_it_becomes_sound(store: TaxonomyStore, external: ExternalEdits) -> None:
    edit.apply(store, changes(SHOES, COLOR, RED, HOME))
    external.unrelate("value_of", "red", "color")
    gone = reconciled(store)
    assert "red" not in gone and "red" in {concept.id for concept in store.read().concepts}
    external.set_status("shoes", "odd")
    external.set_status("shoes", "stranger")
    reconciled(store)
    after = edit.apply(store, changes(HOME, author="bob"))
    assert "red" in after
    entry = history.entry_at(store, after.version)
    assert [(one.key, one.after) for one in effects(entry.changes, entry.undo).concepts] == [("red", RED)]
    assert [one.origin for one in store.versions()] == ["kgtag", "outside", "outside", "kgtag"]
    for version, ids in (
        (1, {"shoes", "color", "red"}),
        (2, {"shoes", "color"}),
        (3, {"color"}),
        (4, {"color", "red"}),
    ):
        assert set(history.at_version(store, version).ids) == ids


def test_one_of_many_services_reconciles(store: TaxonomyStore, external: ExternalEdits) -> None:
    edit.apply(store, changes(SHOES))
    external.rename("shoes", "Footwear")
    known = history.at_version(store, 1)
    ready = threading.Barrier(4)

    def notice(n: int) -> Taxonomy | None:
        now = Taxonomy.of(store.read())
        ready.wait()
        return reconcile(store, now, known=known if n % 2 else None)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(notice, range(4)))
    assert [one.version for one in store.versions()] == [2, 1]
    assert {one.version for one in found if one is not None} == {2}
    assert reconciled(store).version == 2


def test_an_outdated_snapshot_reconciles_nothing(store: TaxonomyStore, external: ExternalEdits) -> None:
    edit.apply(store, changes(SHOES))
    old = Taxonomy.of(store.read())
    edit.apply(store, changes(HATS))
    assert reconcile(store, old) is None
    assert len(store.versions()) == 2


def test_internal_and_external_edits_between_two_polls(store: TaxonomyStore, external: ExternalEdits) -> None:
    known = edit.apply(store, changes(SHOES))
    store.apply(changes(HATS))
    external.rename("shoes", "Footwear")
    now = reconcile(store, Taxonomy.of(store.read()), known=known)
    assert now is not None and now.version == 3
    entry = history.entry_at(store, 3)
    assert [one.key for one in effects(entry.changes, entry.undo).concepts] == ["shoes"]


# -- going back -----------------------------------------------------------------------------------------


def test_versions_that_are_not_there(store: TaxonomyStore) -> None:
    with pytest.raises(UnknownVersion, match="no version 1; there is none yet"):
        history.at_version(store, 1)
    edit.apply(store, changes(SHOES))
    for version in (2, -1):
        with pytest.raises(UnknownVersion, match=f"no version {version}; there is 0 to 1"):
            history.at_version(store, version)
    for version in (0, 2):
        with pytest.raises(UnknownVersion, match=f"no version {version}; there is 1 to 1"):
            history.entry_at(store, version)


def test_entries_written_without_a_way_back(store: TaxonomyStore) -> None:
    """As every entry was before there were records; what they did is worked out."""
    store.apply(changes(SHOES, BOOTS, BELOW))
    store.apply(changes(Concept("boots", "test", "category", {"en": "Booties"})))
    edit.apply(store, changes(HATS))
    assert [one.origin for one in store.versions()] == ["kgtag"] * 3
    assert history.at_version(store, 1)["boots"] == BOOTS
    (found,) = effects(*_sides(store, 2)).concepts
    assert (found.before, found.after) == (BOOTS, Concept("boots", "test", "category", {"en": "Booties"}))
    assert undo(store, 2, author="bob")["boots"] == BOOTS


def _sides(store: TaxonomyStore, version: int) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    entry = history.entry_at(store, version)
    return entry.changes, entry.undo


def test_a_history_with_a_hole_says_so(sqlite_store: SqliteStore) -> None:
    for concept in (SHOES, BOOTS, HATS, COLOR):
        edit.apply(sqlite_store, changes(concept))
    with closing(sqlite3.connect(sqlite_store.url.removeprefix("sqlite:///"))) as db, db:
        db.execute("DELETE FROM change_set WHERE version = 2")
    assert history.at_version(sqlite_store, 3).ids == ("boots", "hats", "shoes")
    with pytest.raises(StoreError, match="doesn't lead to version 1 any more"):
        history.at_version(sqlite_store, 1)
    with pytest.raises(StoreError, match="lacks version 2"):
        history.entry_at(sqlite_store, 2)


# -- undo -----------------------------------------------------------------------------------------------


def test_undo_and_its_undo(store: TaxonomyStore) -> None:
    first = edit.apply(store, changes(SHOES, BOOTS, BELOW, COLOR, RED, HOME))
    second = edit.apply(store, changes(DeleteConcept("boots"), Concept("shoes", "test", "category", {"en": "Schuhe"})))
    back = undo(store, 2, author="bob", reason="too hasty")
    assert (back.version, back.revision) == (3, first.revision)
    assert store.versions(limit=1)[0].reason == "undo of version 2: too hasty"
    forth = undo(store, 3, author="bob")
    assert (forth.version, forth.revision) == (4, second.revision)
    assert Taxonomy.of(store.read()).revision == second.revision
    assert undo(store, 4, author="bob").revision == first.revision


def test_undo_of_an_external_edit(store: TaxonomyStore, external: ExternalEdits) -> None:
    first = edit.apply(store, changes(SHOES, BOOTS, BELOW))
    external.delete("shoes")
    reconciled(store)
    assert undo(store, 2, author="ann").revision == first.revision


def test_undo_of_tags_that_moved_moves_them_back(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES, BOOTS))
    edit.apply(store, changes(Retag("boots", "shoes", ("wellies",)), Retag("shoes", "boots", back=True)))
    back = (Retag("boots", "shoes"), Retag("shoes", "boots", ("wellies",), back=True))
    assert history.entry_at(store, 2).undo == back
    undo(store, 2, author="ann")
    assert history.entry_at(store, 3).changes == (back[0], replace(back[1], version=2))


def tagged(store: TaxonomyStore) -> dict[str, str]:
    return {item.id: tag.concept for item in store.items() for tag in item.tags}


def put_item(store: TaxonomyStore, id: str, concept: str) -> None:
    store.put_items([TaggedItem(id, id, "en", "m", "r", (ItemTag(concept, 0.9, "exact"),))])


def test_undo_brings_tags_back_from_a_concept_that_goes(store: TaxonomyStore) -> None:
    edit.apply(store, changes(BOOTS))
    put_item(store, "i", "boots")
    edit.apply(store, changes(SHOES, Retag("boots", "shoes")))
    assert tagged(store) == {"i": "shoes"}
    assert undo(store, 2, author="ann").ids == ("boots",)
    assert tagged(store) == {"i": "boots"}


def test_undo_leaves_tags_alone_that_went_the_same_way_later(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES, BOOTS, HATS))
    for id in ("early", "late"):
        put_item(store, id, "boots")
        edit.apply(store, changes(Retag("boots", "shoes"), Concept("hats", "test", "category", {"en": id})))
    assert tagged(store) == {"early": "shoes", "late": "shoes"}
    undo(store, 3, author="ann")
    assert tagged(store) == {"early": "shoes", "late": "boots"}
    undo(store, 2, author="ann")
    assert tagged(store) == {"early": "boots", "late": "boots"}


@pytest.mark.parametrize(
    ("later", "named"),
    [
        ([Concept("boots", "test", "category", {"en": "Booties"})], "'boots' changed since by version 3"),
        ([DeleteRelation(BELOW)], "'boots', 'shoes' changed since by version 3"),
        ([HATS, Relation("related", "boots", "hats")], "'boots' changed since by version 3"),
        ([DeleteConcept("boots")], "'boots', 'shoes' changed since by version 3"),
    ],
)
def test_undo_stops_where_something_changed_since(
    store: TaxonomyStore, later: list[Change | Concept | Relation], named: str
) -> None:
    edit.apply(store, changes(SHOES))
    edit.apply(store, changes(BOOTS, BELOW))
    edit.apply(store, changes(*later))
    before = store.read()
    with pytest.raises(ConflictError, match=f"version 2 can't be undone: {named}; undo that first"):
        undo(store, 2, author="ann")
    assert store.read() == before
    undo(store, 3, author="ann")
    assert undo(store, 2, author="ann").ids == ("shoes",)


def test_undo_that_would_be_unsound_or_empty(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES, BOOTS, BELOW))
    edit.apply(store, changes(DeleteRelation(BELOW)))
    edit.apply(store, changes(Relation("broader", "shoes", "boots", primary=True)))
    with pytest.raises(InvariantError, match="broader than themselves"):
        undo(store, 2, author="ann")
    store.apply(ChangeSet((), "ann"), record=Record((), (), Taxonomy.of(store.read()).revision))
    with pytest.raises(InputError, match="version 4 changed nothing"):
        undo(store, 4, author="ann")
    with pytest.raises(UnknownVersion):
        undo(store, 9, author="ann")


# -- releases -------------------------------------------------------------------------------------------


def test_releases_by_the_calendar(store: TaxonomyStore, external: ExternalEdits) -> None:
    august, september = (datetime(2026, month, 9, tzinfo=UTC) for month in (8, 9))
    with pytest.raises(InputError, match="no version yet"):
        releases.release(store, author="ann", today=august)
    names = []
    for n in range(12):
        edit.apply(store, changes(Concept(f"c{n}", "test", "category", {"en": "c"})))
        names.append(releases.release(store, author="ann", notes=f"no. {n}", today=august).name)
    assert names == [f"2026.08.{n}" for n in range(12)]
    with pytest.raises(ReleaseTaken, match=r"there is release 2026\.08\.11 of version 12 already"):
        releases.release(store, author="ann", today=september)
    external.rename("c0", "by hand")
    last = releases.release(store, author="bob", today=september)
    assert (last.name, last.version, last.author) == ("2026.09.0", 13, "bob")
    assert last.revision == reconciled(store).revision == store.versions(limit=1)[0].revision
    assert [one.name for one in store.releases()] == [*names, "2026.09.0"]
    assert store.releases()[0].notes == "no. 0"
    assert releases.version_named(store, "2026.08.3") == 4
    with pytest.raises(UnknownVersion, match=r"no release '2026\.07\.0'; there is"):
        releases.version_named(store, "2026.07.0")


def test_a_release_has_one_name_and_a_name_one_release(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES))
    one = Release("2026.08.0", 1, "r", "2026-08-01T00:00:00+00:00", "ann", "notes 🙂")
    store.put_release(one)
    for other in (Release("2026.08.0", 2, "r", "", "bob"), Release("2026.08.1", 1, "r", "", "bob")):
        with pytest.raises(ReleaseTaken) as caught:
            store.put_release(other)
        assert (caught.value.name, caught.value.version) == ("2026.08.0", 1)
    assert store.releases() == [one]


def test_two_releases_at_once_get_two_names(store: TaxonomyStore) -> None:
    edit.apply(store, changes(SHOES))
    today = datetime(2026, 8, 1, tzinfo=UTC)
    ready = threading.Barrier(3)

    def release(_: int) -> str:
        ready.wait()
        try:
            return releases.release(store, author="ann", today=today).name
        except ReleaseTaken:
            return "taken"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(release, range(3))) == ["2026.08.0", "taken", "taken"]


def test_stamps(store: TaxonomyStore, external: ExternalEdits) -> None:
    assert releases.stamped(store)[1] == releases.Stamp("0" * 16)
    edit.apply(store, changes(SHOES))
    named = releases.release(store, author="ann")
    taxonomy, stamp = releases.stamped(store)
    assert stamp == releases.Stamp(taxonomy.revision, 1, named.name)
    external.rename("shoes", "Footwear")
    taxonomy, stamp = releases.stamped(store)
    assert stamp == releases.Stamp(taxonomy.revision, 2, None)


# -- entries from before there were payloads --------------------------------------------------------------


OLD = [changes(SHOES, BOOTS, BELOW), changes(DeleteConcept("boots"), author="bob")]


def test_sqlite_entries_of_the_first_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("graph.sqlite.store.shipped", lambda engine: shipped(engine)[:1])
        SqliteStore.open(tmp_path / "old.db").migrate()
    with closing(sqlite3.connect(tmp_path / "old.db")) as db, db:
        for n, old in enumerate(OLD, 1):
            lines = "[" + ",\n".join(map(dump_change, old.changes)) + "]"
            db.execute("INSERT INTO change_set VALUES (?, '2026', ?, ?, ?)", (n, old.author, old.reason, lines))
        db.execute("INSERT INTO concept (id, scheme, kind, pref_label) VALUES ('shoes', 'test', 'category', ?)",
                   (orjson.dumps({"en": "Shoes"}).decode(),))  # fmt: skip
    store = SqliteStore.open(tmp_path / "old.db")
    assert store.migrate() == [m.name for m in shipped("sqlite")[1:]]
    _assert_old(store)
    store.close()


def test_neo4j_entries_of_the_first_schema(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    for n, old in enumerate(OLD, 1):
        row = {"version": n, "at": "2026", "author": old.author, "reason": old.reason}
        neo4j_driver.execute_query(
            "CREATE (s:ChangeSet) SET s = $row, s.changes = $changes",
            row=row,
            changes=[dump_change(change) for change in old.changes],
        )
    neo4j_driver.execute_query("MATCH (m:Meta) SET m.version = 2")
    CypherEdits(neo4j_driver).create("shoes", "Shoes")
    _assert_old(neo4j_store)


def _assert_old(store: TaxonomyStore) -> None:
    assert [(e.version, e.author, e.changes, e.origin, e.revision) for e in store.history()] == [
        (n, old.author, old.changes, "kgtag", "") for n, old in enumerate(OLD, 1)
    ]
    assert [(one.version, one.changes, one.summary) for one in store.versions()] == [
        (2, 1, "1 concept deleted: boots"),
        (1, 3, "2 concepts written, 1 relation written: Shoes, Boots, boots"),
    ]
    assert reconciled(store).version == 2, "what the old entries say is what is there"
    assert history.at_version(store, 1).ids == ("boots", "shoes")
    assert [one.key for one in effects(*_sides(store, 2)).concepts] == ["boots"]
    assert undo(store, 2, author="ann").ids == ("boots", "shoes")
    assert edit.apply(store, changes(HATS)).version == 4
