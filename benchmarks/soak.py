"""Hours of work at once: reads, completions and taggings at 80% of what the service can do, while concepts are edited.

    python benchmarks/soak.py --demo DIR [--minutes 30] [--share 0.8] [--workers 1]

DIR is what `kgtag demo` made. Of a hundred requests 80 ask for neighbours, 10 for completions, 10 for tags. Two seconds
after each edit the next one adds an alternative label or takes it away. Capacity is what eight connections get in 60
seconds beside such edits; then requests begin at fixed times, a share of it, whether or not those before have been
answered, and latency counts from those times. Each row is a tenth of the time. "Refused" are 429 and 503, which other
work on the machine may cause. No error may occur, and memory at rest may not grow by more than a twentieth from the
end of the first two minutes to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from abuse import serving
from common import arguments, machine, percentile, report, table

_PARTS = 10
_REST = 75.0
"""Seconds without requests before memory is read."""
TITLES = (
    "Red leather sneakers",
    "Nordvik merino crew socks, charcoal",
    "Oak coffee table, round",
    "Hiking boots, brown",
)


class Connection:
    """A keep-alive connection, HTTP by hand."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None, headers: str = "") -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        sent = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {self._key}\r\n{headers}"
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(answer.split()[1]), await reader.readexactly(length)


def requests(ids: list[str]) -> Iterator[tuple[str, str, Any]]:
    for i in count():
        match i % 10:
            case 0:
                yield "GET", f"/v1/search/suggest?q={('sho', 'lea', 'red', 'tab')[i // 10 % 4]}", None
            case 5:
                yield "POST", "/v1/tag", {"title": f"{TITLES[i // 10 % len(TITLES)]} no. {i}"}
            case _:
                yield "GET", f"/v1/concepts/{ids[i % len(ids)]}/neighbours", None


async def capacity(port: int, key: str, ids: list[str], seconds: float) -> float:
    """Requests a second over eight connections, each asked again when it has answered."""
    ends, shared, done = time.monotonic() + seconds, requests(ids), 0

    async def one() -> None:
        nonlocal done
        connection = Connection(port, key)
        while time.monotonic() < ends:
            await connection.ask(*next(shared))
            done += 1

    await asyncio.gather(*(one() for _ in range(8)))
    return done / seconds


async def steady(
    port: int, key: str, ids: list[str], rate: float, seconds: float, process: psutil.Process
) -> list[list[Any]]:
    """Rows of the table: a fifth of the time each."""
    idle: list[Connection] = [Connection(port, key) for _ in range(8)]
    tasks: set[asyncio.Task[None]] = set()
    parts: list[list[float]] = [[] for _ in range(_PARTS)]
    errors, refused, edits, memory = ([0] * _PARTS for _ in range(4))
    causes: Counter[str] = Counter()
    load, shared = [0.0] * _PARTS, requests(ids)
    started = time.monotonic()

    def part(at: float) -> int:
        return min(_PARTS - 1, int(_PARTS * (at - started) / seconds))

    async def one(due: float) -> None:
        connection = idle.pop() if idle else Connection(port, key)
        request = next(shared)
        try:
            try:
                status, answer = await connection.ask(*request)
            except (OSError, asyncio.IncompleteReadError):  # closed while it was idle, as clients of HTTP expect
                connection = Connection(port, key)
                status, answer = await connection.ask(*request)
            refused[part(due)] += status in (429, 503)
            if status not in (200, 429, 503):
                failed(due, f"{request[0]} {request[1].split('?')[0]}: {status} {answer[:300]!r}")
            idle.append(connection)
        except (OSError, asyncio.IncompleteReadError) as error:
            failed(due, f"{request[0]} {request[1].split('?')[0]}: {error!r}")
        parts[part(due)].append(time.monotonic() - due)

    def failed(at: float, cause: str) -> None:
        errors[part(at)] += 1
        causes[cause] += 1
        if causes[cause] == 1:
            print(f"after {at - started:.0f} s: {cause}", file=sys.stderr, flush=True)

    def edited(status: int, answer: bytes) -> None:
        at = part(time.monotonic())
        edits[at] += status == 200
        if status != 200:
            failed(time.monotonic(), f"edit: {status} {answer[:300]!r}")
        memory[at] = max(memory[at], resident(process))
        load[at] = max(load[at], psutil.getloadavg()[0])

    editing = asyncio.create_task(edit(port, key, ids, edited))
    for number in count():
        due = started + number / rate
        if due - started >= seconds:
            break
        await asyncio.sleep(max(0, due - time.monotonic()))
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    editing.cancel()
    for cause, times in causes.most_common():
        print(f"{times} times {cause}", file=sys.stderr, flush=True)
    return [
        [f"{n + 1} of {_PARTS}", len(took), edits[n], refused[n], errors[n], 1000 * percentile(took, 0.5),
         1000 * percentile(took, 0.99), memory[n] >> 20, f"{load[n]:.0f}"]
        for n, took in enumerate(parts)
    ]  # fmt: skip


async def edit(port: int, key: str, ids: list[str], edited: Callable[[int, bytes], None]) -> None:
    """Edit one concept after the other, without end; `edited` is called with the last answer's status and body."""
    connection = Connection(port, key)
    for number in count():
        id = ids[number // 2 % len(ids)]
        status, body = await connection.ask("GET", f"/v1/concepts/{id}")
        if status == 200:
            etag = json.loads(body).get("etag", "*")
            change = {"alt_label": {} if number % 2 else {"en": [f"soak {number}"]}}
            status, body = await connection.ask("PATCH", f"/v1/concepts/{id}", change, f'If-Match: "{etag}"\r\n')
        edited(status, body)
        await asyncio.sleep(2)


def resident(process: psutil.Process) -> int:
    """Bytes of the service, all its processes."""
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])


async def measure(
    options: argparse.Namespace, port: int, key: str, process: psutil.Process
) -> tuple[float, list[list[Any]]]:
    _, body = await Connection(port, key).ask("GET", "/v1/concepts?limit=200")
    ids = [row["id"] for row in json.loads(body)["concepts"]]
    await capacity(port, key, ids, 5)
    editing = asyncio.create_task(edit(port, key, ids, lambda *_: None))
    able = await capacity(port, key, ids, 60)
    editing.cancel()
    print(f"{able:.0f} requests a second, load {psutil.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    await steady(port, key, ids, options.share * able, 120, process)
    rows = [await _at_rest("at rest, after two minutes", process)]
    rows += await steady(port, key, ids, options.share * able, 60 * options.minutes, process)
    return able, [*rows, await _at_rest("at rest, afterwards", process)]


async def _at_rest(name: str, process: psutil.Process) -> list[Any]:
    await asyncio.sleep(_REST)
    return [name, *[""] * 6, resident(process) >> 20, f"{psutil.getloadavg()[0]:.0f}"]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--demo", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    host = machine()
    with serving(options.demo, None, {}, workers=options.workers) as (port, key, process):
        able, rows = asyncio.run(measure(options, port, key, process))
    columns = ["", "requests", "edits", "refused", "errors", "p50 ms", "p99 ms", "MiB at most", "load"]
    table(f"{options.minutes:g} minutes at {options.share:.0%} of {able:.0f} requests a second", columns, rows)
    grown = rows[-1][-2] / rows[0][-2] - 1
    failed = sum(row[4] for row in rows[1:-1])
    report(
        "soak", "the demo's shop", host, save=options.save, minutes=options.minutes, capacity=round(able),
        errors=failed, memory_growth=round(grown, 3),
    )  # fmt: skip
    if failed or grown > 0.05:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
