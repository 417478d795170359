"""SKOS files to a taxonomy and back, beside rdflib's parse of the same file, in time and memory.

    python benchmarks/rdf.py --data DIR [--repeat 3]

DIR/skos_stw and DIR/skos_unesco hold a Turtle file each. The rival is `rdflib.Graph().parse(file)`: triples in rdflib's
indices, nothing more. Ours ends with the snapshot: concepts, labels, checked relations, closure. Both are run by turns
in one process, on processor time; the ratio is between the medians. Memory is each one's peak in a process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import rdflib
from common import machine, report, table

from graph.formats import skos
from graph.model import TaxonomyData
from graph.taxonomy import Taxonomy

FILES = {"STW": "skos_stw/stw-skos.ttl.gz", "UNESCO": "skos_unesco/unescothes.ttl.gz"}
SYNTAXES = ("ttl", "rdf", "jsonld")


def theirs(file: Path) -> rdflib.Graph:
    return rdflib.Graph().parse(data=gzip.decompress(file.read_bytes()), format="turtle")


def ours(file: Path) -> Taxonomy:
    parsed = skos.read([file])
    return Taxonomy.of(TaxonomyData(0, parsed.concepts, parsed.relations))


SIDES: dict[str, Callable[[Path], object]] = {"rdflib": theirs, "kgtag": ours}


def seconds(work: Callable[..., object], *args: object, **options: object) -> float:
    started = time.process_time()
    work(*args, **options)
    return time.process_time() - started


def peak(side: str, file: Path) -> float:
    """MB above what the imports take."""
    command = [sys.executable, __file__, "--data", str(file.parent.parent), "--peak", side, str(file)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def round_trip(taxonomy: Taxonomy, *, xl: bool) -> dict[str, dict[str, float]]:
    """Seconds to write and to read each syntax; raises when what comes back differs."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for syntax in SYNTAXES:
            file = Path(folder) / f"t.{syntax}"
            written = seconds(skos.write, taxonomy, file, xl=xl)
            read = seconds(ours, file)
            again = ours(file)
            if (again.revision, again.concepts, again.relations) != (
                taxonomy.revision,
                taxonomy.concepts,
                taxonomy.relations,
            ):
                raise SystemExit(f"{syntax}: what was written doesn't read back the same")
            found[syntax] = {"write": written, "read": read, "MB": file.stat().st_size / 1e6}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peak", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        SIDES[options.peak[0]](Path(options.peak[1]))
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        return
    host = machine()
    measured: dict[str, object] = {}
    rows, trips = [], []
    for name, path in FILES.items():
        file = options.data / path
        turns = [{side: seconds(work, file) for side, work in SIDES.items()} for _ in range(options.repeat)]
        medians = {side: statistics.median(turn[side] for turn in turns) for side in SIDES}
        memory = {side: peak(side, file) for side in SIDES}
        ratio = medians["kgtag"] / medians["rdflib"]
        rows.append((name, medians["rdflib"], medians["kgtag"], ratio, memory["rdflib"], memory["kgtag"]))
        taxonomy = ours(file)
        trip = {"plain": round_trip(taxonomy, xl=False), "xl": round_trip(taxonomy, xl=True)}
        trips += [
            (name, k, s, *(t[c] for c in ("write", "read", "MB"))) for k, by in trip.items() for s, t in by.items()
        ]
        measured[name] = {"seconds": medians, "ratio": ratio, "peak_mb": memory, "round_trip": trip}
    columns = ["file", "rdflib parse s", "kgtag taxonomy s", "ratio", "rdflib MB", "kgtag MB"]
    table("Turtle file to taxonomy (processor seconds, peak memory)", columns, rows)
    table("Written and read back to the same revision", ["file", "labels", "syntax", "write s", "read s", "MB"], trips)
    report("rdf", json.dumps(FILES), host, **measured)


if __name__ == "__main__":
    main()
