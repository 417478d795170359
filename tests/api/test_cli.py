"""`kgtag serve` as its users start it: a process, or several."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
import typer

from api.cli import app
from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.kgtag.running import run

HEAVY = (
    "torch pykeen transformers sentence_transformers onnxruntime pyarrow pyoxigraph fastapi neo4j uvicorn scipy sklearn"
)


def test_serve_is_one_of_the_commands_and_start_is_light() -> None:
    commands = getattr(typer.main.get_command(app), "commands", {})
    assert {"serve", "tag", "audit"} <= set(commands) and "kgtag serve" in commands["serve"].help
    code = f"import sys, api.cli; print([name for name in {HEAVY.split()!r} if name in sys.modules])"
    assert run(command=("-c", code)).stdout.strip() == "[]"


def test_the_package_below_tells_where_it_is() -> None:
    ran = run("serve", "--store", "sqlite:///x.db")
    assert ran.code == 2 and "run `kgtag serve`" in ran.stderr
    assert not re.search(r"^\W*serve\b", run("--help").stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("env", "said"),
    [({"KGTAG_MODE": "foo"}, "KGTAG_MODE is 'foo'"), ({"KGTAG_PRECISION": "fp8"}, "unsupported precision 'fp8'")],
)
def test_a_wrong_setting_is_named(env: dict[str, str], said: str) -> None:
    ran = run("serve", env=env, command=("-m", "api"))
    assert ran.code == 2 and ran.stderr.startswith("error: ") and said in ran.stderr and "Traceback" not in ran.stderr


@contextlib.contextmanager
def _served(store: str, *, workers: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "api", "serve", "--store", store, "--port", str(port), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            with shop.client(url) as client:
                shop.until(lambda: _ready(client), seconds=120)
            yield url
        finally:
            process.send_signal(signal.SIGINT)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_metrics_are_of_all_workers(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    """Whichever worker answers, the counts are the same and no request is missing."""
    with _served(shop_store.url, workers=2) as url:
        for _ in range(30):  # each on a connection of its own, so that both workers get some
            with shop.client(url, keys["read"]) as client:
                assert client.get("/v1/taxonomy").status_code == 200
        counts = set()
        for _ in range(10):
            with shop.client(url, keys["read"]) as client:
                text = client.get("/metrics").text
            found = re.search(r'kgtag_requests_total\{method="GET",route="/v1/taxonomy",status="200"\} (\S+)', text)
            assert found is not None and "kgtag_snapshot_concepts 11.0" in text
            counts.add(float(found[1]))
        assert counts == {30.0}
