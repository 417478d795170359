"""Shared by the benchmarks: the machine, medians, tables for people, one JSON line for programs, stored results."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Kind, Relation

if TYPE_CHECKING:
    from kgtag.train.extractor.config import RunOptions, TrainOptions

CONFIGS = Path(__file__).parent / "configs"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

T = TypeVar("T")
RESULTS = Path(__file__).parent / "results"

_printed: list[dict[str, Any]] = []
"""The tables printed since the last report."""

_WORDS = ("shoes", "coats", "lamps", "chairs", "knives", "tents", "bikes", "soaps", "books", "phones")
_CHARACTERS = ("鞋", "衣", "灯", "椅", "刀", "帐篷", "车", "皂", "书", "手机")


def machine() -> dict[str, Any]:
    """`load`: other work on the machine when the run began, in processes a core; above 0.5, trust ratios only."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "cpu": _cpu(),
        "cores": cores,
        "load": round(os.getloadavg()[0] / cores, 2),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def synthetic_taxonomy(concepts: int, *, seed: int = 0) -> TaxonomyData:
    """A sound taxonomy of so many concepts c0, c1, …: a tree of categories, English and Chinese labels, and attributes.

    One in ten is a value of one of a hundred attributes (fewer when it is small); some categories have two parents.
    """
    draw = random.Random(seed)
    values = concepts // 10 if concepts >= 100 else 0
    attributes = min(100, concepts // 100)
    categories = concepts - values - attributes
    rows, edges = [], []
    for i in range(concepts):
        kind: Kind = "category" if i < categories else "attribute" if i < categories + attributes else "value"
        labels = {"en": f"{kind} {i:,} {draw.choice(_WORDS)}", "zh": f"{draw.choice(_CHARACTERS)}{i}"}
        rows.append(Concept(f"c{i}", "made-up", kind, labels, {"en": (f"{draw.choice(_WORDS)} no. {i}",)}))
        if kind == "category" and i:
            parents = {draw.randrange(max(0, i // 8 - 4), i // 8 + 1) for _ in range(1 + (i % 20 == 0))}
            for at, parent in enumerate(sorted(parents)):
                edges.append(Relation("broader", f"c{i}", f"c{parent}", primary=at == 0))
        elif kind == "attribute":
            edges.append(Relation("applies_to", f"c{i}", f"c{draw.randrange(min(categories, 500))}"))
        elif kind == "value":
            edges.append(Relation("value_of", f"c{i}", f"c{categories + draw.randrange(attributes)}"))
    return TaxonomyData.of(0, tuple(sorted(rows, key=lambda row: row.id)), tuple(sorted(edges)))


def training_config(name: str) -> tuple[RunOptions, TrainOptions]:
    """The options of `configs/NAME.toml`, as `kgtag train extractor --config` reads them."""
    from kgtag.train.extractor.config import read_config, resolve

    return resolve(read_config(str(CONFIGS / f"{name}.toml")))


def bucket(key: str) -> int:
    """0 to 99, by hash: which split a key is in, on any machine."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 100


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what the work gave."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def median(work: Callable[[], object], *, repeat: int = 3) -> float:
    """Median seconds of `repeat` runs."""
    return statistics.median(timed(work)[0] for _ in range(repeat))


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the option that keeps what is measured."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--save", metavar="NAME", help="keep the tables as benchmarks/results/NAME.json, for docs/benchmarks.md"
    )
    return parser


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    rivals: Sequence[str] = (),
    file: TextIO | None = None,
) -> None:
    """Print a table, and remember it for the report. `rivals` names the rows (first cell) that are not kgtag's."""
    _printed.append({"title": title, "columns": list(columns), "rows": [list(row) for row in rows]})
    if rivals:
        _printed[-1]["rivals"] = list(rivals)
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(f"\n{title}", file=file)
    for line in (columns, ["-" * width for width in widths], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=file)


def report(name: str, data: str, host: dict[str, Any], *, save: str | None = None, **measured: Any) -> None:
    """Print the figures as one JSON line; with `save`, keep them and the tables printed since the last report."""
    print("\n" + json.dumps({"benchmark": name, "data": data, "machine": host, **measured}, ensure_ascii=False))
    if save:
        print(f"\nkept in {save_result(save, data, host, tables=_printed)}; now: python benchmarks/report.py")
    _printed.clear()


def save_result(name: str, data: str, host: dict[str, Any], *, tables: Sequence[dict[str, Any]]) -> Path:
    """Write a result for the page; notes on an earlier result stay with their date.

    Args:
        name: The file's name, and that of its place in benchmarks/page.md.
        data: The data set.
        host: What `machine` returned.
        tables: Each with title, columns, rows, and the names of the rows that are rivals.
    """
    path = RESULTS / f"{name}.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    result = {
        "data": data,
        "command": shlex.join(["python", "benchmarks/" + Path(sys.argv[0]).name, *_without_paths(sys.argv[1:])]),
        "measured": date.today().isoformat(),
        "machine": host,
        "tables": [_rounded(one) for one in tables],
        "notes": earlier.get("notes", []),
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _without_paths(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a directory of this machine as DIR, and without --save."""
    kept = [argument for i, argument in enumerate(arguments) if "--save" not in (argument, *arguments[i - 1 : i])]
    return ["DIR" if "/" in argument else argument for argument in kept]


def _rounded(table: dict[str, Any]) -> dict[str, Any]:
    rows = [[round(cell, 4) if isinstance(cell, float) else cell for cell in row] for row in table["rows"]]
    return table | {"rows": rows}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
