"""From a thousand to a million concepts, and as many products: each command of the line, time, memory and bytes.

    python benchmarks/million.py [--sizes 1000,10000,100000,1000000] [--skip COMMAND ...]

The taxonomy is made up (`synthetic.py`, three relations a concept). So are the products: each title names a category
and two values by a label and holds a word that is none, and each has a day of two years. Every command is a process of
its own with a SQLite store, tagging by labels, without a model. Seconds are those of the processor, all its cores
summed, and wall-clock seconds stand beside them; memory is the peak of resident bytes. The exponent is that of the
growth from one size to the next: 1 is linear. A row "served" is `kgtag serve` on that store: until it is ready, and the
median of 200 requests each. sqlite3 reading the same rows without kgtag is the floor of the time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import synthetic
from abuse import wait_until_ready
from common import arguments, machine, report, table
from neighbours import free_port

from graph.api_keys import create_key
from graph.columns.assemble import TaxonomyData
from graph.formats.registry import export_file
from graph.stores import open_store
from graph.taxonomy import Taxonomy

_DAYS = 730
_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Used:
    """What a command took: processor and wall-clock seconds, peak bytes."""

    processor: float
    wall: float
    memory: int


def run(*command: object) -> Used:
    """Run `kgtag COMMAND` as a process. Raises SystemExit when it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", "kgtag", *map(str, command)], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: findings, or a product without a title
            said.seek(0)
            raise SystemExit(f"{command[0]} failed: {said.read()[-2000:].decode()}")
    return Used(usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss << 10)


def make(n: int, folder: Path) -> tuple[Path, Path]:
    """A taxonomy of n concepts and n products, as files."""
    taxonomy = Taxonomy.of(TaxonomyData(1, synthetic.columns(n)))
    assert taxonomy.problems == ()
    concepts, products = folder / "taxonomy.jsonl", folder / "products.jsonl"
    export_file(taxonomy, "jsonl", concepts)
    rng = random.Random(3)
    labels: dict[str, list[str]] = {"category": [], "value": []}
    for concept in taxonomy:
        if concept.kind in labels:
            labels[concept.kind].append(concept.label())
    with products.open("w", encoding="utf-8") as out:
        for i in range(n):
            words = [*rng.choices(labels["value"], k=2), rng.choice(labels["category"]), rng.choice(("new", "sale"))]
            day = time.strftime("%Y-%m-%d", time.gmtime(1_735_689_600 + 86_400 * rng.randrange(_DAYS)))
            out.write(json.dumps({"id": f"p{i}", "title": ", ".join(words), "at": day}) + "\n")
    return concepts, products


def commands(n: int, folder: Path, skip: Sequence[str]) -> dict[str, Used]:
    """Each command in turn, and what it took."""
    concepts, products = make(n, folder)
    store = f"sqlite:///{folder / 'shop.db'}"
    run("init", "--store", store)
    steps: dict[str, tuple[object, ...]] = {
        "import": ("import", "jsonl", concepts),
        "tag": ("tag", products, "--record", "--out", folder / "tags.jsonl"),
        "audit": ("audit", "--json"),
        "trends": ("trends", "--json"),
        "quality": ("quality", "--json"),
        "export": ("export", "jsonl", folder / "again.jsonl"),
    }
    taken: dict[str, Used] = {}
    for name, command in steps.items():
        if name not in skip:
            taken[name] = run(*command, "--store", store)
            print(f"{n:,} {name}: {taken[name]}", file=sys.stderr, flush=True)
    return taken


