"""Peak memory of an import into SQLite, beside the size of the file: short rows, and more in three formats.

    python benchmarks/import_memory.py [--concepts 100000]

The files are made up: names of three words in English, in all but the short rows also in German and with one synonym,
a parent each. Every import runs in a process of its own; what Python and its libraries take before it is not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from common import arguments, machine, report, table

from graph.sqlite.store import SqliteStore
from kgtag.data.importing import import_files

SKOS = "http://www.w3.org/2004/02/skos/core#"
WORDS = ("red", "blue", "green", "leather", "cotton", "steel", "boot", "shoe", "lamp", "chair", "tent", "bike", "ring")
Row = tuple[str, str, str | None]


def concepts(n: int) -> Iterator[Row]:
    """(id, name, parent): eight below each."""
    rng = random.Random(1)
    for i in range(n):
        name = " ".join(rng.choice(WORDS) for _ in range(3)).title()
        yield f"p{i}", f"{name} {i}", f"p{(i - 1) // 8}" if i else None


def short(id: str, name: str, parent: str | None) -> str:
    return f"{id},{name},{parent or ''}"


def jsonl(id: str, name: str, parent: str | None) -> str:
    labels = {"pref_label": {"en": name, "de": f"{name} de"}, "alt_label": {"en": [f"{name} alt"]}}
    return json.dumps({"id": id, "scheme": "s", "kind": "category", **labels, "broader": [parent] if parent else []})


def ntriples(id: str, name: str, parent: str | None) -> str:
    node = f"<http://example.org/shop/{id}>"
    said = [f'<{SKOS}prefLabel> "{name}"@en', f'<{SKOS}prefLabel> "{name} de"@de', f'<{SKOS}altLabel> "{name} alt"@en']
    said += [f"<{SKOS}broader> <http://example.org/shop/{parent}>"] if parent else []
    return "\n".join(f"{node} {one} ." for one in said)


def turtle(id: str, name: str, parent: str | None) -> str:
    said = f's:{id} a skos:Concept ; skos:prefLabel "{name}"@en, "{name} de"@de ; skos:altLabel "{name} alt"@en'
    return said + (f" ; skos:broader s:{parent} ." if parent else " .")


FILES: dict[str, tuple[str, str, Callable[[str, str, str | None], str]]] = {
    "short.csv": ("csv", "id,label,parent", short),
    "three.jsonl": ("jsonl", "", jsonl),
    "three.nt": ("skos", "", ntriples),
    "three.ttl": ("skos", f"@prefix skos: <{SKOS}> .\n@prefix s: <http://example.org/shop/> .", turtle),
}


def measure(format: str, file: Path) -> None:
    """One import; prints the bytes that it took at most."""
    store = SqliteStore.open(file.with_suffix(".db"))
    store.migrate()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    import_files(store, format, [file], author="benchmark")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--concepts", type=int, default=100_000)
    parser.add_argument("--measure", nargs=2, metavar=("FORMAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    host, rows = machine(), []
    for name, (format, head, line) in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            lines = [head] if head else []
            file.write_text("\n".join([*lines, *(line(*row) for row in concepts(options.concepts))]) + "\n")
            command = [sys.executable, __file__, "--measure", format, str(file)]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            size = file.stat().st_size
            rows.append(
                (name, round(size / 1e6, 1), round(peak / 1e6), round(peak / options.concepts), round(peak / size, 1))
            )
            print(*rows[-1], flush=True)
    columns = ("file", "MB", "peak, MB", "bytes a concept", "times the file")
    table(f"Importing {options.concepts:,} concepts", columns, rows)
    report("import_memory", f"{options.concepts:,} made-up concepts", host, save=options.save)


if __name__ == "__main__":
    main()
