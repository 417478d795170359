"""How soon an edit by hand in Neo4j is served, and what it costs those who read meanwhile.

    python benchmarks/live_edits.py [--concepts 10000] [--edits 20]

A local Neo4j and `kgtag serve` run as processes of their own. Each edit is one plain Cypher statement, as typed into
Neo4j Browser: create, rename, re-parent, merge, delete in turn; the clock runs from its commit to the first answer over
HTTP that shows it. Latency of `GET /v1/concepts/{id}/neighbours` is taken on one connection, first without edits, then
while they go on. Concepts are made up, the same for the same number.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import neo4j
from common import arguments, machine, percentile, report, synthetic_taxonomy, table
from neighbours import free_port

from graph.api_keys import create_key
from graph.model import ChangeSet, PutConcept, PutRelation, Record
from graph.neo4j.local import server as local_neo4j
from graph.stores import open_store
from graph.taxonomy import Taxonomy

TARGETS = ((10_000, 2.0), (1_000_000, 10.0))
_ROWS = 100_000


@dataclass(frozen=True)
class Edit:
    """A statement, and whether the concept `id`, as the API shows it (None: not at all), shows that it was made."""

    name: str
    statement: str
    parameters: dict[str, Any]
    id: str
    shown: Callable[[dict[str, Any] | None], bool]


def edits(count: int) -> Iterator[Edit]:
    """On concepts made for it, five a round, below a category of the taxonomy."""
    for i in range(count):
        made, into = f"hand-{i // 5}", f"kept-{i // 5}"
        match i % 5:
            case 0:
                statement = (
                    "MATCH (up:Category {id: $up}) UNWIND [$id, $into] AS id "
                    "CREATE (:Concept:Category {id: id, name: id, scheme: up.scheme})-[:BROADER]->(up)"
                )
                given = {"up": "c1", "id": made, "into": into}
                yield Edit("create", statement, given, made, lambda row: row is not None)
            case 1:
                statement = "MATCH (c:Concept {id: $id}) SET c.name = $name"
                given = {"id": made, "name": "Renamed"}
                yield Edit("rename", statement, given, made, lambda row: row is not None and row["label"] == "Renamed")
            case 2:
                statement = (
                    "MATCH (c:Concept {id: $id})-[r:BROADER]->() DELETE r WITH DISTINCT c "
                    "MATCH (up:Category {id: $up}) CREATE (c)-[:BROADER]->(up)"
                )
                yield Edit("re-parent", statement, {"id": made, "up": "c2"}, made, lambda row: _broader(row) == ["c2"])
            case 3:
                statement = (
                    "MATCH (old:Concept {id: $id}), (kept:Concept {id: $into}) "
                    "SET kept.altLabel = coalesce(kept.altLabel, []) + [old.name + '@en'] DETACH DELETE old"
                )
                yield Edit("merge", statement, {"id": made, "into": into}, made, lambda row: row is None)
            case _:
                statement = "MATCH (c:Concept {id: $id}) DETACH DELETE c"
                yield Edit("delete", statement, {"id": into}, into, lambda row: row is None)


def _broader(row: dict[str, Any] | None) -> list[str]:
    return [] if row is None else [other["concept"] for other in row["relations"]["broader"]]


class Reader(threading.Thread):
    """Asks for one concept's neighbours after the other on one connection, until stopped; seconds each."""

    def __init__(self, port: int, key: str, concepts: int) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self._port, self._key, self._concepts = port, key, concepts
        self._stopping = threading.Event()

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port)
        i = 0
        while not self._stopping.is_set():
            i = (i * 1_103_515_245 + 12_345) % self._concepts
            started = time.perf_counter()
            connection.request("GET", f"/v1/concepts/c{i}/neighbours", headers={"X-API-Key": self._key})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"c{i}: the server answered {answer.status}")
            self.seconds.append(time.perf_counter() - started)
            time.sleep(0.002)
        connection.close()

    def stop(self) -> dict[str, float]:
        self._stopping.set()
        self.join()
        return {
            "p50 ms": round(1000 * percentile(self.seconds, 0.5), 2),
            "p99 ms": round(1000 * percentile(self.seconds, 0.99), 2),
            "max ms": round(1000 * max(self.seconds), 1),
            "requests": len(self.seconds),
        }