def served(n: int, folder: Path) -> dict[str, float]:
    """`kgtag serve`: seconds until it is ready, bytes, and the median milliseconds of some requests."""
    store = open_store(f"sqlite:///{folder / 'shop.db'}")
    _, key = create_key(store, name="benchmark", scopes=["read", "tag", "edit"])
    url = store.url
    store.close()
    port, rng = free_port(), random.Random(5)
    width = len(str(n))
    started = time.monotonic()
    command = [sys.executable, "-m", "api", "serve", "--store", url, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        ready = time.monotonic() - started

        def ask(path: str, body: Any = None, method: str | None = None) -> bytes:
            sent = None if body is None else json.dumps(body).encode()
            headers = {"X-API-Key": key, "Content-Type": "application/json", "If-Match": "*"}
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", sent, headers, method=method)
            with urllib.request.urlopen(asked, timeout=600) as answer:
                read: bytes = answer.read()
            return read

        def median(work: Callable[[str], object], times: int = _REQUESTS) -> float:
            work(f"m{0:0{width}d}")
            took = []
            for _ in range(times):
                id = f"m{rng.randrange(n):0{width}d}"
                began = time.perf_counter()
                work(id)
                took.append(1000 * (time.perf_counter() - began))
            return statistics.median(took)

        found = {
            "ready, s": ready,
            "neighbours, ms": median(lambda id: ask(f"/v1/concepts/{id}/neighbours")),
            "completion, ms": median(lambda id: ask(f"/v1/search/suggest?q={rng.choice('bcdfgklmnprst')}a")),
            "search query, ms": median(lambda id: ask(f"/v1/search/query?q=babade+boots+{id}")),
        }
        began = time.monotonic()
        label = {"en": ["quickly seen"]}
        ask(f"/v1/concepts/m{n // 2:0{width}d}", {"alt_label": label}, "PATCH")
        found["an edit, s"] = time.monotonic() - began
        while b"quickly seen" not in ask(f"/v1/concepts/m{n // 2:0{width}d}"):
            time.sleep(0.02)
        found["until it is read, s"] = time.monotonic() - began
        found["MiB"] = psutil.Process(process.pid).memory_info().rss >> 20
    finally:
        process.kill()
        process.wait()
    return found


def floor(folder: Path) -> float:
    """Processor seconds for reading every row of the store's tables by sqlite3 alone."""
    began = time.process_time()
    with sqlite3.connect(folder / "shop.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _ in connection.execute(f'SELECT * FROM "{name}"'):
                pass
    return time.process_time() - began


def exponents(sizes: Sequence[int], values: Sequence[float]) -> list[str]:
    """Of growth, between each size and the next."""
    pairs = zip(zip(sizes, values, strict=True), list(zip(sizes, values, strict=True))[1:], strict=False)
    return [f"{math.log(b / a) / math.log(n / m):.2f}" if a > 0 < b else "" for (m, a), (n, b) in pairs]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--skip", action="append", default=[], metavar="COMMAND", help="may be repeated")
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder by default")
    options: argparse.Namespace = parser.parse_args()
    sizes, host = [int(size) for size in options.sizes.split(",")], machine()
    taken, answers, floors, sizes_on_disk = [], [], [], []
    for n in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            taken.append(commands(n, folder, options.skip))
            floors.append(floor(folder))
            files = {"store": "shop.db", "taxonomy.jsonl": "taxonomy.jsonl", "tags.jsonl": "tags.jsonl"}
            sizes_on_disk.append({label: (folder / file).stat().st_size / n for label, file in files.items()})
            answers.append(served(n, folder))
    names, heads = list(taken[0]), [f"{n:,}" for n in sizes]
    growth = [f"to {n:,}" for n in sizes[1:]]
    processor = {name: [one[name].processor for one in taken] for name in names}
    rows = [[name, *values, *exponents(sizes, values)] for name, values in processor.items()]
    rows += [["reading the store by sqlite3", *floors, *exponents(sizes, floors)]]
    table("Processor seconds, and the exponents of their growth", ["command", *heads, *growth], rows,
          rivals=["reading the store by sqlite3"])  # fmt: skip
    table("Seconds on the clock", ["command", *heads], [[name, *(one[name].wall for one in taken)] for name in names])
    table("MiB at most", ["command", *heads], [[name, *(one[name].memory >> 20 for one in taken)] for name in names])
    table("Bytes on disk a concept or product", ["file", *heads],
          [[label, *(round(one[label]) for one in sizes_on_disk)] for label in sizes_on_disk[0]])  # fmt: skip
    table("Served", ["", *heads], [[label, *(one[label] for one in answers)] for label in answers[0]])
    report("million", "a made-up shop", host, save=options.save, seconds=sum(one.wall for one in taken[-1].values()))


if __name__ == "__main__":
    main()
