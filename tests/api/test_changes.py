"""The feed of changes: a stream that continues, and webhooks that lose nothing, also when the service is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.editing.edit import apply_with
from graph.errors import InputError
from graph.feed import Position, events_after, head
from graph.model import ChangeSet, Concept, ItemTag, PutConcept, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.stores import open_store
from kgtag.client import Client
from kgtag.serve import outbound
from kgtag.serve.webhooks import Deliverer, create_webhook, webhooks
from tests.api import shop


def edit(store: TaxonomyStore, id: str) -> None:
    apply_with(store, lambda _: ChangeSet((PutConcept(Concept(id, "shop", "category", {"en": id})),), "ann", "more"))


def tagged(store: TaxonomyStore, *ids: str) -> None:
    store.put_items([TaggedItem(id, "Red", "en", "m", "r", (ItemTag("red", 0.9, "exact"),)) for id in ids])


def test_the_feed_is_in_order_and_misses_nothing(store: TaxonomyStore) -> None:
    shop.fill(store)
    start = head(store)
    assert start == Position(1, 0)
    for number in range(5):
        edit(store, f"c{number}")
        tagged(store, f"i{number}", "again")
    store.delete_items(["i0"])
    whole = events_after(store, Position())
    assert [e.id for e in whole] == ["v1", "v2", "v3", "v4", "v5", "v6", "i3", "i5", "i7", "i9", "i10", "i11"]
    assert whole[-1].position == head(store) and whole[-1].to_row()["change"] == "erased"
    paged, at = [], start
    while page := events_after(store, at, limit=2):
        paged += [e.id for e in page]
        at = page[-1].position
    assert paged == [e.id for e in whole[1:]]
    assert [e.id for e in events_after(store, start, types=("item",), limit=1)] == ["i3"]
    assert (str(Position.read("12-345")), str(Position.read("7"))) == ("12-345", "7-0")
    for wrong in ("", "x", "1-", "-1", "1-2-3", "1e3"):
        with pytest.raises(InputError, match="not a position"):
            Position.read(wrong)


def test_a_stream_continues_where_it_was_left(base: str, keys: dict[str, str], shop_store: SqliteStore) -> None:
    tagged(shop_store, "before")
    with shop.client(base, keys["read"]) as client:
        with client.stream("GET", "/v1/changes") as stream:
            lines = stream.iter_lines()
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert next(lines) == "retry: 1000" and next(lines) == "id: 1-1"
            edit(shop_store, "tents")
            tagged(shop_store, "new")
            seen = [line for line in (next(lines) for _ in range(7)) if line]
            assert seen[0] == "id: 2-1" and json.loads(seen[1].removeprefix("data: "))["concepts"] == ["tents"]
            assert json.loads(seen[3].removeprefix("data: "))["item"] == "new"
        shop_store.delete_items(["new"])
        rest = client.get("/v1/changes?follow=false", headers={"Last-Event-ID": "2-1"}).text
        assert rest.startswith("retry: 1000\nid: 2-1\n\nid: 2-3\n") and '"change":"erased"' in rest
        assert client.get("/v1/changes", params={"since": "x", "follow": False}).status_code == 422
    with Client(base, keys["read"]) as client:
        rows = list(client.changes(since="0", follow=False))
        assert [row["id"] for row in rows] == ["v1", "v2", "i1", "i3"]
        assert [row["id"] for row in client.changes(since="0", type=["item"], follow=False)] == ["i1", "i3"]


class Receiver:
    """A receiver of webhooks as its own process, and what it has taken."""

    def __init__(self, folder: Path) -> None:
        self.file, self.secret, self.status = folder / "taken", folder / "secret", folder / "status"
        self.status.write_text("204")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks?shop=1"
        command = [sys.executable, "-m", "tests.api.receiver", self.port, self.file, self.secret, self.status]
        self.process = subprocess.Popen(list(map(str, command)))

    def messages(self, status: int = 204) -> list[dict[str, Any]]:
        rows = map(json.loads, self.file.read_text().splitlines()) if self.file.exists() else ()
        return [row for row in rows if row["status"] == status]

    def items(self) -> list[str]:
        return [row["event"]["item"] for row in self.messages() if row["event"]["type"] == "item"]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    found = Receiver(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


@contextlib.contextmanager
def delivering(store: TaxonomyStore) -> Iterator[None]:
    sender = Deliverer(store, private=True)
    sender.start()
    yield
    sender.stop()


def test_webhooks_in_every_store(store: TaxonomyStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgtag.serve.webhooks._FIRST_PAUSE", 0.2)
    shop.fill(store)
    hook = create_webhook(store, receiver.url, private=True)
    receiver.secret.write_text(hook.secret)
    receiver.status.write_text("500")
    with delivering(store), delivering(store):
        edit(store, "tents")
        tagged(store, "a", "b")
        shop.until(lambda: len(receiver.messages(500)) >= 3)
        ((_, at),) = webhooks(store)
        assert at.failures >= 2 and at.error == "it answered 500"
        receiver.status.write_text("204")
        shop.until(lambda: len(receiver.messages()) >= 3)
    assert [row["event"]["id"] for row in receiver.messages()] == ["v2", "i1", "i2"]
    assert {row["message"] for row in receiver.messages(500)} == {f"msg_{hook.id}_v2"}
    tagged(store, "c")
    with delivering(store):
        shop.until(lambda: receiver.items() == ["a", "b", "c"])
        receiver.status.write_text("410")
        tagged(store, "d")
        shop.until(lambda: webhooks(store)[0][1].gone)
    assert webhooks(store)[0][1].position == str(Position(2, 3))


@pytest.mark.parametrize("database", ["sqlite_url", "clean_neo4j"])
def test_nothing_is_lost_when_the_service_is_killed(
    database: str, request: pytest.FixtureRequest, receiver: Receiver
) -> None:
    """Two workers; both are killed in the midst of sending."""
    url: str = request.getfixturevalue(database)
    store = open_store(url)
    shop.fill(store)
    keys = shop.keys(store)
    wanted: list[str] = []
    made = False
    for round in range(2):
        with _service(url) as (base, process), shop.client(base, keys["admin"]) as client:
            if not made:
                made = True
                body = {"url": receiver.url, "types": ["item"]}
                row = client.post("/v1/webhooks", json=body).json()["webhooks"][0]
                receiver.secret.write_text(row["secret"])
                listed = client.get("/v1/webhooks").json()["webhooks"]
                assert [one["id"] for one in listed] == [row["id"]] and "secret" not in listed[0]
            fresh = [f"{round}-{number}" for number in range(120)]
            wanted += fresh
            tagged(store, *fresh)
            if round == 0:
                enough = len(receiver.items()) + 40
                shop.until(lambda enough=enough: len(receiver.items()) >= enough, seconds=60)
                _kill(process)
            else:
                shop.until(lambda fresh=fresh: set(fresh) <= set(receiver.items()), seconds=60)
                assert client.delete(f"/v1/webhooks/{row['id']}").status_code == 204
                assert client.delete(f"/v1/webhooks/{row['id']}").status_code == 404
    messages = receiver.messages()
    first = list({row["message"]: row["event"]["item"] for row in messages}.values())
    assert first == wanted, "each once, in order, for who remembers the ids"
    assert len(messages) - len(wanted) <= 20 + 1, "at most so many were sent again"
    store.close()


@contextlib.contextmanager
def _service(store: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "api", "serve", "--store", store, "--port", str(port), "--workers", "2"]
    environment = {**os.environ, "KGTAG_WEBHOOK_PRIVATE": "true", "KGTAG_POLL_SECONDS": "0.2"}
    started = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        with shop.client(f"http://127.0.0.1:{port}") as asking:
            shop.until(lambda: _answers(lambda: asking.get("/readyz").status_code == 200), seconds=120)
        yield f"http://127.0.0.1:{port}", started
    finally:
        _kill(started)


def _answers(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except httpx.TransportError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.1)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1/x", "in a private network"),
        ("https://localhost:8000/x", "in a private network"),
        ("https://[::1]/x", "in a private network"),
        ("https://[::ffff:10.0.0.1]/x", "in a private network"),
        ("https://169.254.169.254/latest/meta-data", "in a private network"),
        ("https://0x7f000001/", "in a private network"),
        ("https://10.1.2.3", "in a private network"),
        ("http://shop.example/x", "is not https"),
        ("ftp://shop.example/x", "is not an address"),
        ("https://u:p@shop.example/", "a user or a password"),
        ("https:///x", "is not an address"),
        ("https://shop.example:99999/", "is not an address"),
        ("https://a b.example/", "is not an address"),
        ("https://nowhere.invalid/", "is not found"),
    ],
)
def test_addresses_that_are_refused(admin: httpx.Client, url: str, why: str) -> None:
    refused = admin.post("/v1/webhooks", json={"url": url})
    assert refused.status_code == 422 and why in refused.json()["detail"]


def test_a_name_that_leads_elsewhere_later_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.216.34", "10.0.0.1"])
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (next(answers), 443))])
    outbound.require_address("https://shop.example/x", private=False)
    with (
        outbound.Outbound("https://shop.example/x", private=False) as receiver,
        pytest.raises(InputError, match="private"),
    ):
        receiver.post(b"{}", {})
