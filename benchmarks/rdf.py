"""RDF files to a taxonomy and back, and the audit of a SKOS file, beside rdflib's parse of the same file.

    pip install rdflib
    python benchmarks/rdf.py --data DIR [--repeat 3]

DIR/skos_stw, DIR/skos_unesco and DIR/other_taxonomies hold the files, gzipped or not. The rival is
`rdflib.Graph().parse(file)`: triples in rdflib's indices, nothing more. Ours ends with the snapshot (concepts, labels,
checked relations, closure), or with the report of `kgtag audit --skos`. All are run by turns in one process, on
processor time; the ratios are between the medians. Memory is each one's peak in a process of its own, above what the
same work takes for a file of two concepts.
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

from graph.audit import audit_skos
from graph.columns.assemble import TaxonomyData
from graph.formats import skos
from graph.formats.format import ExportOptions
from graph.formats.registry import reader
from graph.taxonomy import Taxonomy

T = TypeVar("T")
FILES = {
    "STW": ("skos", "skos_stw/stw-skos.ttl"),
    "UNESCO": ("skos", "skos_unesco/unescothes.ttl"),
    "GEMET de": ("skos", "other_taxonomies/gemet-de.rdf"),
    "FoodOn SIREN": ("owl", "other_taxonomies/foodon_siren.owl"),
    "schema.org": ("owl", "other_taxonomies/schemaorg-current-https.jsonld"),
}
RIVAL = {".ttl": "turtle", ".rdf": "xml", ".owl": "xml", ".jsonld": "json-ld"}
SYNTAXES = ("ttl", "rdf", "jsonld")
TINY = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix : <http://example.org/> .
:a a skos:Concept, owl:Class ; skos:prefLabel "a"@en .
:b a skos:Concept, owl:Class ; skos:prefLabel "b"@en ; skos:broader :a ; rdfs:subClassOf :a .
"""


def theirs(file: Path, format: str) -> rdflib.Graph:
    return rdflib.Graph().parse(file, format=RIVAL[file.suffix])


def ours(file: Path, format: str) -> Taxonomy:
    parsed = reader(format)([file], scheme=None, lang=None)
    return Taxonomy.of(TaxonomyData.of(0, parsed.concepts, parsed.relations))


def audited(file: Path, format: str) -> object:
    return audit_skos(file) if format == "skos" else None


SIDES: dict[str, Callable[[Path, str], object]] = {"rdflib": theirs, "kgtag": ours, "audit": audited}


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds, and what the work gave."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def high_water() -> float:
    """This process's peak in MB. (`getrusage` would give the parent's, where that is higher.)"""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def peak(side: str, file: Path, format: str) -> float:
    """MB above what the imports take."""
    command = [sys.executable, __file__, "--data", ".", "--peak", side, str(file), format]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def round_trip(taxonomy: Taxonomy, *, xl: bool) -> list[tuple[str, float, float, float]]:
    """(syntax, seconds to write, seconds to read, MB); raises when what comes back differs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for syntax in SYNTAXES:
            file = Path(folder) / f"t.{syntax}"
            written, _ = seconds(partial(skos.write, taxonomy, file, ExportOptions(xl=xl)))
            read, again = seconds(partial(ours, file, "skos"))
            if (again.concepts, again.relations) != (taxonomy.concepts, taxonomy.relations):
                raise SystemExit(f"{syntax}: what was written doesn't read back the same")
            rows.append((syntax, written, read, file.stat().st_size / 1e6))
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peak", nargs=3, metavar=("SIDE", "FILE", "FORMAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        side, file, format = options.peak
        before = high_water()
        SIDES[side](Path(file), format)
        print(high_water() - before)
        return
    host = machine()
    rows, trips = [], []
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder) / "tiny.ttl"
        tiny.write_text(TINY)
        for name, (format, path) in FILES.items():
            file = unpacked(options.data / path, Path(folder))
            turns = [
                {side: seconds(partial(work, file, format))[0] for side, work in SIDES.items()}
                for _ in range(options.repeat)
            ]
            rival, mine, audit = (statistics.median(turn[side] for turn in turns) for side in SIDES)
            size = file.stat().st_size / 1e6
            memory = peak("kgtag", file, format) - peak("kgtag", tiny, format)
            audits = (audit, audit / rival) if format == "skos" else (None, None)
            rows.append(
                (name, size, rival, mine, mine / rival, *audits, peak("rdflib", file, format), memory, memory / size)
            )
            if name in ("STW", "UNESCO"):
                taxonomy = ours(file, format)
                trips += [(name, "plain", *row) for row in round_trip(taxonomy, xl=False)]
                trips += [(name, "XL", *row) for row in round_trip(taxonomy, xl=True)]
    columns = ["file", "MB", "rdflib parse s", "kgtag taxonomy s", "ratio", "audit s", "audit ratio"]
    columns += ["rdflib peak MB", "kgtag peak MB", "peak per file size"]
    table("RDF file to taxonomy, and its audit (processor seconds, peak memory)", columns, rows)
    written = ["file", "labels", "syntax", "write s", "read s", "MB"]
    table("Written and read back to the same revision", written, trips)
    measured = {"parse": [dict(zip(columns, row, strict=True)) for row in rows]}
    measured["round_trip"] = [dict(zip(written, row, strict=True)) for row in trips]
    report("rdf", ", ".join(FILES), host, save=options.save, **measured)


def unpacked(file: Path, folder: Path) -> Path:
    if file.exists():
        return file
    out = folder / file.name
    out.write_bytes(gzip.decompress(file.with_name(file.name + ".gz").read_bytes()))
    return out


if __name__ == "__main__":
    main()
