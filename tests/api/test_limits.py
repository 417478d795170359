"""What a service does under abuse: it refuses with a problem, in time, and answers the others."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.errors import Problem
from api.limits import Rates, Slots
from graph.sqlite.store import SqliteStore
from kgtag.serve.limits import Limits
from tests.api import shop

LINE = b'{"title": "red leather trainers"}\n'


def _limited(store: SqliteStore, **limits: Any) -> Any:
    return shop.serving(shop.app(store.url, **limits))


def _problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:kgtag:problem:{code}"
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1


def _raw(url: str, sent: bytes, seconds: float = 10) -> bytes:
    """What comes back on a connection until it is closed."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(sent)
        found = b""
        while chunk := connection.recv(65_536):
            found += chunk
        return found


def test_a_key_has_a_rate_and_gets_its_tokens_back(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with _limited(shop_store, rate=5, rate_burst=3) as url, shop.client(url, keys["read"]) as client:
        path = "/v1/concepts/sneakers/neighbours"  # answered before the routes as well
        answers = [client.get(path) for _ in range(20)]
        assert answers[0].status_code == 200
        refused = [one for one in answers if one.status_code != 200]
        assert len(refused) > 10
        _problem(refused[0], 429, "too-many-requests")
        with shop.client(url, keys["edit"]) as other:
            assert other.get(path).status_code == 200
        time.sleep(0.5)
        assert client.get(path).status_code == 200


def test_a_batch_is_paced_and_ends_with_the_quota(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with _limited(shop_store, rate=64, rate_burst=1) as url, shop.client(url, keys["tag"]) as client:
        started = time.monotonic()
        rows = client.post("/v1/tag/batch", content=LINE * 96).text.splitlines()
        assert len(rows) == 96 and time.monotonic() - started > 0.9
    with _limited(shop_store, quota=40) as url, shop.client(url, keys["tag"]) as client:
        rows = [json.loads(row) for row in client.post("/v1/tag/batch", content=LINE * 96).text.splitlines()]
        assert rows[-1]["error"]["type"].endswith("too-many-requests") and rows[-1]["line"] == len(rows)
        _problem(client.get("/v1/taxonomy"), 429, "too-many-requests")


def test_rates_and_quotas_by_the_clock() -> None:
    at = 0.0
    rates = Rates(Limits(rate=2, rate_burst=2, quota=5), clock=lambda: at, now=lambda: at)
    assert [rates.charge("a") is None for _ in range(3)] == [True, True, False]
    assert rates.charge("b") is None
    at = 1.0
    assert [rates.charge("a") is None for _ in range(3)] == [True, True, False]
    at = 2.0
    assert [rates.charge("a") is None for _ in range(2)] == [True, False]
    refused = rates.charge("a")
    assert refused is not None and refused.headers["Retry-After"] == str(86_400 - 2)
    at = 86_400.0
    assert rates.charge("a") is None


def test_a_key_holds_half_of_the_places() -> None:
    slots = Slots(4, "batches")
    with slots.hold("a"), slots.hold("a"):
        with pytest.raises(Problem) as refused, slots.hold("a"):
            pass
        assert refused.value.status == 429
        with slots.hold("b"), slots.hold("c"), pytest.raises(Problem) as full, slots.hold("d"):
            pass
        assert full.value.status == 503 and slots.held == 2
    assert slots.held == 0


def test_batches_have_places(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with _limited(shop_store, max_batches=2) as url, shop.client(url, keys["tag"]) as client:
        first, release = threading.Event(), threading.Event()

        def lines() -> Iterator[bytes]:
            yield LINE
            release.wait(20)

        talker = threading.Thread(target=shop.talk, args=(url, keys["tag"], lines(), lambda row: first.set()))
        talker.start()
        try:
            assert first.wait(10)
            _problem(client.post("/v1/tag/batch", content=LINE), 429, "too-many-requests")
        finally:
            release.set()
            talker.join()
        assert client.post("/v1/tag/batch", content=LINE).status_code == 200


def test_a_batch_has_bytes_lines_and_time(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    limits = {"max_batch_bytes": 20_000, "max_batch_lines": 100, "idle_seconds": 0.3}
    with _limited(shop_store, **limits) as url, shop.client(url, keys["tag"]) as client:
        _problem(client.post("/v1/tag/batch", content=b"x" * 30_000), 413, "body-too-large")
        for body in (LINE * 3 + b"\n" * 200, (LINE * 20 for _ in range(100))):
            rows = [json.loads(row) for row in client.post("/v1/tag/batch", content=body).text.splitlines()]
            assert rows[-1]["error"]["status"] == 413 and rows[-1]["id"] is None
            assert all("tags" in row for row in rows[:-1])

        def slow() -> Iterator[bytes]:
            yield LINE + b'{"ti'
            time.sleep(1)

        heard: list[str] = []
        shop.talk(url, keys["tag"], slow(), heard.append)
        last = json.loads(heard[-1])
        assert len(heard) == 2 and last["error"]["status"] == 408 and last["line"] == 2


def test_bodies_have_memory_time_and_size(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    limits = {"max_body": 4_000, "max_body_memory": 1_024, "body_seconds": 0.3}
    with _limited(shop_store, **limits) as url, shop.client(url, keys["tag"]) as client:
        _problem(client.post("/v1/tag", json={"title": "x" * 5_000}), 413, "body-too-large")
        _problem(client.post("/v1/tag", json={"title": "x" * 2_000}), 503, "queue-full")
        head = f"POST /v1/tag HTTP/1.1\r\nHost: a\r\nX-API-Key: {keys['tag']}\r\nContent-Length: 90\r\n\r\n{{"
        late = _raw(url, head.encode())
        assert late.startswith(b"HTTP/1.1 408 ") and b"request-timeout" in late
        assert client.post("/v1/tag", json={"title": "red"}).status_code == 200  # nothing is held any more


def test_heads_have_size_and_time_and_connections_a_number(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with _limited(shop_store, header_seconds=0.5, max_header=2_000, max_connections=20) as url:
        half = b"GET /v1/concepts HTTP/1.1\r\nHost: a\r\nX-"
        late = _raw(url, half)
        assert late.startswith(b"HTTP/1.1 408 ") and b"application/problem+json" in late
        assert _raw(url, half + b"a" * 3_000).startswith(b"HTTP/1.1 431 ")
        assert _raw(url, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        host, port = url.removeprefix("http://").split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(60)]
        try:
            with shop.client(url, keys["read"]) as client:
                assert client.get("/v1/taxonomy").status_code == 200
            idle[0].settimeout(5)
            assert idle[0].recv(10) == b""  # that which waited longest made room
        finally:
            for one in idle:
                one.close()


def test_an_answer_that_nobody_reads_is_cut_off(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with _limited(shop_store, write_seconds=0.5) as url:
        host, port = url.removeprefix("http://").split(":")

        async def flood() -> float:
            _, writer = await asyncio.open_connection(host, int(port), limit=1)
            head = f"POST /v1/tag/batch HTTP/1.1\r\nHost: a\r\nX-API-Key: {keys['tag']}\r\n"
            writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            started = time.monotonic()
            try:
                while time.monotonic() < started + 60:
                    writer.write(b"%x\r\n%b\r\n" % (len(LINE * 500), LINE * 500))
                    await writer.drain()
            except OSError:
                pass
            return time.monotonic() - started

        assert asyncio.run(flood()) < 50


def test_a_body_that_is_refused_is_answered_to_those_who_send_it_first(
    shop_store: SqliteStore, keys: dict[str, str]
) -> None:
    with _limited(shop_store) as url, shop.client(url, keys["tag"]) as client:
        for _ in range(3):  # on one connection
            _problem(client.post("/v1/tag", content=b" " * 3_000_000), 413, "body-too-large")
        assert client.post("/v1/tag", json={"title": "red"}).status_code == 200
