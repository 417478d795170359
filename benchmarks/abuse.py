"""What reading costs while others abuse the service: newlines, half headers, large titles, floods, slow readers.

    python benchmarks/abuse.py --demo DIR [--before CHECKOUT] [--seconds 8] [--attack NAME ...]

DIR is what `kgtag demo` made. `kgtag serve` runs as a process of its own, with the demo's model and embeddings; each
attack is another process of lower priority. One connection asks for neighbours, 100 a second, before and during each
attack. Memory is the service's resident set at its peak and some seconds after. With --before, the same is done with
the code of another checkout, such as an earlier commit in a git worktree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from common import arguments, machine, percentile, report, table
from neighbours import free_port

from graph.api_keys import create_key
from graph.stores import open_store

Attack = Callable[[int, str, float], Awaitable[str]]
"""Runs against the port with a key for so many seconds; what came of it."""

_PAUSE = 4.0
"""Seconds after an attack before memory is read."""


async def newlines(port: int, key: str, seconds: float) -> str:
    """Four batches of 5 MB of line ends, again and again."""
    return await _together(4, lambda: _post(port, key, "/v1/tag/batch", b"\n" * 5_000_000), seconds)


async def broken_lines(port: int, key: str, seconds: float) -> str:
    """Four batches of a million lines with one letter each."""
    return await _together(4, lambda: _post(port, key, "/v1/tag/batch", b"x\n" * 1_000_000, seconds), seconds)


async def endless_line(port: int, key: str, seconds: float) -> str:
    """Four batches of one line that does not end."""

    async def one() -> str:
        body = (b"a" * 65_536 for _ in iter(lambda: time.monotonic() < ends, False))
        return await _chunked(port, key, body)

    ends = time.monotonic() + seconds
    return await _together(4, one, seconds)


async def half_headers(port: int, key: str, seconds: float) -> str:
    """3,000 connections that send half of a header, and wait."""
    return await _idle(port, 3_000, b"GET /v1/concepts HTTP/1.1\r\nHost: a\r\nX-", seconds)


async def flood(port: int, key: str, seconds: float) -> str:
    """3,000 connections that send nothing."""
    return await _idle(port, 3_000, b"", seconds)


async def large_titles(port: int, key: str, seconds: float) -> str:
    """300 titles of 900 kB at once."""
    body = json.dumps({"title": "red leather sneaker " * 45_000}).encode()
    return await _together(300, lambda: _post(port, key, "/v1/tag", body, seconds), 0)


async def slow_readers(port: int, key: str, seconds: float) -> str:
    """100 batches whose answers nobody reads."""

    async def one() -> str:
        line = b'{"title": "red leather sneaker"}\n'
        body = (line * 500 for _ in iter(lambda: time.monotonic() < ends, False))
        return await _chunked(port, key, body, read=False)

    ends = time.monotonic() + seconds
    return await _together(100, one, 0)


async def unknown_keys(port: int, key: str, seconds: float) -> str:
    """Sixteen connections with keys that do not exist."""
    return await _together(16, lambda: _post(port, "kgt_0123456789ab_wrong", "/v1/tag", b"{}"), seconds)


ATTACKS: tuple[Attack, ...] = (
    newlines, broken_lines, endless_line, half_headers, flood, large_titles, slow_readers, unknown_keys,
)  # fmt: skip


async def _together(count: int, one: Callable[[], Awaitable[str]], seconds: float) -> str:
    """`count` at a time, each again until the time is over; how often each status came."""
    ends, seen = time.monotonic() + seconds, Counter[str]()

    async def again() -> None:
        while True:
            try:
                seen[await one()] += 1
            except (OSError, asyncio.IncompleteReadError, ValueError):
                seen["closed"] += 1
            if time.monotonic() >= ends:
                return

    await asyncio.gather(*(again() for _ in range(count)))
    return ", ".join(f"{status}: {n}" for status, n in sorted(seen.items()))


def _head(key: str, path: str, length: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n{length}\r\n"
        f"Content-Type: {'text/plain' if 'batch' in path else 'application/json'}\r\n\r\n"
    ).encode()


async def _post(port: int, key: str, path: str, body: bytes, seconds: float = 30) -> str:
    """The status; a response that takes longer is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with suppress(OSError):
            writer.write(_head(key, path, f"Content-Length: {len(body)}") + body)
            await writer.drain()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(seconds + 20):
            return await _status(reader, seconds)
    except TimeoutError:
        return "no answer"
    finally:
        sending.cancel()
        writer.close()


async def _status(reader: asyncio.StreamReader, seconds: float) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    status, last = head.split()[1].decode(), b""
    length = re.search(rb"content-length: (\d+)", head)
    left = int(length[1]) if length is not None else 1 << 40
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left > 0 and not last.endswith(b"\r\n0\r\n\r\n") and (chunk := await reader.read(1 << 16)):
                left -= len(chunk)
                last = (last + chunk)[-3_000:]
    # A batch is answered with 200; what ended it stands in its last row.
    found = last.rpartition(b'"status":')[2][:3] if b'"status":' in last else b""
    return f"{status} ({found.decode()} in its rows)" if found and status == "200" else status


async def _chunked(port: int, key: str, body: Iterator[bytes], *, read: bool = True) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
    try:
        writer.write(_head(key, "/v1/tag/batch", "Transfer-Encoding: chunked"))
        for part in body:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            async with asyncio.timeout(5):
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        return await _status(reader, 5) if read else "sent whole"
    except TimeoutError:
        return "held back"
    finally:
        writer.transport.abort()


