"""Kill the writer, the Neo4j server or both at random moments; then see whether the record kept its word.

    python benchmarks/kill.py --store sqlite|neo4j [--kills 1000] [--seed 1] [--kill writer|server|both]
                              [--http 0.02] [--tagging 0.03]

A writer in a process of its own edits, imports and stores tags, and acknowledges each operation once its call has
returned; a share `--http` of the rounds writes through `kgtag serve` instead. After every SIGKILL the store is opened
as it lies and compared, whole, with what the acknowledged operations leave behind, or those and the one in flight.
Then as many kills again as the share `--tagging` says hit one long tagging job, which is gone on with each time.
A killed server takes some seconds to come back: ask for 100 kills rather than 1,000.
Exit code 1 when an acknowledged operation is lost or half of one is found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import kill_stream as stream
import neo4j
from common import arguments, machine, report, table
from kill_writer import open_store, tagger

from graph.api_keys import create_key
from graph.neo4j.local import server as local_neo4j
from graph.neo4j.local.server import LocalServer
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.tag.batch import TagJob

HERE = Path(__file__).parent
WRITER = HERE / "kill_writer.py"
BATCH = 64
QUIET = "SHOW TRANSACTIONS YIELD transactionId RETURN count(*) AS n"


class Broken(Exception):
    """The record isn't what it must be; says in which way: "lost" or "half"."""

    def __init__(self, how: str, what: str) -> None:
        super().__init__(f"{how}: {what}")
        self.how = how


class Bench:
    """The store under test, and the server behind it: one of its own, unless an empty database is lent by `url`."""

    def __init__(self, kind: str, folder: Path, *, url: str | None = None) -> None:
        self.folder = folder
        self.server: LocalServer | None = None
        self.file = folder / "kill.db"
        self.lent = url
        self.lite = kind == "sqlite"
        if not self.lite and url is None:
            self.server = local_neo4j.up("kill", home=folder / "server")

    @property
    def url(self) -> str:
        if self.lite:
            return f"sqlite:///{self.file}"
        return self.server.url if self.server is not None else str(self.lent)

    @contextmanager
    def open(self) -> Iterator[TaxonomyStore]:
        """Opened anew each time, as it lies; closed again."""
        if self.lite:
            with closing(sqlite3.connect(self.file)) as db:
                found = [row[0] for row in db.execute("PRAGMA integrity_check")]
                dangling = db.execute("PRAGMA foreign_key_check").fetchall()
            if found != ["ok"] or dangling:
                raise Broken("half", f"integrity check: {found} {dangling}")
        with closing(open_store(self.url)) as store:
            yield store

    def settle(self) -> None:
        """A dead client's last COMMIT may still be under way in the server: wait until no transaction is open."""
        if self.lite:
            return
        with neo4j.GraphDatabase.driver(self.url, notifications_min_severity="OFF") as driver:
            until = time.monotonic() + 30
            while driver.execute_query(QUIET).records[0]["n"] > 1:
                if time.monotonic() > until:
                    raise Broken("half", "a dead client's transaction stays open")
                time.sleep(0.002)

    def kill_server(self) -> None:
        assert self.server is not None
        os.kill(self.server.pid, signal.SIGKILL)

    def restart(self) -> None:
        self.server = local_neo4j.up("kill", home=self.folder / "server")

    def close(self) -> None:
        if self.server is not None:
            local_neo4j.down("kill", home=self.folder / "server", wait_seconds=10.0)


