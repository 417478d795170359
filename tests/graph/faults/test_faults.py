"""Disks that fill up, files that can't be written, locks, damage, old servers, migrators that die or race: one clear
error each, and nothing lost. What threads and hand edits do is in `test_concurrency` and `test_migrations`."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import IncompleteCommit

from graph.errors import MigrationError, StoreUnavailable
from graph.migrate import shipped
from graph.model import ChangeSet, Concept, PutConcept, TaggedItem
from graph.neo4j.connection import require_supported
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

NOBODY = 65_534


def _many(count: int) -> ChangeSet:
    put = (PutConcept(Concept(f"c{n}", "s", "category", {"en": "x" * 500})) for n in range(count))
    return ChangeSet(tuple(put), "ann")


def _child(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys\n" + code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


# -- disks --------------------------------------------------------------------------------------------------------

FILL = """
import resource
from graph.errors import StoreUnavailable
from graph.sqlite.store import SqliteStore
from tests.graph.faults.test_faults import _many
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store = SqliteStore.open(sys.argv[1])
try:
    store.apply(_many(5_000))
except StoreUnavailable as error:
    print(error)
print(store.apply(_many(1)), len(store.read().concepts))
"""


def test_a_file_that_may_not_grow(sqlite_store: SqliteStore, sqlite_url: str) -> None:
    """By the system's limit on file sizes; the same store goes on afterwards with what fits."""
    sqlite_store.apply(_many(2))
    sqlite_store.close()
    path = sqlite_url.removeprefix("sqlite:///")
    done = _child(FILL, path)
    said, went_on = done.stdout.splitlines()
    assert "kgtag.db: the disk" in said and "free" in said
    assert went_on == "2 2" and done.stderr == ""
    _sound(path, concepts=2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """400 KB of memory as a disk; needs the right to mount, which the limit above does without."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "kgtag.db"
    store = SqliteStore.open(path)
    store.migrate()
    store.apply(_many(2))
    items = [TaggedItem(f"i{n}", "x" * 500, None, "m", "r", ()) for n in range(2_000)]
    for write in (lambda: store.apply(_many(2_000)), lambda: store.put_items(items)):
        with pytest.raises(StoreUnavailable, match=r"kgtag\.db: the disk is full; free some space"):
            write()
    assert len(store.read().concepts) == 2 and list(store.items()) == []
    store.close()
    _sound(path, concepts=2)
    (small_disk / "rest").write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 4096))
    fresh = SqliteStore.open(small_disk / "fresh.db")
    with pytest.raises(StoreUnavailable, match=r"fresh\.db: the disk"):
        fresh.migrate()
    (small_disk / "rest").unlink()
    assert fresh.migrate() == [m.name for m in shipped("sqlite")]
    fresh.close()


def _sound(path: str | Path, *, concepts: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqliteStore.open(path)
    assert len(store.read().concepts) == concepts
    store.close()


READ_ONLY = """
import os
from graph.errors import StoreUnavailable
from graph.migrate import shipped
from graph.model import TaggedItem
from graph.sqlite.store import SqliteStore
from tests.graph.faults.test_faults import _many
shipped("sqlite")  # Imports what it needs while this user may still read it.
if os.getuid() == 0:
    os.setuid(int(sys.argv[2]))
store = SqliteStore.open(sys.argv[1])
item = TaggedItem("i", "t", None, "m", "r", ())
for call in (lambda: store.apply(_many(1)), lambda: store.put_items([item])):
    try:
        call()
        print("written")
    except StoreUnavailable as error:
        print(error)
"""


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_read_only_file(sqlite_store: SqliteStore, sqlite_url: str, folder_too: bool) -> None:
    """For root, who may write anything, as somebody else."""
    sqlite_store.apply(_many(2))
    sqlite_store.close()
    folder = Path(tempfile.mkdtemp(dir="/tmp" if os.getuid() == 0 else None))
    try:
        path = folder / "kgtag.db"
        shutil.copy(sqlite_url.removeprefix("sqlite:///"), path)
        path.chmod(0o444)
        folder.chmod(0o555 if folder_too else 0o777)
        done = _child(READ_ONLY, path, NOBODY)
        lines = done.stdout.splitlines()
        assert len(lines) == 2 and done.stderr == "", done.stderr
        assert all("kgtag.db: it can't be" in line and "permissions" in line for line in lines), lines
        folder.chmod(0o755)
        _sound(path, concepts=2)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_another_process_holds_the_lock(sqlite_store: SqliteStore, sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    hold = (
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\ndb.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        store = SqliteStore.open(path, busy_seconds=0.2)
        for call in (lambda: store.apply(_many(1)), store.migrate, lambda: store.put_items([])):
            with pytest.raises(StoreUnavailable, match="another process has locked it"):
                call()
        assert store.read().version == 0
        holder.kill()
    assert store.apply(_many(1)) == 1
    store.close()


def test_a_damaged_file(sqlite_store: SqliteStore, sqlite_url: str) -> None:
    sqlite_store.apply(_many(200))
    sqlite_store.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
    store = SqliteStore.open(path)
    with pytest.raises((StoreUnavailable, MigrationError), match=r"damaged; restore a backup|not a SQLite database"):
        store.read()
    store.close()
    path.write_bytes(whole)
    _sound(path, concepts=200)


def test_every_commit_reaches_the_disk(sqlite_store: SqliteStore) -> None:
    """Write-ahead log, synced at each commit: what a kill leaves, and what a power cut leaves."""
    with sqlite_store._file.writing() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# -- servers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", ["Neo4j/4.4.12", "Neo4j/3.5.0", "Neo4j/5.5.0", "Neo4j/5.25.1-drop"])
def test_servers_that_are_too_old(agent: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"Neo4j \d.* at bolt://x is too old; kgtag needs Neo4j 5\.26 or later"):
        require_supported(agent, "bolt://x")


@pytest.mark.parametrize("agent", ["Neo4j/5.26.0", "Neo4j/5.26.12", "Neo4j/2025.01.0", "Neo4j/dev", "Other/1.0"])
def test_servers_that_will_do(agent: str) -> None:
    require_supported(agent, "bolt://x")


def test_a_commit_of_unknown_outcome_says_so(neo4j_store: Neo4jStore) -> None:
    said = str(neo4j_store._connection.explained(IncompleteCommit("gone")))
    assert "during a commit" in said and "kgtag versions" in said


def test_without_indexes_and_constraints_it_works_on(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    """They make it fast and keep hand edits tidy; a dropped one loses nothing, and twins are named."""
    neo4j_store.apply(_many(3))
    neo4j_driver.execute_query("DROP INDEX concept_labels IF EXISTS")
    neo4j_driver.execute_query("DROP CONSTRAINT concept_id IF EXISTS")
    try:
        neo4j_store.apply(_many(4))
        assert [c.id for c in neo4j_store.read().concepts] == ["c0", "c1", "c2", "c3"]
        neo4j_driver.execute_query("CREATE (:Concept:Category {id: 'c0', scheme: 's', prefLabel: ['Twin@en']})")
        taxonomy = Taxonomy.of(neo4j_store.read())
        assert len(taxonomy) == 4 and "c1" in taxonomy
        assert neo4j_store.read().version == 2
    finally:
        neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
        neo4j_store.migrate()


# -- migrators ----------------------------------------------------------------------------------------------------

MIGRATE = """
import os, signal
import graph.neo4j.store, graph.sqlite.store
url, die_at = sys.argv[1], int(sys.argv[2])
module = graph.sqlite.store if url.startswith("sqlite:///") else graph.neo4j.store
statements = module._statements
def dying(text):
    for number, statement in enumerate(statements(text)):
        if number == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        yield statement
module._statements = dying
if module is graph.sqlite.store:
    store = module.SqliteStore.open(url.removeprefix("sqlite:///"))
else:
    store = module.Neo4jStore.open(url)
print(len(store.migrate()))
"""


@pytest.fixture(params=["sqlite", "neo4j"])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has no schema yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    driver: neo4j.Driver = request.getfixturevalue("neo4j_driver")
    url: str = request.getfixturevalue("empty_neo4j")
    for kind, query in (("CONSTRAINT", "SHOW CONSTRAINTS YIELD name"), ("INDEX", "SHOW INDEXES YIELD name, type")):
        for row in driver.execute_query(query).records:
            if row.get("type") != "LOOKUP":
                driver.execute_query(f"DROP {kind} {row['name']}")
    return url


def _open(url: str) -> Any:
    return SqliteStore.open(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else Neo4jStore.open(url)


def _works(store: TaxonomyStore) -> None:
    assert store.apply(_many(2)) == 1
    assert len(store.read().concepts) == 2
    store.close()


@pytest.mark.parametrize("die_at", [0, 3, 7])
def test_a_migrator_that_was_killed(unmigrated: str, die_at: int) -> None:
    """The next one begins again where that one began, and nobody takes the half for the whole."""
    assert _child(MIGRATE, unmigrated, die_at).returncode == -signal.SIGKILL
    store = _open(unmigrated)
    with pytest.raises(MigrationError, match="kgtag migrate"):
        store.read()
    assert all(status.applied_at is None for status in store.migrations())
    engine = "sqlite" if unmigrated.startswith("sqlite") else "neo4j"
    assert store.migrate() == [migration.name for migration in shipped(engine)]  # type: ignore[arg-type]
    _works(store)


def test_migrators_at_once(unmigrated: str) -> None:
    """As processes, as two deployments would."""
    command = [sys.executable, "-c", "import sys\n" + MIGRATE, unmigrated, "-1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120) for process in running]
    # The driver may tell of deadlocks that it solved by trying again.
    assert [process.returncode for process in running] == [0, 0, 0], said
    store = _open(unmigrated)
    assert sum(int(applied) for applied, _ in said) == len(store.migrations())
    assert all(status.applied_at for status in store.migrations())
    _works(store)
