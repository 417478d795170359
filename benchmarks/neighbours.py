"""The busiest request, `GET /v1/concepts/{id}/neighbours`, beside a bare Starlette route whose answer is as long.

    python benchmarks/neighbours.py --data DIR [--store URL] [--model DIR] [--embeddings DIR]
                                    [--requests 20000] [--connections 16]

Without --store, Shopify's taxonomy (DIR/shopify_categories) is imported into a temporary SQLite file. The real server
runs in a process of its own with one worker, the client in this one; both servers are asked in turn, in the same run.
Every answer of the real server is a different concept's, until all have been asked: `--distinct 1` asks for one alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from common import arguments, machine, percentile, report, table

from graph.api_keys import create_key
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_files

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


@contextmanager
def serving(app: str, port: int, folder: Path, environment: dict[str, str], *, factory: bool) -> Iterator[int]:
    """The server's process id, once it answers."""
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error", "--no-access-log"]
    command += ["--factory"] if factory else ["--app-dir", str(folder)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{app} did not start") from None
                time.sleep(0.1)
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
        files = sorted((options.data / "shopify_categories").glob("*.json*"))
        wanted = [file for file in files if file.name.split(".")[0] in ("en", "zh-CN")]
        import_files(store, "shopify", wanted, author="benchmark")
        name = "Shopify 2024-07, en + zh-CN"
    _, key = create_key(store, name="benchmark", scopes=["read"])
    taxonomy = load_taxonomy(store)
    store.close()
    return options.store or store.url, taxonomy, key, f"{name}: {len(taxonomy)} concepts"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--store")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--distinct", type=int, help="ask for so many concepts only; all by default")
    options = parser.parse_args()
    if options.store is None and options.data is None:
        parser.error("give --data DIR or --store URL")
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        url, taxonomy, key, data = prepared(options, folder)
        ids = list(taxonomy.ids)
        random.Random(0).shuffle(ids)
        ids = ids[: options.distinct]
        given = {"KGTAG_STORE": url, "KGTAG_MODEL": options.model, "KGTAG_EMBEDDINGS": options.embeddings}
        environment = {name: str(value) for name, value in given.items() if value is not None}
        (folder / "bare.py").write_text(BARE, encoding="utf-8")
        asked = requests_for(ids, options.requests, key)
        rounds: dict[str, list[dict[str, float]]] = {"kgtag": [], "bare Starlette": []}
        ours, bare = free_port(), free_port()
        with serving("api.app:create_app", ours, folder, environment, factory=True) as our_pid:
            first = ask(ours, asked[: max(200, options.requests // 20)], options.connections, pid=our_pid)
            size = {"BARE_BYTES": str(int(first["bytes"]))}
            with serving("bare:app", bare, folder, size, factory=False) as bare_pid:
                ask(bare, asked[:500], options.connections, pid=bare_pid)
                for part in (asked[: len(asked) // 2], asked[len(asked) // 2 :]):
                    rounds["kgtag"].append(ask(ours, part, options.connections, pid=our_pid))
                    rounds["bare Starlette"].append(ask(bare, part, options.connections, pid=bare_pid))
    columns = list(rounds["kgtag"][0])
    rows = [[f"{name}, half {i}", *part.values()] for name, parts in rounds.items() for i, part in enumerate(parts, 1)]
    table(f"{data}; {options.requests} requests over {options.connections} connections", ["", *columns], rows)
    # The second half: everything has been asked for once when the concepts are fewer than half the requests.
    ratio = rounds["bare Starlette"][-1]["requests/s"] / rounds["kgtag"][-1]["requests/s"]
    slower = rounds["kgtag"][-1]["p50 ms"] / rounds["bare Starlette"][-1]["p50 ms"]
    work = rounds["kgtag"][-1]["cpu ms"] / max(rounds["bare Starlette"][-1]["cpu ms"], 1e-3)
    print(f"\nBare Starlette answers {ratio:.2f} times as many; kgtag's p50 is {slower:.2f} times as long.")
    print(f"The server's processor time a request, which other work on the machine doesn't change: {work:.2f} times.")
    report(
        "neighbours",
        data,
        host,
        save=options.save,
        requests=options.requests,
        connections=options.connections,
        distinct=len(ids),
        embeddings=options.embeddings is not None,
        halves=rounds,
        bare_per_ours=round(ratio, 2),
        p50_ratio=round(slower, 2),
        cpu_ratio=round(work, 2),
    )


if __name__ == "__main__":
    main()
