"""Every reader on real files: into SQLite, counts, seconds, memory, and there and back by JSONL, CSV and Shopify.

    python benchmarks/formats.py --data DIR [--only NAME…]

DIR holds google_taxonomy, gs1_gpc, openfoodfacts_taxonomies, bestbuy_categories, whatnot_taxonomy and
shopify_categories; what is missing is said and left out. Each case runs in a process of its own, so that its peak
memory is its own. A round trip is equal when the taxonomy read back has the revision of the one written.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from common import arguments, machine, report, table, timed

from graph.formats.registry import export_file
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_files


@dataclass(frozen=True)
class Case:
    name: str
    format: str
    files: tuple[str, ...]


OFF = ("categories", "ingredients", "brands", "allergens", "materials", "minerals", "origins", "stores")
LOCALES = ("en-US", "zh-CN", "de-DE", "ja-JP")
CASES = (
    Case("shopify, 4 languages", "shopify", tuple(f"shopify_categories/{t}.json" for t in ("en", "zh-CN", "de", "ja"))),
    Case("google, 4 locales", "google", tuple(f"google_taxonomy/taxonomy-with-ids.{tag}.txt" for tag in LOCALES)),
    Case("gpc", "gpc", ("gs1_gpc/gpc-hier.tsv", "gs1_gpc/gpc-attType.tsv", "gs1_gpc/gpc-attValue.tsv")),
    Case("bestbuy", "bestbuy", ("bestbuy_categories/categories.json",)),
    Case("whatnot", "whatnot", ("whatnot_taxonomy/taxonomy.json",)),
    *(Case(f"openfoodfacts {name}", "openfoodfacts", (f"openfoodfacts_taxonomies/{name}.txt",)) for name in OFF),
)


@dataclass(frozen=True)
class Measured:
    """Counts of what is in the store, seconds of the import, seconds and equality of each round trip, peak MiB."""

    name: str
    concepts: int
    relations: int
    multi_parent: int
    labels: int
    deprecated: int
    seconds: float
    again: float
    mib: float
    equal: dict[str, bool]
    round_trip: dict[str, float]
    notes: list[str]


def measure(case: Case, data: Path) -> Measured:
    files = [found for name in case.files if (found := _file(data, name))]
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder) / "one.db")
        seconds, done = timed(lambda: import_files(store, case.format, files, author="benchmark"))
        again, _ = timed(lambda: import_files(store, case.format, files, author="benchmark"))
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        taxonomy = Taxonomy.of(store.read())
        store.close()
        equal, spent = {}, {}
        targets = {"jsonl": "out.jsonl", "csv": "out.csv"}
        if case.format == "shopify":
            targets["shopify"] = "out"
        for format, name in targets.items():
            spent[format], equal[format] = timed(lambda f=format, n=name: _round_trip(taxonomy, f, Path(folder) / n))
    return Measured(
        case.name,
        len(taxonomy),
        len(taxonomy.relations),
        sum(len(row) > 1 for row in (taxonomy.broader[i] for i in range(len(taxonomy)))),
        sum(len(concept.labels()) for concept in taxonomy),
        sum(concept.status == "deprecated" for concept in taxonomy),
        seconds,
        again,
        mib,
        equal,
        spent,
        list(done.notes),
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="Cases whose name holds one of these words.")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        (case,) = [case for case in CASES if case.name == args.case]
        print(json.dumps(asdict(measure(case, args.data))))
        return
    host = machine()
    found = []
    for case in CASES:
        if args.only and not any(word in case.name for word in args.only):
            continue
        missing = [name for name in case.files if _file(args.data, name) is None]
        if missing:
            print(f"{case.name}: left out, there is no {missing[0]}(.gz)", file=sys.stderr)
            continue
        command = [sys.executable, __file__, "--data", str(args.data), "--case", case.name]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(Measured(**json.loads(ran.stdout)))
        print(f"{case.name}: done in {found[-1].seconds:.1f} s", file=sys.stderr)
    columns = ["", "concepts", "relations", "multi-parent", "labels", "deprecated", "import s", "again s", "peak MiB"]
    rows = [
        [m.name, m.concepts, m.relations, m.multi_parent, m.labels, m.deprecated, m.seconds, m.again, round(m.mib)]
        for m in found
    ]
    table("Into SQLite", columns, rows)
    trips = [
        [m.name, format, "equal" if m.equal[format] else "DIFFERENT", m.round_trip[format]]
        for m in found
        for format in m.equal
    ]
    table("Export, import, compare", ["", "by", "revision", "seconds"], trips)
    print("\nWhat the readers said")
    for m in found:
        print(f"{m.name}")
        for note in m.notes:
            print(f"  {note.partition(', e.g.')[0]}")
    measured = {m.name: {key: value for key, value in asdict(m).items() if key != "notes"} for m in found}
    report("formats", str(args.data.name), host, save=args.save, cases=measured)
    sys.exit(0 if all(all(m.equal.values()) for m in found) else 1)


def _round_trip(taxonomy: Taxonomy, format: str, target: Path) -> bool:
    export_file(taxonomy, format, target)
    store = _store(target.with_name(f"{format}.db"))
    files = sorted(target.iterdir()) if target.is_dir() else [target]
    back = import_files(store, format, files, author="benchmark").taxonomy
    store.close()
    return back.revision == taxonomy.revision


def _store(file: Path) -> SqliteStore:
    store = SqliteStore.open(file)
    store.migrate()
    return store


def _file(data: Path, name: str) -> Path | None:
    return next((path for path in (data / f"{name}.gz", data / name) if path.exists()), None)


if __name__ == "__main__":
    main()
