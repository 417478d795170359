"""The short form of `benchmarks/kill.py` and `benchmarks/writers.py`: the same harness, a few kills and edits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _measured(script: str, *args: object) -> dict[str, Any]:
    """The JSON line at the end of what the benchmark printed."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _where(store: str, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The arguments that name the store: a file of the benchmark's own, or the session's server."""
    if store == "sqlite":
        return ("--store", "sqlite")
    return ("--store", "neo4j", "--url", request.getfixturevalue("clean_neo4j"))


def test_what_was_acknowledged_survives_a_killed_writer_of_sqlite() -> None:
    _survives(3, "--store", "sqlite", "--http", 0.34, "--tagging", 0.34)


def test_what_was_acknowledged_survives_a_killed_writer_of_neo4j(request: pytest.FixtureRequest) -> None:
    _survives(3, *_where("neo4j", request), "--http", 0, "--tagging", 0)


def test_what_was_acknowledged_survives_a_killed_server() -> None:
    _survives(1, "--store", "neo4j", "--kill", "server", "--http", 0, "--tagging", 0)


def _survives(kills: int, *args: object) -> None:
    tagging = float(str(args[-1]))
    counts = _measured("kill.py", *args, "--kills", kills, "--seed", 4)
    assert (counts["lost"], counts["half"]) == (0, 0)
    assert counts["kills"] == counts["verified"] == kills
    assert counts["in flight, whole"] + counts["in flight, absent"] == kills
    assert counts.get("tagging kills", 0) == counts.get("tagging verified", 0) == round(kills * tagging)
    assert counts["acknowledged"] > 0


@pytest.mark.parametrize(("store", "through"), [("sqlite", "processes"), ("neo4j", "http")])
def test_writers_lose_no_update(store: str, through: str, request: pytest.FixtureRequest) -> None:
    counts = _measured(
        "writers.py", *_where(store, request), "--through", through, "--writers", 4, "--edits", 24, "--concepts", 12
    )
    assert (counts["edits"], counts["lost"]) == (24, 0)


def test_the_harness_notices(tmp_path: Path) -> None:
    """A record that lost an acknowledged operation, or holds half of one, must not pass."""
    code = """
import random, sys
sys.path.insert(0, sys.argv[1])
import kill, kill_stream as stream
from pathlib import Path
from kill_writer import open_store, perform

folder = Path(sys.argv[2])
bench = kill.Bench("sqlite", folder)
store = open_store(bench.url)
store.migrate()
model = stream.Model()
works = [stream.operation(7, number) for number in range(6)]
for work in works:
    perform(store, work, folder)
    model = model.after(work)
ChangeSet = type(stream.change_set(works[0]))
run = kill.Run(bench, 7, random.Random(7), model, number=6)
run._verify(stream.operation(7, 6))
half = stream.change_set(works[0]).changes[:1]
for claim, damage in (("lost", lambda: None), ("half", lambda: store.apply(ChangeSet(half, "x")))):
    damage()
    run.model = model.after(stream.Operation(6, "edit", put=("c001",))) if claim == "lost" else model
    try:
        run._verify(stream.Operation(7, "edit", put=("c002", "c003")))
    except kill.Broken as error:
        print(claim, error.how)
"""
    command = [sys.executable, "-c", code, str(BENCHMARKS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.splitlines() == ["lost lost", "half half"], done.stdout + done.stderr
