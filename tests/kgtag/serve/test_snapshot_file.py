"""A service that starts from its snapshot file, and keeps it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph import snapshot_file
from graph.editing import edit
from graph.errors import StoreError
from graph.model import ChangeSet, Concept, DeleteConcept, PutConcept
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.serve.snapshot_file import SnapshotFile
from kgtag.serve.state import State
from tests.api import shop
from tests.kgtag.serve.test_live import Builder, following


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


class Lasting(SqliteStore):
    """A store whose tokens outlive a process, as a server's do, and which counts how often it is read."""

    durable_tokens = True
    reads = 0

    def token(self) -> str:
        return "lasting"

    def read(self):  # type: ignore[no-untyped-def]
        self.reads += 1
        return super().read()


def _add(store: SqliteStore, id: str) -> None:
    edit.apply(store, ChangeSet((PutConcept(Concept(id, "shop", "category", {"en": id})),), "test"))


def _file(store: SqliteStore, tmp_path: Path) -> SnapshotFile:
    return SnapshotFile(tmp_path / "shop.snapshot", store.url)


def test_the_file_is_written_and_follows(store: SqliteStore, tmp_path: Path) -> None:
    file = _file(store, tmp_path)
    live = following(store, Builder(), file=file)
    file.close()
    assert snapshot_file.load(file.path).taxonomy.revision == live.current.taxonomy.revision
    _add(store, "hats")
    live.refresh()
    live.stop()
    assert "hats" in snapshot_file.load(file.path).taxonomy


def test_a_start_without_the_record_serves_the_file_and_says_so(store: SqliteStore, tmp_path: Path) -> None:
    file = _file(store, tmp_path)
    following(store, Builder(), file=file).stop()
    (tmp_path / "kgtag.db").rename(tmp_path / "away.db")
    live = following(store, Builder(), file=_file(store, tmp_path))
    assert "red" in live.current.taxonomy and "has not confirmed" in str(live.freshness.error)
    assert live.freshness.state is State.UNCONFIRMED
    live.refresh()
    assert "no file" in str(live.freshness.error) and live.freshness.state is State.STALE
    (tmp_path / "away.db").rename(tmp_path / "kgtag.db")
    live.refresh()
    assert live.freshness.error is None and "red" in live.current.taxonomy


def test_what_the_record_has_become_is_swapped_in(store: SqliteStore, tmp_path: Path) -> None:
    following(store, Builder(), file=_file(store, tmp_path)).stop()
    _add(store, "hats")
    live = following(store, Builder(), file=_file(store, tmp_path))
    assert "hats" not in live.current.taxonomy
    live.refresh()
    assert "hats" in live.current.taxonomy and live.freshness.error is None
    live.stop()
    assert "hats" in snapshot_file.load(tmp_path / "shop.snapshot").taxonomy


def test_a_lasting_token_spares_the_reading(store: SqliteStore, tmp_path: Path) -> None:
    lasting = Lasting.open(tmp_path / "kgtag.db")
    following(lasting, Builder(), file=_file(store, tmp_path)).stop()
    assert lasting.reads == 1
    builder = Builder()
    live = following(lasting, builder, file=_file(store, tmp_path))
    live.refresh()
    live.refresh()
    assert lasting.reads == 1 and live.freshness.error is None
    assert builder.built == 2  # From the file, and once more with the record's items.
    lasting.close()


@pytest.mark.parametrize("content", [b"", b"something else", None])
def test_a_file_of_no_use_is_replaced(
    store: SqliteStore, tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = _file(store, tmp_path)
    if content is not None:
        file.path.write_bytes(content)
    else:
        snapshot_file.save(Taxonomy.of(store.read()), file.path, store="sqlite:///another.db")
    following(store, Builder(), file=file).stop()
    assert snapshot_file.load(file.path).store == store.url
    assert "snapshot" in caplog.text


def test_a_file_that_the_models_no_longer_fit(store: SqliteStore, tmp_path: Path) -> None:
    following(store, Builder(), file=_file(store, tmp_path)).stop()
    _add(store, "hats")
    live = following(store, Builder(needs="hats"), file=_file(store, tmp_path))
    assert "hats" in live.current.taxonomy and live.freshness.error is None
    live.stop()


def test_without_a_file_the_first_load_still_raises(tmp_path: Path) -> None:
    gone = SqliteStore.open(tmp_path / "none.db")
    with pytest.raises(StoreError):
        following(gone, Builder(), file=SnapshotFile(tmp_path / "s", gone.url))


def test_a_file_that_can_not_be_written_is_a_warning(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = following(store, Builder(), file=SnapshotFile(tmp_path / "no" / "folder", store.url))
    live.stop()
    assert "not saved" in caplog.text and live.freshness.error is None
    edit.apply(store, ChangeSet((DeleteConcept("sandals"),), "test"))
    live.refresh()
    assert "sandals" not in live.current.taxonomy
