"""The served snapshot follows its record, and survives what happens to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from graph.editing import edit
from graph.errors import ModelMismatch, StoreError
from graph.history import versions as outside
from graph.model import ChangeSet, Concept, DeleteConcept, ItemTag, PutConcept, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.recommend import Recommender
from kgtag.search.query import QueryParser
from kgtag.search.suggest import Suggester
from kgtag.serve.live import LiveTaxonomy, Served
from kgtag.serve.state import State
from tests.api import shop
from tests.graph.external_edits import SqlEdits


class Builder:
    """Builds what is served, and refuses a taxonomy without the concept it needs."""

    def __init__(self, needs: str = "red") -> None:
        self.needs = needs
        self.built = 0
        self.breaks = False

    def __call__(self, taxonomy: Taxonomy, before: Served | None) -> Served:
        self.built += 1
        if self.breaks:
            raise RuntimeError("boom")
        if self.needs not in taxonomy:
            raise ModelMismatch(f"lacks {self.needs}")
        return Served(taxonomy, Recommender(taxonomy), Suggester(taxonomy), QueryParser(taxonomy), None)


def following(store: SqliteStore, builder: Builder, **options: Any) -> LiveTaxonomy:
    live = LiveTaxonomy(store, builder, **options)
    live.load()
    return live


def _add(store: SqliteStore, id: str) -> None:
    edit.apply(store, ChangeSet((PutConcept(Concept(id, "shop", "category", {"en": id})),), "test"))


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


def test_a_new_snapshot_is_swapped_in_and_the_old_one_stays_whole(store: SqliteStore) -> None:
    live = following(store, Builder())
    before = live.current
    _add(store, "hats")
    live.refresh()
    assert "hats" in live.current.taxonomy and "hats" not in before.taxonomy


def test_nothing_is_built_while_nothing_changes(store: SqliteStore) -> None:
    builder = Builder()
    live = following(store, builder)
    for _ in range(5):
        live.refresh()
    assert builder.built == 1 and live.freshness.error is None and live.freshness.stale_for < 5


def test_items_alone_are_counted_after_a_while(store: SqliteStore) -> None:
    builder = Builder()
    live = following(store, builder, items_seconds=0.2)
    store.put_items([TaggedItem("i", "t", None, "m", "r", (ItemTag("red", 1.0, "exact"),))])
    live.refresh()
    assert builder.built == 1
    time.sleep(0.25)
    live.refresh()
    assert builder.built == 2


def test_hands_that_go_on_while_an_edit_is_recorded(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each edit is served at once; the history tells of them together, without being read from its beginning."""
    _add(store, "hats")
    live = following(store, Builder())
    monkeypatch.setattr(outside, "replayed", _fail)
    hands = SqlEdits(store.url.removeprefix("sqlite:///"))
    token, names = store.token, iter(("Slippers", "Clogs"))

    def restless() -> str:
        # Between the read of an edit and its entry there is another one.
        if (name := next(names, None)) is not None:
            hands.rename("sandals", name)
        return token()

    hands.rename("shoes", "Footwear")
    live.refresh()
    assert live.current.taxonomy["shoes"].label() == "Footwear"
    hands.rename("running", "Running")
    monkeypatch.setattr(store, "token", restless)
    for _ in range(4):
        live.refresh()
    assert live.current.taxonomy["sandals"].label() == "Clogs"
    made = list(store.history(after=2))
    assert {entry.origin for entry in made} == {"outside"}
    assert made[-1].revision == live.current.taxonomy.revision


def _fail(*_: object) -> NoReturn:
    raise AssertionError("the whole history was read")


def test_a_record_that_goes_and_comes_back(store: SqliteStore, tmp_path: Path) -> None:
    live = following(store, Builder())
    (tmp_path / "kgtag.db").rename(tmp_path / "away.db")
    live.refresh()
    error = live.freshness.error
    assert error is not None and "no file" in error and "red" in live.current.taxonomy
    (tmp_path / "away.db").rename(tmp_path / "kgtag.db")
    live.refresh()
    assert live.freshness.error is None


def test_the_first_load_raises(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        following(SqliteStore.open(tmp_path / "none.db"), Builder())


def test_models_that_fit_no_more_keep_the_last_snapshot_until_they_fit_again(store: SqliteStore) -> None:
    builder = Builder(needs="sandals")
    live = following(store, builder)
    edit.apply(store, ChangeSet((DeleteConcept("sandals"),), "test"))
    for _ in range(3):
        live.refresh()
    assert (
        live.freshness.error == "lacks sandals"
        and live.freshness.state is State.REJECTED
        and "sandals" in live.current.taxonomy
    )
    assert builder.built == 2  # What doesn't fit isn't tried again before the record changes.
    _add(store, "sandals")
    live.refresh()
    assert live.freshness.error is None and builder.built == 3


def test_the_thread_follows_survives_a_failing_build_and_stops(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    builder = Builder()
    live = following(store, builder, poll_seconds=0.02)
    live.start()
    builder.breaks = True
    _add(store, "hats")
    shop.until(lambda: live.freshness.error is not None)
    time.sleep(0.2)
    assert "hats" not in live.current.taxonomy and caplog.text.count("Traceback") == 1
    builder.breaks = False
    shop.until(lambda: "hats" in live.current.taxonomy)
    shop.until(lambda: live.freshness.error is None)
    live.stop()
    _add(store, "gloves")
    time.sleep(0.1)
    assert "gloves" not in live.current.taxonomy