@dataclass
class Run:
    """One run: the books so far, and counts by what happened."""

    bench: Bench
    seed: int
    rng: random.Random
    model: stream.Model
    number: int = 0
    """The next operation."""
    usual: float = 0.05
    """Seconds that an operation takes, to aim by."""
    starting: float = 0.5

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()

    # -- one round --------------------------------------------------------------------------------

    def round(self, victims: str, *, http: bool) -> None:
        done = self._by_http(victims) if http else self._by_functions(victims)
        if victims == "writer":
            self.bench.settle()
        else:
            self.bench.restart()
        self.counts["kills"] += 1
        self.counts["acknowledged"] += done
        through = "http" if http else "functions"
        for number in range(self.number, self.number + done):
            self.model = self.model.after(stream.operation(self.seed, number, through=through))
        self.number += done
        in_flight = stream.operation(self.seed, self.number, through=through)
        try:
            self._verify(in_flight)
        except Broken as error:
            self.counts[error.how] += 1
            print(f"kill {self.counts['kills']}, operation {self.number}: {error}", file=sys.stderr)
            raise

    def _by_functions(self, victims: str) -> int:
        """How many operations the writer acknowledged before the kill."""
        command = [sys.executable, str(WRITER), "edit", self.bench.url, str(self.seed), str(self.number)]
        began = time.perf_counter()
        with _spawn([*command, str(self.bench.folder)]) as it:
            assert it.stdout is not None
            done = 0
            if self.rng.random() < 0.05:
                time.sleep(self.rng.uniform(0, 1.5 * self.starting))
            elif it.stdout.readline() == b"ready\n":
                self.starting = 0.8 * self.starting + 0.2 * (time.perf_counter() - began)
                # A server is too dear to kill before it has promised anything.
                wanted, began = self.rng.randint(int(victims != "writer"), 6), time.perf_counter()
                while done < wanted and it.stdout.readline():
                    done += 1
                if done:
                    self.usual = 0.8 * self.usual + 0.2 * (time.perf_counter() - began) / done
                time.sleep(self.rng.uniform(0, 1.5 * self.usual))
            if victims != "writer":
                self.bench.kill_server()
            if victims != "server":
                it.kill()
            heard, said = it.communicate(timeout=60)
        done += sum(line != b"ready" for line in heard.splitlines())
        self._check_farewell(it.returncode, said.decode(), victims)
        return done

    def _check_farewell(self, code: int, said: str, victims: str) -> None:
        """Whoever outlives its server says so in a line; a traceback would be a fault of its own."""
        fine = (3, -signal.SIGKILL) if victims != "writer" else (-signal.SIGKILL,)
        if code not in fine or "Traceback" in said:
            raise RuntimeError(f"the writer ended with {code}: {said}")

    def _by_http(self, victims: str) -> int:
        with self.bench.open() as store:
            key = create_key(store, name="kill", scopes=["edit"])[1]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "api", "serve", "--store", self.bench.url, "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
            try:
                until_ready(port)
                wanted = self.rng.randint(0, 6)
                works = [stream.operation(self.seed, self.number + n, through="http") for n in range(wanted + 1)]
                for work in works[:-1]:
                    _patch(port, key, work)
                return wanted + self._killed_patch(port, key, works[-1], serving, victims)
            finally:
                serving.kill()

    def _killed_patch(
        self, port: int, key: str, work: stream.Operation, serving: subprocess.Popen[bytes], victims: str
    ) -> int:
        """Send the PATCH, kill while it is under way, and count it when its answer was faster."""

        def kill() -> None:
            if victims != "writer":
                self.bench.kill_server()
            if victims != "server":
                serving.kill()

        killer = threading.Timer(self.rng.uniform(0, 0.05), kill)
        killer.start()
        try:
            _patch(port, key, work)
        except (OSError, HTTPException, Refused):
            return 0
        finally:
            killer.join()
        return 1

    # -- afterwards -------------------------------------------------------------------------------

    def _verify(self, in_flight: stream.Operation) -> None:
        """The record is the model's, or the model's after the operation in flight; then that one is taken in."""
        with self.bench.open() as store:
            data, items = store.read(), list(store.items())
            known = len(self.model.history)
            history = [(e.version, _number(e.reason)) for e in store.history(after=max(0, known - 3))]
        later = self.model.after(in_flight)
        for model, found in ((self.model, "absent"), (later, "whole")):
            if (model.data(), model.tagged()) == (data, items):
                expected = list(enumerate(model.history, start=1))[max(0, known - 3) :]
                if history != expected:
                    raise Broken("half", f"the history ends {history[-5:]}, not {expected[-5:]}")
                if Taxonomy.of(data).problems:
                    raise Broken("half", "the snapshot has problems")
                self.counts[f"in flight, {found}"] += 1
                self.counts["verified"] += 1
                self.number += found == "whole"
                self.model = model
                return
        raise Broken(*self._difference(data.version, {c.id: c.notation for c in data.concepts}))

    def _difference(self, version: int, notations: dict[str, str | None]) -> tuple[str, str]:
        if version < len(self.model.history):
            return "lost", f"version {version}, acknowledged {len(self.model.history)}"
        off = [id for id, number in self.model.concepts.items() if notations.get(id) != str(number)]
        return "half", f"version {version} (acknowledged {len(self.model.history)}); others than acknowledged: {off}"

    def whole_history(self) -> None:
        """From the first change set on, every acknowledged operation stands there once and in order."""
        with self.bench.open() as store:
            found = [_number(entry.reason) for entry in store.history()]
        if found != self.model.history:
            self.counts["lost"] += 1

    # -- a tagging job ----------------------------------------------------------------------------

    def tagging(self, kills: int, victims: str) -> None:
        if self.number == 0:
            with self.bench.open() as store:
                store.apply(stream.change_set(stream.operation(self.seed, 0)))
        source, out, whole = (self.bench.folder / name for name in ("in.jsonl", "out.jsonl", "whole.jsonl"))
        rows = [
            {"id": f"p{n:07}", "title": f"Concept {stream.ROOTS[n % 8]} no {n}", "category": stream.ROOTS[n % 5]}
            for n in range(BATCH * 40 * (kills + 1))
        ]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with self.bench.open() as store:
            TagJob(tagger(Taxonomy.of(store.read()))).run(source, whole)
        expected = [json.loads(line) for line in whole.read_bytes().splitlines()]
        before = 0
        for _ in range(kills):
            self._tag_until_killed(source, out, victims)
            before = self._verify_tags(expected, out, before)
        command = [sys.executable, str(WRITER), "tag", self.bench.url, str(source), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        if out.read_bytes() != whole.read_bytes():
            self.counts["lost"] += 1

    def _tag_until_killed(self, source: Path, out: Path, victims: str) -> None:
        command = [sys.executable, str(WRITER), "tag", self.bench.url, str(source), str(out)]
        with _spawn(command) as it:
            assert it.stdout is not None
            it.stdout.readline()
            time.sleep(self.rng.uniform(0, 0.25))
            if victims != "writer":
                self.bench.kill_server()
            if victims != "server":
                it.kill()
            _, said = it.communicate(timeout=60)
        if it.returncode != 0:
            self._check_farewell(it.returncode, said.decode(), victims)
        if victims == "writer":
            self.bench.settle()
        else:
            self.bench.restart()

    def _verify_tags(self, expected: list[Any], out: Path, before: int) -> int:
        """Whole rows of the file are the first ones expected; the store has their tags, and at most one batch more."""
        lines = out.read_bytes().splitlines(keepends=True) if out.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
        with self.bench.open() as store:
            kept = [
                (i.id, [tag.concept for tag in i.tags]) for i in store.items(after="o", limit=len(rows) + 3 * BATCH)
            ]
        wanted = [(row["id"], [tag["concept"] for tag in row["tags"]]) for row in expected[: len(kept)]]
        self.counts["tagging kills"] += 1
        if rows != expected[: len(rows)] or len(rows) < before or len(kept) < len(rows):
            self.counts["lost"] += 1
        elif kept != wanted or len(kept) > len(rows) + BATCH:
            self.counts["half"] += 1
        else:
            self.counts["tagging verified"] += 1
        return len(rows)


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    """Unbuffered: what `readline` read ahead would be missing from what `communicate` finds."""
    return subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Refused(Exception):
    """An answer that isn't 200."""


def _patch(port: int, key: str, work: stream.Operation) -> None:
    """GET for the ETag, then PATCH; raises when the answer to either isn't 200."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        path = f"/v1/concepts/{work.put[0]}"
        connection.request("GET", path, headers=headers)
        seen = connection.getresponse()
        seen.read()
        headers["If-Match"] = seen.headers.get("ETag", "")
        connection.request("PATCH", path, json.dumps(stream.patch_body(work)), headers)
        answer = connection.getresponse()
        said = answer.read()
    if answer.status != 200:
        raise Refused(f"{answer.status} {said.decode()}")


def until_ready(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("kgtag serve did not get ready")


def _number(reason: str) -> int:
    """`op-7` of an edit, `import jsonl op-7.jsonl` of an import; -1 of a reason that is no operation's."""
    said = reason.removesuffix(".jsonl").rpartition("op-")[2]
    return int(said) if said.isdecimal() else -1


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--store", choices=["sqlite", "neo4j"], required=True)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", choices=["writer", "server", "both"], default="writer")
    parser.add_argument("--url", help="an empty Neo4j database to use; by default one is started for the run")
    parser.add_argument("--http", type=float, default=0.02, help="share of rounds through `kgtag serve`")
    parser.add_argument("--tagging", type=float, default=0.03, help="kills of a tagging job, as a share of the others")
    options = parser.parse_args()
    if options.store == "sqlite" and options.kill != "writer":
        parser.error("SQLite has no server to kill")
    if options.url and (options.store == "sqlite" or options.kill != "writer"):
        parser.error("--url is for killing the writer of a Neo4j that is lent")
    host, started = machine(), time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.store, Path(scratch), url=options.url)
        try:
            run = Run(bench, options.seed, random.Random(options.seed), stream.Model())
            with closing(open_store(bench.url)) as store:
                store.migrate()
            _rounds(run, options)
        finally:
            bench.close()
    counts = dict(run.counts)
    seconds = time.perf_counter() - started
    what = f"{options.store}, SIGKILL of {options.kill}, seed {options.seed}"
    table(what, ["", "count"], [*counts.items(), ("seconds", round(seconds, 1))])
    report("kill", what, host, save=options.save, **counts, seconds=round(seconds, 1))
    if counts["lost"] or counts["half"]:
        sys.exit(1)


def _rounds(run: Run, options: argparse.Namespace) -> None:
    names = ("kills", "acknowledged", "verified", "in flight, whole", "in flight, absent", "lost", "half")
    run.counts.update(dict.fromkeys(names, 0))
    try:
        for n in range(options.kills):
            # Through HTTP one needs the roots, which the first operation puts.
            run.round(options.kill, http=run.number > 0 and run.rng.random() < options.http)
            if n % 100 == 99:
                print(f"{n + 1} kills, {run.counts['acknowledged']} acknowledged", file=sys.stderr)
        run.whole_history()
        run.tagging(round(options.kills * options.tagging), options.kill)
    except Broken:
        pass  # Counted, and told on stderr.


if __name__ == "__main__":
    main()
