"""`kgtag serve` as its users start it: a process, or several."""

from __future__ import annotations

import re

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


def test_metrics_are_of_all_workers(shop_store: SqliteStore, keys: dict[str, str]) -> None:
    """Whichever worker answers, the counts are the same and no request is missing."""
    with shop.process(shop_store.url, workers=2) as (url, _):
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
