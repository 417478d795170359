"""What every benchmark shares: the machine in words, medians, a table for people, and one JSON line for machines."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graph.columns.taxonomy_data import TaxonomyData
from graph.model import Concept, Kind, Relation

if TYPE_CHECKING:
    from kgtag.train.extractor.config import RunOptions
    from kgtag.train.extractor.options import TrainOptions

CONFIGS = Path(__file__).parent / "configs"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

T = TypeVar("T")

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


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(f"\n{title}")
    for line in (columns, ["-" * width for width in widths], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def report(name: str, data: str, host: dict[str, Any], **measured: Any) -> None:
    print("\n" + json.dumps({"benchmark": name, "data": data, "machine": host, **measured}, ensure_ascii=False))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
