"""Tagging by one process, by two, and by Ray on this machine: seconds, and what Ray costs.

    python benchmarks/ray_tagging.py --store URL --model DIR [--products N] [--repeat N]

The products are the sample's titles, each made different by a number, as often as needed; --store and --model are those
of `kgtag demo`. "two processes" tag a half each at the same time. All write JSONL; the rows of Ray are compared with
those of one process, byte for byte. "start" is the time to the first row, model included. Needs kgtag[ray].
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import arguments, machine, report, table

from kgtag.data import read_annotated, sample


def write(path: Path, count: int) -> None:
    titles = [one.product for file in (sample.TRAIN, sample.DEV, sample.TEST) for one in read_annotated(file)]
    rows = (
        {"id": str(n), "title": f"{titles[n % len(titles)].title} {n}", "lang": titles[n % len(titles)].lang}
        for n in range(count)
    )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def run(sources: Sequence[Path], outs: Sequence[Path], options: Sequence[str]) -> tuple[float, float]:
    """Tag all sources at once; seconds to the first row, and in all."""
    started = time.perf_counter()
    first = 0.0
    for out in outs:
        out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "kgtag", "tag"]
    running = [
        subprocess.Popen([*command, str(source), "--out", str(out), *options], stderr=subprocess.DEVNULL)
        for source, out in zip(sources, outs, strict=True)
    ]
    while any(one.poll() is None for one in running):
        if not first and all(out.exists() and out.stat().st_size for out in outs):
            first = time.perf_counter() - started
        time.sleep(0.05)
    assert all(one.returncode == 0 for one in running)
    return first, time.perf_counter() - started


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=1)
    given = parser.parse_args()
    host, rows = machine(), []
    options = ["--store", given.store, "--model", given.model]
    with tempfile.TemporaryDirectory() as folder:
        for count in (given.products // 10, given.products):
            place = Path(folder)
            whole, halves = place / "in.jsonl", [place / "a.jsonl", place / "b.jsonl"]
            write(whole, count)
            lines = whole.read_bytes().splitlines(keepends=True)
            for half, some in zip(halves, (lines[: count // 2], lines[count // 2 :]), strict=True):
                half.write_bytes(b"".join(some))
            ways = {
                "one process": ([whole], [place / "one.out"], options),
                "two processes": (halves, [place / "a.out", place / "b.out"], options),
                "Ray, this machine": ([whole], [place / "ray.out"], [*options, "--engine", "ray"]),
            }
            for name, way in ways.items():
                times = [run(*way) for _ in range(given.repeat)]
                start, total = (statistics.median(one) for one in zip(*times, strict=True))
                rows.append((count, name, start, total, count / total, count / max(total - start, 1e-9)))
                print(rows[-1], file=sys.stderr, flush=True)
            same = (place / "ray.out").read_bytes() == (place / "one.out").read_bytes()
            assert (
                same and b"".join((place / f"{n}.out").read_bytes() for n in "ab") == (place / "one.out").read_bytes()
            )
    with contextlib.redirect_stdout(sys.stderr):
        columns = ("products", "by", "start, s", "in all, s", "products a second", "without the start")
        table("Tagging by one process, two, and Ray", columns, rows, rivals=("one process", "two processes"))
    report("ray_tagging", "sample titles", host, save=given.save)


if __name__ == "__main__":
    main()
