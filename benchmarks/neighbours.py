"""The busiest request, `GET /v1/concepts/{id}/neighbours`, beside a bare Starlette route whose answer is as long, and
beside FastAPI with the Neo4j driver and Cypher on a real Neo4j that holds the same.

    python benchmarks/neighbours.py --data DIR [--store URL] [--model DIR] [--embeddings DIR] [--neo4j] [--json]
                                    [--requests 20000] [--connections 16] [--rounds 4]

Without --store, Shopify's taxonomy (DIR/shopify_categories) is imported into a temporary SQLite file. Each server runs
in a process of its own with one worker, the client in this one. First, as soon as the service is ready, each concept is
asked for once; then requests draw their concepts evenly, and the servers are asked in turn in each round. Figures are
medians of the rounds. The rival finds parents, children, ancestors, siblings and what is related in one query, without
keys, evidence or an order by meaning; Neo4j has everything in its page cache, and the query is planned and warmed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from common import arguments, machine, percentile, report, table
from stores import server

from graph.api_keys import create_key
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_files

BARE_NAME, RIVAL_NAME = "bare Starlette", "FastAPI, driver, Cypher"
BARE = """
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
import os

body = b"x" * int(os.environ["BARE_BYTES"])

async def answer(request):
    return Response(body, media_type="application/json")

app = Starlette(routes=[Route("/healthz", answer), Route("/v1/concepts/{id:path}/neighbours", answer)])
"""


RIVAL = (
    """
import os
from contextlib import asynccontextmanager
from fastapi import FastAPI
from neo4j import AsyncGraphDatabase

QUERY = """
    + "'''"
    + """
MATCH (c:Concept {id: $id})
CALL (c) {
  MATCH (c)-[:BROADER]->(n:Concept) RETURN n, 'broader' AS relation, 'out' AS direction, 1.0 AS score
  UNION MATCH (c)<-[:BROADER]-(n:Concept) RETURN n, 'broader' AS relation, 'in' AS direction, 0.8 AS score
  UNION MATCH (c)-[:RELATED]-(n:Concept) RETURN n, 'related' AS relation, 'both' AS direction, 1.0 AS score
  UNION MATCH (c)-[:BROADER*2..]->(n:Concept) RETURN n, 'broader' AS relation, 'out' AS direction, 0.5 AS score
  UNION MATCH (c)-[:BROADER]->(:Concept)<-[:BROADER]-(n:Concept) WHERE n <> c
    RETURN n, 'sibling' AS relation, 'both' AS direction, 0.4 AS score
}
RETURN n.id AS concept, n.name AS label, relation, direction, score ORDER BY score DESC, concept LIMIT 20
"""
    + "'''"
    + """

@asynccontextmanager
async def lifespan(app):
    async with AsyncGraphDatabase.driver(os.environ["RIVAL_NEO4J"], notifications_min_severity="OFF") as app.driver:
        yield

app = FastAPI(lifespan=lifespan)

@app.get("/healthz")
async def health():
    return {}

@app.get("/v1/concepts/{id:path}/neighbours")
async def neighbours(id: str, limit: int = 20):
    async with app.driver.session(default_access_mode="READ") as session:
        result = await session.run(QUERY, id=id)
        return {"concept": id, "neighbours": await result.data()}
"""
)


@contextmanager
def serving(app: str, port: int, folder: Path, environment: dict[str, str], *, ready: str = "healthz") -> Iterator[int]:
    """The server's process id, once it answers."""
    factory = app.endswith(":create_app")
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error", "--no-access-log"]
    command += ["--factory"] if factory else ["--app-dir", str(folder)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/{ready}", timeout=1)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{app} did not start") from None
                time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def _connection(port: int, requests: Iterator[bytes], seconds: list[float], sizes: list[int]) -> None:
    """One keep-alive connection, HTTP by hand: a client library would cost more than the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the server answered {head.splitlines()[0]!r} to {request.splitlines()[0]!r}")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        seconds.append(time.perf_counter() - started)
        sizes.append(size)
    writer.close()


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 where there is no /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, requests: list[bytes], connections: int, *, pid: int) -> dict[str, float]:
    """p50, p99 and the server's processor time in milliseconds, requests a second, mean size of an answer."""
    seconds: list[float] = []
    sizes: list[int] = []
    shared = iter(requests)

    async def all_connections() -> None:
        await asyncio.gather(*(_connection(port, shared, seconds, sizes) for _ in range(connections)))

    started, busy = time.perf_counter(), processor_seconds(pid)
    asyncio.run(all_connections())
    took, busy = time.perf_counter() - started, processor_seconds(pid) - busy
    return {
        "p50 ms": round(1000 * percentile(seconds, 0.5), 2),
        "p99 ms": round(1000 * percentile(seconds, 0.99), 2),
        "requests/s": round(len(seconds) / took),
        "cpu ms": round(1000 * busy / len(seconds), 3),
        "bytes": round(sum(sizes) / len(sizes)),
    }


