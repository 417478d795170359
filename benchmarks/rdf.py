"""SKOS files to a taxonomy and back, beside rdflib's parse of the same file, in time and memory.

    python benchmarks/rdf.py --data DIR [--repeat 3]

DIR/skos_stw and DIR/skos_unesco hold a Turtle file each. The rival is `rdflib.Graph().parse(file)`: triples in rdflib's
indices, nothing more. Ours ends with the snapshot: concepts, labels, checked relations, closure. Both are run by turns
in one process, on processor time; the ratio is between the medians. Memory is each one's peak in a process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import rdflib
from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats import skos
from graph.taxonomy import Taxonomy

T = TypeVar("T")
FILES = {"STW": "skos_stw/stw-skos.ttl.gz", "UNESCO": "skos_unesco/unescothes.ttl.gz"}
SYNTAXES = ("ttl", "rdf", "jsonld")


def theirs(file: Path) -> rdflib.Graph:
    return rdflib.Graph().parse(data=gzip.decompress(file.read_bytes()), format="turtle")


def ours(file: Path) -> Taxonomy:
    parsed = skos.read([file])
    return Taxonomy.of(TaxonomyData.of(0, parsed.concepts, parsed.relations))


SIDES: dict[str, Callable[[Path], object]] = {"rdflib": theirs, "kgtag": ours}


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds, and what the work gave."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def high_water() -> float:
    """This process's peak in MB. (`getrusage` would give the parent's, where that is higher.)"""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def peak(side: str, file: Path) -> float:
    """MB above what the imports take."""
    command = [sys.executable, __file__, "--data", str(file.parent.parent), "--peak", side, str(file)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def round_trip(taxonomy: Taxonomy, *, xl: bool) -> list[tuple[str, float, float, float]]:
    """(syntax, seconds to write, seconds to read, MB); raises when what comes back differs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for syntax in SYNTAXES:
            file = Path(folder) / f"t.{syntax}"
            written, _ = seconds(partial(skos.write, taxonomy, file, xl=xl))
            read, again = seconds(partial(ours, file))
            if (again.concepts, again.relations) != (taxonomy.concepts, taxonomy.relations):
                raise SystemExit(f"{syntax}: what was written doesn't read back the same")
            rows.append((syntax, written, read, file.stat().st_size / 1e6))
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peak", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        before = high_water()
        SIDES[options.peak[0]](Path(options.peak[1]))
        print(high_water() - before)
        return
    host = machine()
    files = {name: options.data / path for name, path in FILES.items()}
    rows, trips = [], []
    for name, file in files.items():
        turns = [{side: seconds(partial(work, file))[0] for side, work in SIDES.items()} for _ in range(options.repeat)]
        rivals, mine = (statistics.median(turn[side] for turn in turns) for side in SIDES)
        rows.append((name, rivals, mine, mine / rivals, *(peak(side, file) for side in SIDES)))
    columns = ["file", "rdflib parse s", "kgtag taxonomy s", "ratio", "rdflib MB", "kgtag MB"]
    table("Turtle file to taxonomy (processor seconds, peak memory)", columns, rows)
    for name, file in files.items():
        taxonomy = ours(file)
        trips += [(name, "plain", *row) for row in round_trip(taxonomy, xl=False)]
        trips += [(name, "XL", *row) for row in round_trip(taxonomy, xl=True)]
    written = ["file", "labels", "syntax", "write s", "read s", "MB"]
    table("Written and read back to the same revision", written, trips)
    measured = {"parse": [dict(zip(columns, row, strict=True)) for row in rows]}
    measured["round_trip"] = [dict(zip(written, row, strict=True)) for row in trips]
    report("rdf", ", ".join(FILES.values()), host, save=options.save, **measured)


if __name__ == "__main__":
    main()
