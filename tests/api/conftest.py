"""A served shop, and clients with one scope each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graph.sqlite.store import SqliteStore
from tests.api import shop


@pytest.fixture
def shop_store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


@pytest.fixture
def keys(shop_store: SqliteStore) -> dict[str, str]:
    return shop.keys(shop_store)


@pytest.fixture
def base(shop_store: SqliteStore, keys: dict[str, str]) -> Iterator[str]:
    with shop.shop_server(shop_store.url) as url:
        yield url


@pytest.fixture
def anyone(base: str) -> Iterator[httpx.Client]:
    with shop.client(base) as client:
        yield client


@pytest.fixture
def reader(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["read"]) as client:
        yield client


@pytest.fixture
def tagger(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["tag"]) as client:
        yield client


@pytest.fixture
def proposer(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["propose"]) as client:
        yield client


@pytest.fixture
def approver(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["approve"]) as client:
        yield client


@pytest.fixture
def editor(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["edit"]) as client:
        yield client


@pytest.fixture
def admin(base: str, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with shop.client(base, keys["admin"]) as client:
        yield client


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An admin's client of one server for a whole module, for tests that change nothing."""
    file: Path = tmp_path_factory.mktemp("steady") / "kgtag.db"
    store = SqliteStore.open(file)
    store.migrate()
    shop.fill(store)
    key = shop.keys(store)["admin"]
    with shop.shop_server(store.url) as url, shop.client(url, key) as client:
        yield client
    store.close()
