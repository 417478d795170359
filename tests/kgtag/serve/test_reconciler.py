"""The reconciler: external edits enter the history, and failures leave the snapshot alone."""

from __future__ import annotations

import pytest

from graph.errors import StoreUnavailable
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.serve.reconciler import Reconciler
from tests.api import shop
from tests.graph.external_edits import SqlEdits


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


def _read(store: SqliteStore) -> tuple[Taxonomy, str]:
    token = store.token()
    return Taxonomy.of(store.read()), token


def test_an_external_edit_becomes_one_entry(store: SqliteStore) -> None:
    reconciler = Reconciler(store)
    before = reconciler.reconcile(*_read(store))
    SqlEdits(store.url.removeprefix("sqlite:///")).rename("shoes", "Footwear")
    found = reconciler.reconcile(*_read(store))
    assert found.version == before.version + 1
    (entry,) = store.history(after=before.version)
    assert entry.origin == "outside" and entry.revision == found.revision
    again = reconciler.reconcile(*_read(store))
    assert again.version == found.version and len(list(store.history(after=before.version))) == 1


def test_a_history_that_cannot_be_read_is_kept_as_the_error_and_the_snapshot_stays(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taxonomy, token = _read(store)
    reconciler = Reconciler(store)

    def gone(**_: object) -> list[object]:
        raise StoreUnavailable("no history today")

    with monkeypatch.context() as patch:
        patch.setattr(store, "versions", gone)
        assert reconciler.reconcile(taxonomy, token) is taxonomy
        assert reconciler.reconcile(taxonomy, token) is taxonomy
    assert reconciler.history_error == "no history today" and caplog.text.count("no history today") == 1
    reconciler.reconcile(taxonomy, token)
    assert reconciler.history_error is None
