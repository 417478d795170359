"""Real databases for every test: a fresh SQLite file each, and one Neo4j server for the session, wiped for each test.

A test that asks for Neo4j errors when no server can be had (see `graph.neo4j.local.server`); it never skips, and never
touches a configured database.
"""

from __future__ import annotations

import os
import shutil
import tempfile

# Before torch is there: workers share the cores, and OpenMP threads that spin for each other stop them all.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The many short-lived servers would spend a third of their time on optimising code that they are done with.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j
import pytest
from hypothesis import HealthCheck, settings

from graph.neo4j.local import server as local_neo4j
from graph.neo4j.local.server import LocalServer
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("kgtag", max_examples=30, deadline=None, derandomize=True, suppress_health_check=_CALM)
# For a night: other examples each time, and many where a test gives no number of its own.
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=_CALM)
settings.load_profile("kgtag")


_HERE = Path(__file__).parent
_DISK = 1_500_000_000
"""Bytes that two workers write at most at one time: servers, models, half-written files."""


def pytest_configure() -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < _DISK:
        pytest.exit(
            f"The tests need {_DISK / 1e9:.1f} GB under {folder}, where {free / 1e9:.1f} are free: make room, or set "
            "TMPDIR to a folder that has it.",
            returncode=2,
        )


_SLOW = (
    "api/test_analytics.py",
    "api/test_auth.py",
    "api/test_changes.py",
    "api/test_cli.py",
    "api/test_edit.py",
    "api/test_jobs.py",
    "api/test_new_concept.py",
    "api/test_outage.py",
    "api/test_proposals.py",
    "api/test_schema.py",
    "graph/columns/test_invariants.py",
    "graph/faults/",
    "graph/formats/test_fuzz.py",
    "graph/formats/test_synonyms.py",
    "graph/history/test_history_property.py",
    "graph/test_congruence.py",
    "kgtag/align/",
    "kgtag/cli/",
    "kgtag/data/test_importing.py",
    "kgtag/embed/test_audit.py",
    "kgtag/embed/test_scorer.py",
    "kgtag/evaluation/analytics/",
    "kgtag/extract/test_continual.py",
    "kgtag/extract/test_joined.py",
    "kgtag/link/test_learning.py",
    "kgtag/link/test_trained.py",
    "kgtag/link/test_tuning.py",
    "kgtag/discover/place/",
    "kgtag/serve/test_mcp.py",
    "kgtag/tag/test_retag.py",
    "kgtag/tag/test_batch.py",
    "kgtag/test_front_door.py",
    "kgtag/train/",
)
"""Files that train, start processes, search long, or go through the whole command line or service."""
_SLOW_FIXTURES = {"trained", "extractor", "linker_dir", "demo"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make fast` leaves out, by what a test uses and where it stands."""
    long = set()
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        params = getattr(item, "callspec", None)
        place = item.path.relative_to(_HERE).as_posix() if item.path.is_relative_to(_HERE) else ""
        if "neo4j" in place or any(
            name.startswith("cypher") or "neo4j" in name
            for name in (*fixtures, *map(str, params.params.values() if params else ()))
        ):
            item.add_marker("neo4j")
        if place.startswith("browser/"):
            item.add_marker("browser")
        if place.startswith(_SLOW) or fixtures & _SLOW_FIXTURES:
            item.add_marker("slow")
            long.add(item.path)
        elif getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("slow")
    # Whole files go to a worker in this order: a long one at the end would leave the other worker idle.
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    home = tmp_path_factory.mktemp("neo4j")
    try:
        yield local_neo4j.up("tests", home=home)
    finally:
        local_neo4j.down("tests", home=home, wait_seconds=5.0)


@pytest.fixture(scope="session")
def neo4j_url(neo4j_server: LocalServer) -> str:
    """The session's server, its database as the last test left it: rather ask for `clean_neo4j` or `neo4j_store`."""
    return neo4j_server.url


@pytest.fixture(scope="session")
def neo4j_driver(neo4j_url: str) -> Iterator[neo4j.Driver]:
    """External edits: plain Cypher, as typed into Neo4j Browser."""
    with neo4j.GraphDatabase.driver(neo4j_url, notifications_min_severity="OFF") as driver:
        yield driver


def wipe(driver: neo4j.Driver) -> None:
    """Every node goes, the schema's record included; constraints and indexes stay, and do no harm."""
    driver.execute_query("MATCH (n) DETACH DELETE n", database_="neo4j")


@pytest.fixture
def empty_neo4j(neo4j_url: str, neo4j_driver: neo4j.Driver) -> str:
    """The URL of a database without a single node: not migrated."""
    wipe(neo4j_driver)
    return neo4j_url


_SCHEMA = "SHOW INDEXES YIELD name ORDER BY name RETURN collect(name) AS names"
_NODES = "MATCH (n) RETURN collect({labels: labels(n), properties: properties(n)}) AS nodes"
_AGAIN = "UNWIND $nodes AS node CREATE (n:$(node.labels)) SET n = node.properties"


@pytest.fixture(scope="session")
def migrated() -> dict[str, Any]:
    """What a migration left behind: the names of its indexes, and its nodes."""
    return {}


@pytest.fixture
def clean_neo4j(empty_neo4j: str, neo4j_driver: neo4j.Driver, migrated: dict[str, Any]) -> str:
    """The URL of an empty, migrated database. Migrated once: later its nodes are written again, half a second less."""

    def names() -> Any:
        return neo4j_driver.execute_query(_SCHEMA, database_="neo4j").records[0]["names"]

    if migrated and names() == migrated["names"]:
        neo4j_driver.execute_query(_AGAIN, nodes=migrated["nodes"], database_="neo4j")
        return empty_neo4j
    store = Neo4jStore.open(empty_neo4j)
    store.migrate()
    store.close()
    nodes = neo4j_driver.execute_query(_NODES, database_="neo4j").records[0]["nodes"]
    migrated.update(names=names(), nodes=nodes)
    return empty_neo4j


@pytest.fixture
def neo4j_store(clean_neo4j: str) -> Iterator[Neo4jStore]:
    store = Neo4jStore.open(clean_neo4j)
    yield store
    store.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty, migrated file."""
    store = SqliteStore.open(tmp_path / "kgtag.db")
    store.migrate()
    store.close()
    return store.url


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[SqliteStore]:
    store = SqliteStore.open(sqlite_url.removeprefix("sqlite:///"))
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "neo4j"])
def store(request: pytest.FixtureRequest) -> SqliteStore | Neo4jStore:
    """The same test on every store."""
    found: SqliteStore | Neo4jStore = request.getfixturevalue(f"{request.param}_store")
    return found