def requests_for(ids: list[str], count: int, key: str) -> list[bytes]:
    chosen = [ids[i % len(ids)] for i in range(count)]
    head = f"Host: 127.0.0.1\r\nX-API-Key: {key}\r\n\r\n"
    return [f"GET /v1/concepts/{quote(id, safe='')}/neighbours HTTP/1.1\r\n{head}".encode() for id in chosen]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepared(options: argparse.Namespace, folder: Path) -> tuple[str, Taxonomy, str, str]:
    """Store URL, snapshot, a key, and what the data is."""
    store = open_store(options.store or f"sqlite:///{folder / 'shopify.db'}")
    name = "the given store"
    if options.store is None:
        store.migrate()
        import_files(store, "shopify", shopify_files(options.data), author="benchmark")
        name = "Shopify 2024-07, en + zh-CN"
    _, key = create_key(store, name="benchmark", scopes=["read"])
    taxonomy = load_taxonomy(store)
    store.close()
    return options.store or store.url, taxonomy, key, f"{name}: {len(taxonomy):,} concepts"


def shopify_files(data: Path) -> list[Path]:
    files = sorted((data / "shopify_categories").glob("*.json*"))
    return [file for file in files if file.name.split(".")[0] in ("en", "zh-CN")]


@contextmanager
def rival(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of FastAPI with the driver: a real Neo4j with Shopify's taxonomy, run for this."""
    with server(folder, 1024) as url:
        store = open_store(url)
        store.migrate()
        import_files(store, "shopify", shopify_files(options.data), author="benchmark")
        store.close()
        yield {"RIVAL_NEO4J": url}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--store")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--neo4j", action="store_true", help="beside FastAPI with the Neo4j driver; needs --data")
    parser.add_argument("--json", action="store_true", help="the JSON line alone on standard output")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    if options.data is None and (options.neo4j or options.store is None):
        parser.error("give --data DIR or --store URL")
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        data, first, rounds = measure(options, Path(scratch))
    file = sys.stderr if options.json else sys.stdout
    others = [name for name in rounds if name != "kgtag"]
    medians = {name: {each: median_of(found, each) for each in first} for name, found in rounds.items()}
    rows = [[name, *found.values()] for name, found in {"kgtag, each once": first, **medians}.items()]
    title = f"{data}; {options.requests:,} requests over {options.connections} connections"
    table(title, ["", *first], rows, rivals=others, file=file)
    ratios = {name: ratio_of(rounds["kgtag"], rounds[name]) for name in others}
    once = first["requests/s"] / medians[BARE_NAME]["requests/s"]
    cpu = medians[BARE_NAME]["cpu ms"] / max(medians["kgtag"]["cpu ms"], 1e-3)
    named = [[f"requests a second, over those of {name}", ratio] for name, ratio in ratios.items()]
    named += [["the same, each concept once from when the service is ready, over bare Starlette", once]]
    named += [["processor time a request of bare Starlette, over kgtag's", cpu]]
    table("Ratios, medians of the rounds", ["", "ratio"], named, file=file)
    report(
        "neighbours", data, host, save=options.save, requests=options.requests, connections=options.connections,
        embeddings=options.embeddings is not None, ratio_to_bare_starlette=round(ratios[BARE_NAME], 2),
        ratio_to_fastapi_neo4j=round(ratios[RIVAL_NAME], 2) if RIVAL_NAME in ratios else None,
        each_once_to_bare_starlette=round(once, 2), cpu_ratio=round(cpu, 2), each_once=first, rounds=rounds,
    )  # fmt: skip


def measure(
    options: argparse.Namespace, folder: Path
) -> tuple[str, dict[str, float], dict[str, list[dict[str, float]]]]:
    """What the data is, the figures of each concept once, and those of every server's rounds."""
    url, taxonomy, key, data = prepared(options, folder)
    given = {"KGTAG_STORE": url, "KGTAG_MODEL": options.model, "KGTAG_EMBEDDINGS": options.embeddings}
    environment = {name: str(value) for name, value in given.items() if value is not None}
    for name, text in (("bare", BARE), ("rival", RIVAL)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    chance = random.Random(0)
    once = requests_for(chance.sample(taxonomy.ids, len(taxonomy)), len(taxonomy), key)
    part = max(1, options.requests // options.rounds)
    with ExitStack() as running:
        port = free_port()
        process = running.enter_context(serving("api.app:create_app", port, folder, environment, ready="readyz"))
        first = ask(port, once, options.connections, pid=process)
        servers = {"kgtag": (port, process, part)}
        others = {BARE_NAME: ("bare:app", {"BARE_BYTES": str(int(first["bytes"]))}, part)}
        if options.neo4j:
            others[RIVAL_NAME] = "rival:app", running.enter_context(rival(options, folder)), max(1, part // 10)
        for name, (app, variables, count) in others.items():
            port = free_port()
            servers[name] = port, running.enter_context(serving(app, port, folder, variables)), count
            ask(port, once[:500], options.connections, pid=servers[name][1])
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            drawn = requests_for(chance.choices(taxonomy.ids, k=part), part, key)
            for name, (port, process, count) in servers.items():
                rounds[name].append(ask(port, drawn[:count], options.connections, pid=process))
    return data, first, rounds


def median_of(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(one[name] for one in rounds)


def ratio_of(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> float:
    """Of requests a second, in rounds that followed each other."""
    return statistics.median(a["requests/s"] / b["requests/s"] for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
