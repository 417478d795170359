"""Sixteen writers on one record: is any update lost, how many edits a second, how often does a writer try again?

    python benchmarks/writers.py --store sqlite|neo4j [--through processes|http] [--writers 16] [--edits 10000]
                                 [--concepts 200] [--shared 0.25]

Each writer counts in a concept of its own and, with the share `--shared` of its edits, in one that all share. Through
`processes` they call `apply_with`; through `http` they are threads that send PATCH with If-Match to one
`kgtag serve`, and read again after a 412. Afterwards the counts must equal the acknowledged edits, and the history must
tell each step. Exit code 1 when they don't.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table
from kill import Bench, until_ready
from kill_writer import open_store

from graph.api_keys import create_key
from graph.editing import edit
from graph.errors import ConflictError
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.taxonomy import Taxonomy

SHARED = "shared"


def counter(id: str, count: int) -> Concept:
    return Concept(id, "writers", "category", {"en": f"Counter {id}"}, notation=str(count))


def fill(url: str, writers: int, concepts: int) -> str:
    """A record with the counters at 0 among other concepts; a key to edit it with."""
    with closing(open_store(url)) as store:
        store.migrate()
        put = [PutConcept(counter(id, 0)) for id in (SHARED, *(f"own{n}" for n in range(writers)))]
        put += [PutConcept(Concept(f"c{n}", "writers", "category", {"en": f"Concept {n}"})) for n in range(concepts)]
        edges = [PutRelation(Relation("broader", f"c{n}", f"c{n // 8}", primary=True)) for n in range(1, concepts)]
        store.apply(ChangeSet((*put, *edges), "writers", "fill"))
        return create_key(store, name="writers", scopes=["edit"])[1]


def mine(writer: int, edits: int, shared: float) -> list[str]:
    """The counters that a writer's edits go to, in order."""
    rng = random.Random(writer)
    return [SHARED if rng.random() < shared else f"own{writer}" for _ in range(edits)]


# -- through processes --------------------------------------------------------------------------------------------


def work(url: str, targets: list[str]) -> None:
    """One process: count as told; prints how often it tried again."""
    tries = 0
    with closing(open_store(url)) as store:
        for target in targets:

            def plan(taxonomy: Taxonomy, target: str = target) -> ChangeSet:
                nonlocal tries
                tries += 1
                count = int(taxonomy[target].notation or 0)
                return ChangeSet((PutConcept(counter(target, count + 1)),), "writers", target)

            while True:
                try:
                    edit.apply_with(store, plan)
                    break
                except ConflictError:  # Overtaken for two minutes on end: the edit is refused, not lost.
                    continue
    print(tries - len(targets))


def by_processes(url: str, tasks: list[list[str]]) -> int:
    """How often the writers tried again."""
    command = [sys.executable, __file__, "--work", url]
    running = []
    for targets in tasks:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps(targets))
        process.stdin.close()
        running.append(process)
    again = 0
    for process in running:
        assert process.stdout is not None
        said = process.stdout.read()
        if process.wait():
            raise RuntimeError("a writer gave up")
        again += int(said)
    return again


# -- through HTTP -------------------------------------------------------------------------------------------------


def by_http(url: str, tasks: list[list[str]], key: str) -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api", "serve", "--store", url, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
        try:
            until_ready(port)
            with ThreadPoolExecutor(len(tasks)) as pool:
                return sum(pool.map(lambda targets: patches(port, key, targets), tasks))
        finally:
            serving.terminate()


def patches(port: int, key: str, targets: list[str]) -> int:
    again = 0
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        for target in targets:
            while True:
                seen, row = ask(connection, "GET", target, headers)
                body = {"notation": str(int(row["notation"]) + 1), "reason": target}
                status, said = ask(connection, "PATCH", target, {**headers, "If-Match": seen}, body)
                if status == "412":
                    again += 1
                    continue
                if not status.startswith('"'):
                    raise RuntimeError(f"PATCH of {target}: {status} {said}")
                break
    return again


def ask(connection: HTTPConnection, method: str, id: str, headers: dict[str, str], body: Any = None) -> tuple[str, Any]:
    """The ETag, or the status of a refusal; and the answer."""
    connection.request(method, f"/v1/concepts/{id}", None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    return (answer.headers["ETag"] if answer.status == 200 else str(answer.status)), said


# -- afterwards ---------------------------------------------------------------------------------------------------


def lost(url: str, tasks: list[list[str]]) -> int:
    """Acknowledged edits that the record or its history doesn't show."""
    wanted = {target: 0 for targets in tasks for target in targets}
    for targets in tasks:
        for target in targets:
            wanted[target] += 1
    with closing(open_store(url)) as store:
        counts = {concept.id: int(concept.notation or 0) for concept in store.read().concepts}
        steps: dict[str, list[int]] = {target: [] for target in wanted}
        versions = []
        for entry in store.history():
            versions.append(entry.version)
            for change in entry.changes if entry.version > 1 else ():
                if isinstance(change, PutConcept):
                    steps[change.concept.id].append(int(change.concept.notation or 0))
    missing = sum(abs(wanted[target] - counts[target]) for target in wanted)
    untold = sum(steps[target] != list(range(1, wanted[target] + 1)) for target in wanted)
    untold += versions != list(range(1, sum(wanted.values()) + 2))
    return missing + untold


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--store", choices=["sqlite", "neo4j"], default="sqlite")
    parser.add_argument("--through", choices=["processes", "http"], default="processes")
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--edits", type=int, default=10_000, help="of all writers together")
    parser.add_argument("--concepts", type=int, default=200)
    parser.add_argument("--shared", type=float, default=0.25)
    parser.add_argument("--url", help="an empty Neo4j database to use; by default one is started for the run")
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, json.load(sys.stdin))
        return
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.store, Path(scratch), url=options.url)
        try:
            key = fill(bench.url, options.writers, options.concepts)
            each = options.edits // options.writers
            tasks = [mine(n, each, options.shared) for n in range(options.writers)]
            started = time.perf_counter()
            again = by_http(bench.url, tasks, key) if options.through == "http" else by_processes(bench.url, tasks)
            seconds = time.perf_counter() - started
            missing = lost(bench.url, tasks)
        finally:
            bench.close()
    edits = each * options.writers
    what = f"{options.store}, {options.writers} writers through {options.through}, {options.concepts} concepts"
    measured = {"edits": edits, "lost": missing, "tried again": again, "seconds": round(seconds, 1)}
    measured["edits a second"] = round(edits / seconds, 1)
    table(what, list(measured), [list(measured.values())])
    report("writers", what, host, save=options.save, **measured)
    if missing:
        sys.exit(1)


if __name__ == "__main__":
    main()
