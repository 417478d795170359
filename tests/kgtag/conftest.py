"""The sample shop in a store, and the demo's output, made once and shared by every worker."""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from graph.stores import open_store
from kgtag.data import sample
from kgtag.data.importing import import_files
from tests.kgtag.running import Ran, run


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
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Trained:
    """The demo on the sample data, with few epochs."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    said = shared / "demo.json"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            # One thread: several workers' threads would wait for each other longer than they work.
            ran = run("demo", "--out", shared / "demo", "--epochs", "2", env={"OMP_NUM_THREADS": "1"})
            said.write_text(json.dumps([ran.code, ran.stdout, ran.stderr]), encoding="utf-8")
    ran = Ran(*json.loads(said.read_text(encoding="utf-8")))
    assert ran.code == 0, ran.stderr
    return Trained(shared / "demo", ran)
