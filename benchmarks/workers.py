"""Memory of worker processes: what each takes by itself, and all of them together.

    python benchmarks/workers.py --data DIR --demo DIR [--before CHECKOUT] [--workers 1 2 4]

The store holds Shopify's categories in English and Chinese (DIR/shopify_categories) and the shop of the demo, whose
model and embeddings are served. Each process is asked for neighbours, completions and a tagging, and given time to
prepare its answers. PSS counts a page that several processes share once, divided among them. With --before, the same is
measured with the code of another checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from abuse import wait_until_ready
from common import arguments, machine, report, table
from neighbours import free_port, shopify_files

from graph.api_keys import create_key
from graph.stores import open_store
from kgtag.data.importing import import_files


def measure(home: Path, code: Path, workers: int, settle: float) -> list[float]:
    """MiB: PSS of all processes, and of the largest and the mean worker PSS, RSS and private memory."""
    url = f"sqlite:///{home / 'shop.db'}"
    store = open_store(url)
    _, key = create_key(store, name="workers", scopes=["read", "tag"])
    store.close()
    port = free_port()
    command = [sys.executable, "-m", "api", "serve", "--store", url, "--port", str(port), "--workers", str(workers)]
    command += ["--model", str(home / "model"), "--embeddings", str(home / "embeddings")]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        for _ in range(12 * workers):
            for path, body in (("/v1/search/suggest?q=sho", None), ("/v1/tag", {"title": "Red leather sneaker"})):
                data = json.dumps(body).encode() if body is not None else None
                headers = {"X-API-Key": key, "Content-Type": "application/json"}
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)).read()
        time.sleep(settle)
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        found = [one.memory_full_info() for one in tree]
        large = sorted(found, key=lambda info: -info.rss)[:workers]
        means = [sum(getattr(info, name) for info in large) / len(large) / 2**20 for name in ("rss", "pss", "uss")]
        return [sum(info.pss for info in found) / 2**20, *means]
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--demo", type=Path, required=True)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--settle", type=float, default=20.0, help="seconds before memory is read")
    options = parser.parse_args()
    host, rows = machine(), []
    here = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "demo"
        shutil.copytree(options.demo, home)
        store = open_store(f"sqlite:///{home / 'shop.db'}")
        store.migrate()
        import_files(store, "shopify", shopify_files(options.data), author="benchmark")
        concepts = len(store.read().concepts)
        store.close()
        for count in options.workers:
            for name, code in {"before": options.before, "now": here}.items():
                if code is not None:
                    label = f"{count} workers, {name}" if options.before else f"{count} workers"
                    rows.append([label, *map(round, measure(home, code.resolve(), count, options.settle))])
                    print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    columns = ["", "all processes, PSS", "a worker, RSS", "PSS", "private"]
    table("MiB; means of the workers", columns, rows)
    report("workers", f"the demo's shop and Shopify: {concepts:,} concepts", host, save=options.save, rows=rows)


if __name__ == "__main__":
    main()
