"""A large taxonomy into both stores and back, beside plain database calls on the same rows.

    python benchmarks/stores.py --data DIR [--languages en,zh-CN]

DIR/shopify_categories holds a JSON file a language. Neo4j is a real one, started for the run in a temporary folder.
The rivals do what one would write by hand for these rows into the same indexes, without history, checks or merging:
`executemany` and a plain `SELECT` for SQLite, `UNWIND … CREATE` and record by record reading for Neo4j.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import neo4j
from common import machine, median, report, table, timed

from graph import local_neo4j
from graph.formats import shopify
from graph.formats.parsed import Parsed
from graph.importing import import_parsed
from graph.model import Concept
from graph.neo4j import Neo4jStore
from graph.sqlite import SqliteStore
from graph.taxonomy import Taxonomy

RIVAL_INDEXES = (
    "CREATE CONSTRAINT rival IF NOT EXISTS FOR (c:Rival) REQUIRE c.id IS UNIQUE",
    "CREATE FULLTEXT INDEX rival_labels IF NOT EXISTS FOR (c:Rival) ON EACH [c.name, c.prefLabel, c.altLabel] "
    "OPTIONS { indexConfig: { `fulltext.analyzer`: 'cjk' } }",
    "CREATE INDEX rival_scheme IF NOT EXISTS FOR (c:Rival) ON (c.scheme)",
    "CREATE INDEX rival_name IF NOT EXISTS FOR (c:Rival) ON (c.name)",
    "CALL db.awaitIndexes(60)",
)
UNWIND_NODES = "UNWIND $rows AS row CREATE (c:Rival {id: row.id}) SET c += row.properties"
UNWIND_EDGES = """
UNWIND $rows AS row MATCH (a:Rival {id: row.source}) MATCH (b:Rival {id: row.target})
CREATE (a)-[:BROADER {primary: row.primary}]->(b)
"""
READ_NODES = "MATCH (c:Rival) RETURN c.id AS id, properties(c) AS properties ORDER BY id"
READ_EDGES = """
MATCH (a:Rival)-[r]->(b:Rival)
RETURN type(r) AS type, a.id AS source, b.id AS target, r.primary AS primary ORDER BY type, source, target
"""


def ours(store: SqliteStore | Neo4jStore, content: Parsed) -> tuple[dict[str, float], Taxonomy]:
    store.migrate()
    seconds, _ = timed(lambda: import_parsed(store, content, author="benchmark", reason="benchmark"))
    again = median(lambda: import_parsed(store, content, author="benchmark", reason="benchmark"))
    read = median(store.read)
    snapshot = median(lambda: Taxonomy.of(store.read()))
    token = median(store.token, repeat=50)
    measured = {"import": seconds, "import again": again, "read": read, "read + snapshot": snapshot, "token": token}
    return measured, Taxonomy.of(store.read())


def sqlite_rival(file: Path, content: Parsed) -> dict[str, float]:
    schema = next(iter(sorted(_migrations("sqlite"), key=lambda path: path.name))).read_text(encoding="utf-8")
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(schema)

    def write() -> None:
        rows = [(c.id, c.scheme, c.kind, json.dumps(dict(c.pref_label), ensure_ascii=False)) for c in content.concepts]
        with db:
            db.executemany("INSERT INTO concept (id, scheme, kind, pref_label) VALUES (?, ?, ?, ?)", rows)
            edges = [(r.type, r.source, r.target, int(r.primary)) for r in content.relations]
            db.executemany("INSERT INTO relation (type, source, target, is_primary) VALUES (?, ?, ?, ?)", edges)

    def read() -> object:
        db.row_factory = sqlite3.Row
        concepts = [dict(row) for row in db.execute("SELECT * FROM concept ORDER BY id")]
        for concept in concepts:
            concept["pref_label"] = json.loads(concept["pref_label"])
        return concepts, [dict(row) for row in db.execute("SELECT * FROM relation ORDER BY type, source, target")]

    seconds, _ = timed(write)
    measured = {"import": seconds, "read": median(read)}
    db.close()
    return measured


def neo4j_rival(url: str, content: Parsed) -> dict[str, float]:
    with neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF") as driver:
        for statement in RIVAL_INDEXES:
            driver.execute_query(statement)
        nodes = [{"id": c.id, "properties": _properties(c)} for c in content.concepts]
        edges = [{"source": r.source, "target": r.target, "primary": r.primary} for r in content.relations]

        def write(tx: neo4j.ManagedTransaction) -> None:
            for statement, rows in ((UNWIND_NODES, nodes), (UNWIND_EDGES, edges)):
                for start in range(0, len(rows), 5000):
                    tx.run(statement, rows=rows[start : start + 5000]).consume()

        def rows(tx: neo4j.ManagedTransaction) -> object:
            return [record.data() for query in (READ_NODES, READ_EDGES) for record in tx.run(query)]

        with driver.session() as session:
            seconds, _ = timed(lambda: session.execute_write(write))
            return {"import": seconds, "read": median(lambda: session.execute_read(rows))}


def _properties(concept: Concept) -> dict[str, Any]:
    labels = [f"{text}@{tag}" for tag, text in concept.pref_label.items()]
    return {"name": concept.label(), "scheme": concept.scheme, "prefLabel": labels, "status": concept.status}


def _migrations(store: str) -> list[Any]:
    return [path for path in resources.files(f"migrations.{store}").iterdir() if path.name.endswith(".sql")]


@contextmanager
def server(home: Path) -> Iterator[str]:
    try:
        yield local_neo4j.up("benchmark", home=home, heap_mb=1024).url
    finally:
        local_neo4j.down("benchmark", home=home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--languages", default="en,zh-CN")
    options = parser.parse_args()
    languages = options.languages.split(",")
    files = [next((options.data / "shopify_categories").glob(f"{lang}.json*")) for lang in languages]
    host = machine()
    parse, content = timed(lambda: shopify.read(files))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lite = SqliteStore.open(folder / "ours.db")
        sqlite, one = ours(lite, content)
        rival_sqlite = sqlite_rival(folder / "rival.db", content)
        lite.close()
        with server(folder / "neo4j") as url:
            # The first round warms the JVM: a server that just started is several times slower for everybody.
            for _ in range(2):
                store = Neo4jStore.open(url)
                neo, two = ours(store, content)
                store.close()
                _wipe(url)
                rival_neo = neo4j_rival(url, content)
                _wipe(url)
    same = one.revision == two.revision and one.relations == two.relations and one.concepts == two.concepts
    assert same, "the two stores gave different snapshots"
    data = f"Shopify 2024-07, {' + '.join(languages)}: {len(one)} concepts, {len(one.relations)} relations"
    names = ["import", "import again", "read", "read + snapshot", "token"]
    columns = {"SQLite": sqlite, "executemany": rival_sqlite, "Neo4j": neo, "driver UNWIND": rival_neo}
    rows = [[name, *(part.get(name, "") for part in columns.values())] for name in names]
    table(f"{data}; parsed in {parse:.3f} s (seconds)", ["", *columns], rows)
    print(f"\nBoth snapshots are the same: revision {one.revision}, {len(one.relations)} relations.")
    ratios = {
        "sqlite import / executemany": sqlite["import"] / rival_sqlite["import"],
        "neo4j import / UNWIND": neo["import"] / rival_neo["import"],
        "neo4j row by row read / ours": rival_neo["read"] / neo["read"],
        "sqlite select into dicts / ours": rival_sqlite["read"] / sqlite["read"],
    }
    table("Ratios", ["", "times"], [[name, value] for name, value in ratios.items()])
    measured = {name: {key: round(value, 4) for key, value in part.items()} for name, part in columns.items()}
    rounded = {name: round(value, 2) for name, value in ratios.items()}
    report("stores", data, host, parse=round(parse, 4), seconds=measured, ratios=rounded, same_snapshot=same)


def _wipe(url: str) -> None:
    with neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF") as driver:
        driver.execute_query("MATCH (n) DETACH DELETE n")


if __name__ == "__main__":
    main()
