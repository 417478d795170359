"""`kgtag serve` as a process, or several: it stops within time with whole rows, and is renewed by SIGHUP."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from graph.sqlite.store import SqliteStore
from tests.api import shop

PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_ends_an_open_batch_with_whole_rows(
    shop_store: SqliteStore, keys: dict[str, str], workers: int, tmp_path: Path
) -> None:
    (tmp_path / "words.json").write_text('{"Colour": ["red"]}')
    model = ("--model", f"words:{tmp_path / 'words.json'}")
    env = {"PYTHONPATH": os.pathsep.join(map(str, (PLUGIN.parents[1], PLUGIN)))}
    with shop.process(shop_store.url, *model, workers=workers, env=env) as (url, process):
        heard: queue.Queue[str] = queue.Queue()
        ended = threading.Event()

        def lines() -> Iterator[bytes]:
            for number in range(10):
                yield b'{"id": "%d", "title": "Red sneakers"}\n' % number
            yield b'{"id": "half'
            ended.wait(30)

        def talk() -> None:
            with contextlib.suppress(OSError):  # the service has closed the connection
                shop.talk(url, keys["tag"], lines(), heard.put)

        talker = threading.Thread(target=talk)
        talker.start()
        rows = [json.loads(heard.get(timeout=20)) for _ in range(10)]
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        last = json.loads(heard.get(timeout=20))
        ended.set()
        assert process.wait(20) in (0, -signal.SIGTERM) and time.monotonic() - started < 20
        talker.join()
    assert [row["id"] for row in rows] == [str(number) for number in range(10)]
    assert last["error"]["type"] == "urn:kgtag:problem:stopping" and last["line"] == 11 and heard.empty()


def test_sigterm_does_not_wait_for_those_who_do_nothing(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    serving = shop.process(shop_store.url, env={"KGTAG_STOP_SECONDS": "1"})
    with serving as (url, process), shop.client(url, keys["read"]) as client:
        client.get("/v1/taxonomy")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert time.monotonic() - started < 10


def test_sighup_replaces_the_workers_without_a_failed_request(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with shop.process(shop_store.url, workers=2) as (url, process):
        before = _workers(process)
        assert len(before) == 2
        codes: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                with shop.client(url, keys["read"]) as client:  # as behind a balancer that opens a connection each
                    codes.append(client.get("/v1/taxonomy").status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            process.send_signal(signal.SIGHUP)
            shop.until(lambda: len(_workers(process)) == 2 and not before & _workers(process), seconds=60)
            time.sleep(0.5)
        finally:
            stop.set()
            asking.join()
        assert len(codes) > 5 and set(codes) == {200}


def test_sighup_of_one_process_reads_keys_and_models_again(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    with shop.process(shop_store.url) as (url, process), shop.client(url, keys["read"]) as client:
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert process.poll() is None and client.get("/v1/taxonomy").status_code == 200


def _workers(process: subprocess.Popen[bytes]) -> set[int]:
    """The processes that listen for requests, but the first."""
    found = set()
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if (
                any(one.status == psutil.CONN_LISTEN for one in child.net_connections("tcp"))
                and child.num_threads() > 2
            ):
                found.add(child.pid)
        except psutil.Error:
            continue
    return found
