"""Questions to a taxonomy: kgtag's snapshot beside Cypher on a real Neo4j that holds the same.

    python benchmarks/cypher_questions.py [--sizes 10000,100000,1000000]

Neo4j runs on this machine with everything in its page cache, queries planned and warmed, one connection, ids found by
the index of the uniqueness constraint and labels by the full-text index. Wall time of one question after the other; the
answers are held equal on the way. The taxonomy is made up, the same as in `stores.py --concepts`.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, LiteralString

import neo4j
import numpy as np
from common import arguments, machine, report, table
from stores import fill, server

from graph.neo4j.store import Neo4jStore
from graph.taxonomy import Taxonomy

ASKED = 200
CYPHER: dict[str, LiteralString] = {
    "ancestors": "MATCH (:Concept {id: $id})-[:BROADER*1..]->(a) RETURN DISTINCT a.id AS id",
    "descendants": "MATCH (:Concept {id: $id})<-[:BROADER*1..]-(d) RETURN DISTINCT d.id AS id",
    "path": "MATCH p = (:Concept {id: $id})-[:BROADER*0..]->(top) WHERE NOT (top)-[:BROADER]->() "
    "UNWIND nodes(p) AS n RETURN n.id AS id",
    "label": "CALL db.index.fulltext.queryNodes('concept_labels', $id) YIELD node "
    "WITH node LIMIT 50 WHERE any(label IN node.prefLabel + coalesce(node.altLabel, []) "
    "WHERE toLower(substring(label, 0, size(label) - size(split(label, '@')[-1]) - 1)) = $form) RETURN node.id AS id",
}


def questions(taxonomy: Taxonomy) -> dict[str, list[str]]:
    chance = random.Random(5)
    ids = [taxonomy.ids[i] for i in chance.sample(range(len(taxonomy)), ASKED)]
    counts = np.array([len(taxonomy.narrower[i]) for i in range(0, len(taxonomy), max(1, len(taxonomy) // 20_000))])
    parents = (np.flatnonzero(counts) * max(1, len(taxonomy) // 20_000)).tolist()
    deep = [id for id in ids if taxonomy.path(id)[1:]] or ids
    return {
        "ancestors": deep,
        "descendants": [taxonomy.ids[i] for i in chance.sample(parents, min(ASKED, len(parents)))],
        "path": deep,
        "label": [taxonomy[id].label("en") for id in ids],
    }


def ours(taxonomy: Taxonomy) -> dict[str, Callable[[str], Any]]:
    return {
        "ancestors": taxonomy.ancestors,
        "descendants": taxonomy.descendants,
        "path": taxonomy.path,
        "label": taxonomy.lookup,
    }


def seconds(ask: Callable[[str], Any], asked: Sequence[str]) -> float:
    """A question, the median of three rounds over all of them."""
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        for one in asked:
            ask(one)
        rounds.append((time.perf_counter() - started) / len(asked))
    return statistics.median(rounds)


def compare(n: int) -> dict[str, tuple[float, float]]:
    """(kgtag, Cypher) in seconds a question."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch, server(Path(scratch), 3072 if n > 100_000 else 1024) as url:
        store = Neo4jStore.open(url)
        store.migrate()
        with neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF") as driver, driver.session() as session:
            fill(driver, n)
            driver.execute_query("CALL db.awaitIndexes(1200)")
            taxonomy = Taxonomy.of(store.read())
            taxonomy.warm()

            def rival(name: str) -> Callable[[str], list[str]]:
                def ask(one: str) -> list[str]:
                    text = " AND ".join(f'"{word}"' for word in one.split()) if name == "label" else one
                    rows = session.run(CYPHER[name], id=text, form=one.lower())
                    return [row["id"] for row in rows]

                return ask

            for name, asked in questions(taxonomy).items():
                mine, theirs = ours(taxonomy)[name], rival(name)
                for one in asked[:20]:
                    assert set(mine(one)) == set(theirs(one)), (name, one, mine(one), theirs(one))
                found[name] = (seconds(mine, asked), seconds(theirs, asked))
        store.close()
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    options = parser.parse_args()
    host = machine()
    for n in map(int, options.sizes.split(",")):
        found = compare(n)
        rows = [[name, mine * 1e6, theirs * 1e6, theirs / mine] for name, (mine, theirs) in found.items()]
        table(f"{n:,} concepts: microseconds a question", ["", "kgtag", "Cypher", "Cypher / kgtag"], rows)
        ratios = {name: round(theirs / mine) for name, (mine, theirs) in found.items()}
        report(
            "cypher questions",
            f"synthetic: {n} concepts",
            host,
            save=options.save and f"{options.save}-{n}",
            concepts=n,
            ratios=ratios,
        )


if __name__ == "__main__":
    main()
