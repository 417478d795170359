"""What a service notices enters the history, and serving goes on when it can't."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from graph.editing import edit
from graph.errors import ModelMismatch
from graph.history import versions as history
from graph.model import ChangeSet, Concept, ItemTag, PutConcept, TaggedItem
from graph.sqlite.file import SqliteFile
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import Recommender
from kgtag.search.query import QueryParser
from kgtag.search.suggest import Suggester
from kgtag.serve.live import Served
from tests.api import shop
from tests.graph.external_edits import SqlEdits
from tests.kgtag.serve.test_live import following


class Builder:
    def __init__(self) -> None:
        self.built = 0
        self.needs = "red"

    def __call__(self, taxonomy: Taxonomy, before: Served | None) -> Served:
        self.built += 1
        if self.needs not in taxonomy:
            raise ModelMismatch(f"lacks {self.needs}")
        return Served(taxonomy, Recommender(taxonomy), Suggester(taxonomy), QueryParser(taxonomy), None)


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


@pytest.fixture
def hands(store: SqliteStore) -> SqlEdits:
    return SqlEdits(store.url.removeprefix("sqlite:///"))


def origins(store: SqliteStore) -> list[str]:
    return [one.origin for one in reversed(store.versions())]


def _add(store: SqliteStore, id: str) -> None:
    edit.apply(store, ChangeSet((PutConcept(Concept(id, "shop", "category", {"en": id})),), "test"))


def test_an_edit_by_hand_is_served_and_recorded_under_its_version(store: SqliteStore, hands: SqlEdits) -> None:
    builder = Builder()
    live = following(store, builder)
    hands.rename("sandals", "Sliders")
    live.refresh()
    assert live.current.taxonomy["sandals"].label() == "Sliders"
    assert (live.current.taxonomy.version, origins(store)) == (2, ["kgtag", "outside"])
    for _ in range(3):
        live.refresh()
    assert (builder.built, origins(store)) == (2, ["kgtag", "outside"])


def test_edits_through_kgtag_are_not_taken_for_edits_by_hand(store: SqliteStore) -> None:
    live = following(store, Builder())
    _add(store, "hats")
    live.refresh()
    _add(store, "gloves")
    _add(store, "scarves")
    live.refresh()
    assert origins(store) == ["kgtag"] * 4 and live.current.taxonomy.version == 4


def test_both_between_two_looks(store: SqliteStore, hands: SqlEdits) -> None:
    live = following(store, Builder())
    _add(store, "hats")
    hands.rename("sandals", "Sliders")
    live.refresh()
    assert origins(store) == ["kgtag", "kgtag", "outside"]
    assert [one.concepts for one in store.versions(limit=1)] == [("sandals",)]


def test_edits_by_hand_while_nothing_was_running(store: SqliteStore, hands: SqlEdits) -> None:
    _add(store, "hats")
    hands.rename("sandals", "Sliders")
    live = following(store, Builder())
    assert (live.current.taxonomy.version, origins(store)) == (3, ["kgtag", "kgtag", "outside"])
    assert history.at_version(store, 2)["sandals"].label() == "Sandals"


def test_two_services_and_a_writer_record_an_edit_once(store: SqliteStore, hands: SqlEdits) -> None:
    services = [following(store, Builder()) for _ in range(2)]
    hands.rename("sandals", "Sliders")
    for live in services * 2:
        live.refresh()
    _add(store, "hats")
    for live in services * 2:
        live.refresh()
    assert origins(store) == ["kgtag", "outside", "kgtag"]
    assert {live.current.taxonomy.version for live in services} == {3}


def test_a_record_that_can_not_be_written_is_served(
    store: SqliteStore, hands: SqlEdits, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(store.url.removeprefix("sqlite:///"))
    impatient = SqliteStore(SqliteFile(path, busy_seconds=0.1))
    hands.rename("sandals", "Sliders")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        live = following(impatient, Builder())
    assert live.current.taxonomy["sandals"].label() == "Sliders" and live.freshness.error is None
    assert "could not be recorded" in caplog.text and "Traceback" not in caplog.text
    hands.rename("sandals", "Slippers")
    live.refresh()
    assert (origins(store), live.current.taxonomy.version) == (["kgtag", "outside"], 2)
    impatient.close()


def test_a_damaged_history_is_no_reason_to_stop(
    store: SqliteStore, hands: SqlEdits, caplog: pytest.LogCaptureFixture
) -> None:
    live = following(store, Builder())
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:///"))) as db, db:
        db.execute("UPDATE change_set SET payload = x'00'")
    hands.rename("sandals", "Sliders")
    live.refresh()
    assert live.current.taxonomy["sandals"].label() == "Sliders" and live.freshness.error is None
    assert "history entry 1 doesn't read" in caplog.text


def test_what_the_models_refuse_is_recorded_all_the_same(store: SqliteStore, hands: SqlEdits) -> None:
    builder = Builder()
    builder.needs = "sandals"
    live = following(store, builder)
    hands.delete("sandals")
    live.refresh()
    live.refresh()
    assert live.freshness.error == "lacks sandals" and "sandals" in live.current.taxonomy
    assert origins(store) == ["kgtag", "outside"]
    built = builder.built
    live.refresh()
    assert builder.built == built, "what doesn't fit isn't tried again before the record changes"


def test_items_alone_cost_no_reading(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    live = following(store, Builder())
    store.put_items([TaggedItem("i", "t", None, "m", "r", (ItemTag("red", 1.0, "exact"),))])
    live.refresh()
    reads: list[int] = []
    read = store.read
    monkeypatch.setattr(store, "read", lambda: reads.append(1) or read())
    for _ in range(3):
        live.refresh()
    assert reads == [] and origins(store) == ["kgtag"]