async def _idle(port: int, count: int, opening: bytes, seconds: float) -> str:
    writers = []
    for _ in range(count):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(opening)
            writers.append((reader, writer))
        except OSError:
            break
    await asyncio.sleep(seconds)
    still = sum(not reader.at_eof() and not writer.is_closing() for reader, writer in writers)
    for _, writer in writers:
        writer.transport.abort()
    return f"{len(writers):,} opened, {still:,} open after {seconds:.0f} s"


def _attack(name: str, port: int, key: str, seconds: float, result: Any) -> None:
    os.nice(10)
    (attack,) = (one for one in ATTACKS if one.__name__ == name)
    result.put(asyncio.run(attack(port, key, seconds)))


def probe(port: int, key: str, ids: list[str], going: Callable[[], bool]) -> list[float]:
    """Seconds of each read, 100 a second on one connection; a refused connection is opened again, and counts."""

    async def ask() -> list[float]:
        found: list[float] = []
        connection = None
        for i in range(1 << 30):
            if not going():
                return found
            started = time.perf_counter()
            while True:
                try:
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", port)
                    reader, writer = connection
                    path = f"/v1/concepts/{ids[i % len(ids)]}/neighbours"
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n".encode())
                    head = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
                    if head.split()[1] == b"200":
                        break
                except (OSError, asyncio.IncompleteReadError):
                    connection = None
                await asyncio.sleep(0.01)
                if time.perf_counter() - started > 30:
                    break
            found.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)
        return found

    return asyncio.run(ask())


@contextmanager
def serving(
    demo: Path, code: Path | None, environment: dict[str, str], *, workers: int = 1
) -> Iterator[tuple[int, str, psutil.Process]]:
    """`kgtag serve` on a copy of the demo, with the code of a checkout: port, key, process."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "demo"
        shutil.copytree(demo, home)
        store = open_store(f"sqlite:///{home / 'shop.db'}")
        store.migrate()
        _, key = create_key(store, name="abuse", scopes=["read", "tag", "edit"])
        store.close()
        port = free_port()
        command = [sys.executable, "-m", "api", "serve", "--store", store.url, "--port", str(port)]
        command += ["--workers", str(workers), "--model", str(home / "model"), "--embeddings", str(home / "embeddings")]
        here = str(code.resolve()) if code is not None else str(Path(__file__).parents[1])
        given = {**os.environ, "PYTHONPATH": here, **environment}
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=given, cwd=scratch, **output)
        try:
            wait_until_ready(port, process)
            yield port, key, psutil.Process(process.pid)
        finally:
            process.kill()
            process.wait()


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 600
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            return
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("kgtag serve did not start") from None
            time.sleep(0.1)


def measure(options: argparse.Namespace, attack: str, code: Path | None) -> dict[str, Any]:
    """Reads before and during an attack, memory, and what came of the attack; on a service of its own."""
    with serving(options.demo, code, {}) as (port, key, process):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/concepts?limit=100", headers={"X-API-Key": key})
        ids = [row["id"] for row in json.load(urllib.request.urlopen(request))["concepts"]]
        ends = time.monotonic() + 3
        probe(port, key, ids, lambda: time.monotonic() < ends)
        ends = time.monotonic() + options.seconds
        quiet = probe(port, key, ids, lambda: time.monotonic() < ends)
        before = process.memory_info().rss
        result = multiprocessing.get_context("spawn").Queue()
        given = (attack, port, key, options.seconds, result)
        attacker = multiprocessing.get_context("spawn").Process(target=_attack, args=given)
        attacker.start()
        peak = before

        def going() -> bool:
            nonlocal peak
            with suppress(psutil.Error):
                peak = max(peak, process.memory_info().rss)
            return attacker.is_alive()

        time.sleep(0.7)  # its start is not the attack
        busy = probe(port, key, ids, going)
        attacker.join()
        time.sleep(_PAUSE)
        after = process.memory_info().rss
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return {
            "quiet p50 ms": 1000 * percentile(quiet, 0.5),
            "p50 ms": 1000 * percentile(busy, 0.5),
            "quiet p99 ms": 1000 * percentile(quiet, 0.99),
            "p99 ms": 1000 * percentile(busy, 0.99),
            "ratio of p99": round(percentile(busy, 0.99) / percentile(quiet, 0.99), 1),
            "MiB": before >> 20,
            "peak": peak >> 20,
            "after": after >> 20,
            "the attack": (result.get() if not result.empty() else "?") + ("" if alive else "; the service is gone"),
        }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--demo", type=Path, required=True)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--attack", action="append", choices=[one.__name__ for one in ATTACKS])
    options = parser.parse_args()
    host = machine()
    names = options.attack or [one.__name__ for one in ATTACKS]
    sides: dict[str, Path | None] = {"": None} if options.before is None else {"before": options.before, "now": None}
    rows: list[list[Any]] = []
    for name in names:
        for side, code in sides.items():
            found = measure(options, name, code)
            label = name.replace("_", " ")
            rows.append([f"{label}, {side}" if side else label, *found.values()])
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    columns = ["attack", *found]
    table("Reading neighbours meanwhile, and the service's memory in MiB", columns, rows)
    report("abuse", f"the demo's shop; {options.seconds:.0f} s an attack", host, save=options.save, rows=rows)


if __name__ == "__main__":
    main()
