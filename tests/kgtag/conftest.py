"""The sample shop in a store, and the demo's output, made once and shared by every worker."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from graph.stores import open_store
from kgtag.data import sample
from kgtag.data.importing import import_files
from tests.kgtag.running import Ran, run
from tests.once import once


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """The URL of a store that holds the sample taxonomy."""
    store = open_store(f"sqlite:///{tmp_path / 'shop.db'}")
    store.migrate()
    import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="test")
    store.close()
    return store.url


@dataclass(frozen=True)
class Trained:
    """What `kgtag demo` left behind, and what it said. Tests that write to its store take a `copy`."""

    out: Path
    ran: Ran

    @property
    def store(self) -> str:
        return f"sqlite:///{self.out / 'shop.db'}"

    @property
    def model(self) -> Path:
        return self.out / "model"

    @property
    def embeddings(self) -> Path:
        return self.out / "embeddings"

    def copy(self, folder: Path) -> str:
        """The URL of a copy of the store."""
        shutil.copy(self.out / "shop.db", folder / "copy.db")
        return f"sqlite:///{folder / 'copy.db'}"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The demo on the sample data, with one epoch."""

    def make(out: Path) -> None:
        # One thread: several workers' threads would wait for each other longer than they work.
        ran = run("demo", "--out", out / "demo", "--epochs", "1", env={"OMP_NUM_THREADS": "1"})
        (out / "ran.json").write_text(json.dumps([ran.code, ran.stdout, ran.stderr]), encoding="utf-8")

    made = once(tmp_path_factory, "demo", make)
    ran = Ran(*json.loads((made / "ran.json").read_text(encoding="utf-8")))
    assert ran.code == 0, ran.stderr
    return Trained(made / "demo", ran)
