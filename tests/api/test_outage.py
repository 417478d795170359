"""The record comes late, goes away, comes back; the models stop fitting."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.app import create_app
from api.service import Service
from graph.editing import edit
from graph.errors import InputError, ModelMismatch
from graph.model import ChangeSet, DeleteConcept
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from kgtag.serve.settings import Settings
from tests.api import shop


class Proxy:
    """A TCP port in front of another, which can be shut and opened again."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._shut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def shut(self) -> None:
        self._shut = True
        for connection in self._open:
            # Closing alone leaves it open while a thread waits to receive, and an answer on its way would never come.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def open(self) -> None:
        self._shut = False

    def close(self) -> None:
        self._listening.close()
        self.shut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self._shut:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(clean_neo4j: str) -> Iterator[Proxy]:
    parts = urlsplit(clean_neo4j)
    found = Proxy(parts.hostname or "", parts.port or 0)
    yield found
    found.close()


def _unavailable(answer: httpx.Response) -> str:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json" and int(answer.headers["retry-after"]) > 0
    detail: str = answer.json()["detail"]
    return detail


def test_a_record_that_comes_late(tmp_path: Path) -> None:
    file = tmp_path / "late.db"
    with shop.shop_server(f"sqlite:///{file}") as url, shop.client(url, "kgt_a_b") as client:
        assert client.get("/healthz").status_code == 200
        assert str(file) not in _unavailable(client.get("/readyz"))  # nobody without a key learns where the store is
        _unavailable(client.get("/v1/concepts"))
        _unavailable(client.post("/v1/tag", json={"title": "red"}))
        store = SqliteStore.open(file)
        store.migrate()
        shop.fill(store)
        key = shop.keys(store)["read"]
        shop.until(lambda: client.get("/readyz").status_code == 200)
        with shop.client(url, key) as reader:
            shop.until(lambda: reader.get("/v1/concepts/red").status_code == 200)
        store.close()


def test_a_file_that_goes_and_comes_back(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "kgtag.db"
    with shop.shop_server(shop_store.url) as url, shop.client(url, keys["admin"]) as client:
        file.rename(tmp_path / "away.db")
        shop.until(lambda: "x-stale-for" in client.get("/v1/concepts/red").headers)
        answer = client.get("/v1/concepts/red/neighbours")
        assert answer.status_code == 200 and float(answer.headers["x-stale-for"]) >= 0
        ready = client.get("/readyz")
        hidden = client.get("/readyz", headers={"Authorization": ""}).json()["error"]
        assert hidden == "a key of scope read shows it" and ready.json()["error"] != hidden
        assert ready.status_code == 200 and ready.json()["status"] == "stale" and "no file" in ready.json()["error"]
        body = {"id": "n", "kind": "category", "pref_label": {"en": "N"}}
        _unavailable(client.post("/v1/concepts", json=body))
        assert client.post("/v1/tag", json={"title": "red"}).status_code == 200
        _unavailable(client.post("/v1/tag?store=true", json={"title": "red"}))
        (line,) = client.post("/v1/tag/batch?store=true", content=b'{"id": "a", "title": "red"}').text.splitlines()
        assert '"status":503' in line and '"id":"a"' in line
        assert client.get("/v1/audit").status_code == 200
        (tmp_path / "away.db").rename(file)
        shop.until(lambda: client.get("/readyz").json()["status"] == "ready")
        assert client.post("/v1/concepts", json=body).status_code == 201
        assert "x-stale-for" not in client.get("/v1/concepts/n").headers


def test_a_neo4j_that_goes_and_comes_back(clean_neo4j: str, proxy: Proxy) -> None:
    direct = Neo4jStore.open(clean_neo4j)
    shop.fill(direct)
    keys = shop.keys(direct)
    with shop.shop_server(f"bolt://127.0.0.1:{proxy.port}") as url, shop.client(url, keys["admin"]) as client:
        assert client.get("/v1/concepts/red").status_code == 200
        proxy.shut()
        body = {"id": "n", "kind": "category", "pref_label": {"en": "N"}}
        _unavailable(client.post("/v1/concepts", json=body))
        shop.until(lambda: "x-stale-for" in client.get("/v1/concepts/red").headers, seconds=40)
        assert client.get("/v1/concepts/red").status_code == 200
        assert client.get("/readyz").json()["status"] == "stale"
        assert "n" not in {c.id for c in direct.read().concepts}
        proxy.open()
        shop.until(lambda: client.get("/readyz").json()["status"] == "ready", seconds=40)
        assert client.post("/v1/concepts", json=body).status_code == 201
        assert "n" in {c.id for c in direct.read().concepts}
    direct.close()


def test_a_model_that_does_not_fit_fails_at_the_start(sqlite_store: SqliteStore) -> None:
    service = Service(shop.settings(sqlite_store.url), models=shop.models())
    with pytest.raises(ModelMismatch, match="concepts that this taxonomy lacks"):
        service.start()
    service.stop()


def test_a_store_url_that_is_none_fails_at_the_start() -> None:
    with pytest.raises(InputError, match="sqlite:///"):
        Service(Settings(store="mysql://x"), models=shop.models()).start()
    create_app(Settings(store="mysql://x"))  # Making the app opens nothing.


def test_an_edit_that_the_model_does_not_fit_keeps_the_last_snapshot(
    base: str, shop_store: SqliteStore, admin: httpx.Client
) -> None:
    before = admin.get("/v1/concepts/red").json()["revision"]
    material = shop_store.read()
    edit.apply(shop_store, ChangeSet((DeleteConcept("leather"), DeleteConcept("material")), "hand"))
    shop.until(lambda: admin.get("/readyz").json()["status"] == "stale")
    ready = admin.get("/readyz").json()
    assert ready["revision"] == before and "material" in ready["error"]
    assert admin.post("/v1/tag", json={"title": "leather"}).status_code == 200
    made = {"id": "material", "kind": "attribute", "pref_label": {"en": "Material"}, "scheme": "shop"}
    assert admin.post("/v1/concepts", json=made).status_code == 201
    shop.until(lambda: admin.get("/readyz").json()["status"] == "ready")
    assert len(material.concepts) == admin.get("/readyz").json()["concepts"] + 1