def ask(port: int, path: str, key: str = "") -> dict[str, Any] | None:
    """The answer's JSON; None for 404."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


@contextmanager
def serving(url: str) -> Iterator[int]:
    """`kgtag serve` on the store; its port, once it has a snapshot."""
    port = free_port()
    command = [sys.executable, "-m", "api", "serve", "--store", url, "--port", str(port)]
    process = subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 900
        while True:
            try:
                ask(port, "/readyz")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("kgtag serve did not start") from None
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def fill(url: str, concepts: int) -> str:
    """Import the made-up taxonomy; an API key."""
    store = open_store(url)
    store.migrate()
    data = synthetic_taxonomy(concepts)
    for rows, put in ((data.concepts, PutConcept), (data.relations, PutRelation)):
        for start in range(0, len(rows), _ROWS):
            store.apply(ChangeSet(tuple(map(put, rows[start : start + _ROWS])), "benchmark", "fill"))
    # In one transaction a million rows are more than Neo4j can take; an import knows the revision it leads to.
    store.apply(ChangeSet((), "benchmark", "filled"), record=Record((), revision=Taxonomy.of(data).revision))
    _, key = create_key(store, name="benchmark", scopes=["read"])
    store.close()
    return key


def measure(options: argparse.Namespace, server: local_neo4j.LocalServer, key: str, port: int) -> dict[str, Any]:
    quiet = Reader(port, key, options.concepts)
    quiet.start()
    time.sleep(options.quiet)
    without = quiet.stop()
    busy = Reader(port, key, options.concepts)
    busy.start()
    waits: dict[str, list[float]] = {}
    with neo4j.GraphDatabase.driver(server.url) as driver:
        for edit in edits(options.edits):
            driver.execute_query(edit.statement, edit.parameters)
            started = time.perf_counter()
            while not edit.shown(ask(port, f"/v1/concepts/{edit.id}", key)):
                time.sleep(0.02)
                if time.perf_counter() - started > 120:
                    raise SystemExit(f"{edit.name} of {edit.id} was not served within two minutes")
            waits.setdefault(edit.name, []).append(time.perf_counter() - started)
    return {"waits": waits, "without edits": without, "during edits": busy.stop()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--concepts", type=int, default=10_000)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--quiet", type=float, default=10.0, help="seconds of reading before the edits")
    parser.add_argument("--heap", type=int, help="of Neo4j, in MB; by size when not given")
    options = parser.parse_args()
    host = machine()
    heap = options.heap or (512 if options.concepts <= 100_000 else 3072)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = local_neo4j.up("live-edits", home=home, heap_mb=heap)
        try:
            key = fill(server.url, options.concepts)
            with serving(server.url) as port:
                found = measure(options, server, key, port)
        finally:
            local_neo4j.down("live-edits", home=home)
    show(options, found, host)


def show(options: argparse.Namespace, found: dict[str, Any], host: dict[str, Any]) -> None:
    concepts = options.concepts
    waits: dict[str, list[float]] = found["waits"]
    together = [wait for mine in waits.values() for wait in mine]
    rows = [[name, len(mine), percentile(mine, 0.5), max(mine)] for name, mine in (*waits.items(), ("all", together))]
    table(f"{concepts:,} concepts: seconds until an edit is served", ["edit", "times", "p50", "max"], rows)
    reads = [[name, *found[name].values()] for name in ("without edits", "during edits")]
    table("Reading neighbours meanwhile", ["", *found["without edits"]], reads)
    target = next((seconds for size, seconds in TARGETS if concepts <= size), None)
    report(
        "live_edits",
        f"{concepts} concepts made up",
        host,
        save=options.save,
        concepts=concepts,
        p50_s=round(percentile(together, 0.5), 3),
        max_s=round(max(together), 3),
        target_s=target,
        reached=target is None or max(together) <= target,
        without_edits=found["without edits"],
        during_edits=found["during edits"],
    )


if __name__ == "__main__":
    main()
