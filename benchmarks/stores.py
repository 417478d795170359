"""Files into both stores, and a large taxonomy out of Neo4j, beside plain database calls.

    python benchmarks/stores.py --data DIR [--languages en,zh-CN,de,ja] [--rounds 5]
    python benchmarks/stores.py --concepts 1000000

DIR/shopify_categories holds a JSON file a language; importing is from these files to the commit. Neo4j is a real one,
started for the run in a temporary folder. The rivals do what one would write by hand: they parse the files with
`json`, without a check, and write the same rows into the same indexes without history or merging, by `executemany`
with the same settings and by batches of `UNWIND … CREATE`; they read record by record into dicts. Reading is measured
in a process of its own each; memory is what the process grew by at its peak.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import neo4j
from common import arguments, machine, median, report, table, timed

from graph.formats import shopify
from graph.importing import import_parsed
from graph.model import KINDS, RELATION_TYPES, Concept
from graph.neo4j import cypher
from graph.neo4j.local import server as local_neo4j
from graph.neo4j.rows import new_concept_row
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy

CREATE_NODES = "UNWIND $rows AS row CREATE (c:Concept:Category {id: row.id}) SET c += row.properties"
CREATE_EDGES = """
UNWIND $rows AS row MATCH (a:Concept {id: row.source}) MATCH (b:Concept {id: row.target})
CREATE (a)-[:BROADER {primary: true}]->(b)
"""
READ_NODES = "MATCH (c:Concept) RETURN c.id AS id, labels(c) AS labels, properties(c) AS properties ORDER BY id"
READ_EDGES = """
MATCH (a:Concept)-[r]->(b:Concept)
RETURN type(r) AS type, a.id AS source, b.id AS target, r.primary AS primary ORDER BY type, source, target
"""
INSERT_CONCEPT = "INSERT INTO concept (id, scheme, kind, pref_label) VALUES (?, 'shopify', 'category', ?)"
INSERT_RELATION = "INSERT INTO relation (type, source, target, is_primary) VALUES ('broader', ?, ?, 1)"

Store = SqliteStore | Neo4jStore
Rows = tuple[dict[str, dict[str, str]], dict[str, str | None]]


def plainly_parsed(files: list[Path]) -> Rows:
    names: dict[str, dict[str, str]] = {}
    parents: dict[str, str | None] = {}
    for file in files:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for vertical in json.loads(raw)["verticals"]:
            for row in vertical["categories"]:
                names.setdefault(row["id"], {})[file.name.split(".")[0]] = row["name"]
                parents.setdefault(row["id"], row["parent_id"])
    return names, parents


def ours(store: Store, files: list[Path]) -> dict[str, float]:
    def work() -> object:
        return import_parsed(store, shopify.read(files), author="benchmark", reason="benchmark")

    store.migrate()
    return {"import": timed(work)[0], "import again": timed(work)[0], "token": median(store.token, repeat=20)}


def sqlite_rival(path: Path, files: list[Path]) -> dict[str, float]:
    SqliteStore.open(path).migrate()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")

        def work() -> None:
            names, parents = plainly_parsed(files)
            with db:
                rows = [(id, json.dumps(labels, ensure_ascii=False)) for id, labels in names.items()]
                db.executemany(INSERT_CONCEPT, rows)
                db.executemany(INSERT_RELATION, [(id, parent) for id, parent in parents.items() if parent])

        return {"import": timed(work)[0]}


def neo4j_rival(driver: neo4j.Driver, files: list[Path]) -> dict[str, float]:
    def write(tx: neo4j.ManagedTransaction) -> None:
        names, parents = plainly_parsed(files)
        nodes = [{"id": id, "properties": _properties(labels)} for id, labels in names.items()]
        edges = [{"source": id, "target": parent} for id, parent in parents.items() if parent]
        for statement, rows in ((CREATE_NODES, nodes), (CREATE_EDGES, edges)):
            for start in range(0, len(rows), 5000):
                tx.run(statement, rows=rows[start : start + 5000]).consume()

    with driver.session() as session:
        return {"import": timed(lambda: session.execute_write(write))[0]}


def _properties(labels: dict[str, str]) -> dict[str, Any]:
    """The properties that kgtag writes."""
    caption = labels.get("en") or next(iter(labels.values()))
    tagged = [f"{text}@{tag}" for tag, text in labels.items()]
    return {"name": caption, "nameOf": f"{caption}@en", "scheme": "shopify", "prefLabel": tagged, "status": "active"}


def importing(files: list[Path], rounds: int, *, save: str | None) -> None:
    """Round by round, ours and the rival in turn; the first round on Neo4j warms its JVM and doesn't count."""
    host = machine()
    measured: dict[str, list[dict[str, float]]] = {"SQLite": [], "executemany": [], "Neo4j": [], "driver UNWIND": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for n in range(rounds):
            lite = SqliteStore.open(folder / f"ours{n}.db")
            measured["SQLite"].append(ours(lite, files))
            one = Taxonomy.of(lite.read())
            lite.close()
            measured["executemany"].append(sqlite_rival(folder / f"rival{n}.db", files))
        with server(folder / "neo4j", 1024) as url, _driver(url) as driver:
            for _ in range(rounds + 2):
                store = Neo4jStore.open(url)
                driver.execute_query("MATCH (n) DETACH DELETE n")
                measured["Neo4j"].append(ours(store, files))
                two = Taxonomy.of(store.read())
                driver.execute_query("MATCH (n) DETACH DELETE n")
                measured["driver UNWIND"].append(neo4j_rival(driver, files))
                store.close()
            del measured["Neo4j"][:2], measured["driver UNWIND"][:2]
    same = one.revision == two.revision
    assert same, "the two stores gave different snapshots"
    data = f"Shopify, {len(files)} languages: {len(one)} concepts, {len(one.relations)} relations"
    middle = {
        name: {job: statistics.median(run[job] for run in runs) for job in runs[0]} for name, runs in measured.items()
    }
    jobs = ("import", "import again", "token")
    table(
        f"{data}, from files to the commit (seconds)",
        ["", *middle],
        [[job, *(part.get(job, "") for part in middle.values())] for job in jobs],
    )
    ratios = {
        name: statistics.median(a["import"] / b["import"] for a, b in zip(measured[mine], measured[rival], strict=True))
        for name, mine, rival in (
            ("sqlite import / executemany", "SQLite", "executemany"),
            ("neo4j import / UNWIND", "Neo4j", "driver UNWIND"),
        )
    }
    table("Ratios", ["", "times"], [[name, value] for name, value in ratios.items()])
    seconds = {name: {job: round(value, 4) for job, value in part.items()} for name, part in middle.items()}
    report("stores import", data, host, save=save, seconds=seconds, ratios={k: round(v, 2) for k, v in ratios.items()})


# -- reading ----------------------------------------------------------------------------------------------------------


def synthetic(n: int, seed: int) -> Iterator[tuple[Concept, list[tuple[str, str]]]]:
    """`n` concepts with 5 labels each on average, and (relation, target id) of about three relations a concept."""
    rng = random.Random(seed)
    words = [
        "shoe",
        "boot",
        "运动鞋",
        "sandal",
        "leather",
        "glove",
        "ジャケット",
        "cotton",
        "running",
        "kitchen",
        "lamp",
    ]

    def text(i: int) -> str:
        return f"{' '.join(rng.choice(words) for _ in range(rng.randint(1, 3)))} {i}"

    attributes = max(1, n // 50)
    values = n * 38 // 100
    categories = n - attributes - values
    for kind, size in (("category", categories), ("attribute", attributes), ("value", values)):
        for i in range(size):
            alt: dict[str, list[str]] = {}
            for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
                alt.setdefault(rng.choice(("en", "de")), []).append(text(i))
            yield (
                Concept(
                    f"{kind[0]}-{i:07}",
                    "synthetic",
                    kind,  # type: ignore[arg-type]
                    {"en": text(i), "de": text(i)},
                    alt_label={tag: tuple(texts) for tag, texts in alt.items()},
                    definition={"en": text(i)} if rng.random() < 0.1 else {},
                    notation=f"N{i}" if rng.random() < 0.3 else None,
                ),
                _edges(kind, i, rng, (categories, attributes, values)),
            )


def _edges(kind: str, i: int, rng: random.Random, sizes: tuple[int, int, int]) -> list[tuple[str, str]]:
    categories, attributes, values = sizes
    category = [f"c-{rng.randrange(categories):07}" for _ in range(3)]
    if kind == "category":
        return [
            *([("broader", f"c-{(i - 1) // 8:07}")] if i else []),
            ("related", category[0]),
            ("related", category[1]),
        ]
    if kind == "attribute":
        return [("applies_to", target) for target in category]
    return [
        ("value_of", f"a-{i % attributes:07}"),
        ("related", f"v-{rng.randrange(values):07}"),
        ("exact_match", category[0]),
    ]


def fill(driver: neo4j.Driver, n: int) -> None:
    nodes: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    edges: dict[str, list[Any]] = {type: [] for type in RELATION_TYPES}
    for concept, targets in synthetic(n, 1):
        nodes[concept.kind].append(new_concept_row(concept))
        for type, target in targets:
            edges[type].append((concept.id, target, True if type == "broader" else None))
    for statements, parts in ((cypher.CREATE_CONCEPTS, nodes), (cypher.CREATE_RELATIONS, edges)):
        for key, rows in parts.items():
            for start in range(0, len(rows), 10_000):
                driver.execute_query(statements[key], rows=rows[start : start + 10_000])  # type: ignore[index]


def read_ours(url: str) -> Callable[[], object]:
    return Neo4jStore.open(url).read


def read_plainly(url: str) -> Callable[[], object]:
    def rows(tx: neo4j.ManagedTransaction) -> object:
        return [[record.data() for record in tx.run(query)] for query in (READ_NODES, READ_EDGES)]

    def work() -> object:
        with _driver(url) as driver, driver.session() as session:
            return session.execute_read(rows)

    return work


def child(name: str, url: str) -> None:
    """Read once, and print seconds and kilobytes."""
    work = {"ours": read_ours, "rival": read_plainly}[name](url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    kept = work()
    seconds = time.perf_counter() - started
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
    del kept


def reading(n: int, rounds: int, *, save: str | None) -> None:
    host = machine()
    runs: dict[str, list[list[float]]] = {"ours": [], "rival": []}
    with tempfile.TemporaryDirectory() as scratch, server(Path(scratch), 2048) as url:
        Neo4jStore.open(url).migrate()
        with _driver(url) as driver:
            driver.execute_query("DROP INDEX concept_labels")  # neither reads it, and it takes long to fill
            fill(driver, n)
            edges = driver.execute_query("MATCH (:Concept)-[r]->(:Concept) RETURN count(r) AS n").records[0]["n"]
        for _ in range(rounds):
            for name, results in runs.items():
                command = [sys.executable, __file__, "--child", name, url]
                results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    data = f"synthetic: {n} concepts, {edges} relations"
    best = {name: [min(column) for column in zip(*results, strict=True)] for name, results in runs.items()}
    rows = [[name, seconds, kilobytes / 1024, kilobytes * 1024 / n] for name, (seconds, kilobytes) in best.items()]
    table(f"{data}: read from Neo4j, best of {rounds}", ["", "seconds", "MiB at peak", "bytes a concept"], rows)
    ratio = best["rival"][0] / best["ours"][0]
    table("Ratio", ["", "times"], [["row by row / ours", ratio]])
    report("stores read", data, host, save=save, seconds_and_kilobytes=best, ratio=round(ratio, 2))


@contextmanager
def server(home: Path, memory_mb: int) -> Iterator[str]:
    try:
        yield local_neo4j.up("benchmark", home=home, heap_mb=memory_mb, pagecache_mb=memory_mb).url
    finally:
        local_neo4j.down("benchmark", home=home)


def _driver(url: str) -> neo4j.Driver:
    return neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--languages", default="en,zh-CN,de,ja")
    parser.add_argument("--concepts", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    if options.data is None and options.concepts is None:
        parser.error("--data DIR for importing, --concepts N for reading")
    if options.data is not None:
        folder = options.data / "shopify_categories"
        importing(
            [next(folder.glob(f"{lang}.json*")) for lang in options.languages.split(",")],
            options.rounds,
            save=options.save,
        )
    if options.concepts is not None:
        reading(options.concepts, options.rounds, save=options.save)


if __name__ == "__main__":
    main()
