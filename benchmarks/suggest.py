"""Completions among a million labels, beside SQLite's FTS5 with prefix indexes, in the same process.

    python benchmarks/suggest.py [--concepts 560000] [--save NAME]

The taxonomy is made up (`synthetic.py`). Queries: the first letters of a label, of its second word, and of its last, a
thing that tens of thousands of labels share (as "boots" in a shop); a word and a letter; words in another order; a
label with a typing error, in its first word or its second. FTS5 (`prefix='2 3 4'`, unicode61, ranked by bm25) gets the
same prefixes as `"word"*`; it has no typing errors. Both give ten answers. Times are CPU time of queries not asked
before: both work in the calling thread, and the machine may be busy.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence

import synthetic
from common import arguments, machine, percentile, report, table, timed

from graph.columns.assemble import TaxonomyData
from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.search.suggest import Suggester

QUERIES = 400
LETTERS = (3, 4, 5, 6)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--concepts", type=int, default=560_000)
    options = parser.parse_args()
    host = machine()
    taxonomy = Taxonomy.of(TaxonomyData(1, synthetic.columns(options.concepts)))
    suggester = Suggester(taxonomy)
    seconds, _ = timed(suggester.warm)
    labels = taxonomy.derived.labels.texts.array.to_pylist()
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE labels USING fts5(text, prefix='2 3 4')")
    built, _ = timed(lambda: database.executemany("INSERT INTO labels VALUES (?)", ((one,) for one in labels)))
    rows, found = [], {}
    for name, queries in asked(labels).items():
        ours = measured(suggester.suggest, queries)
        theirs = measured(lambda query: fts(database, query), queries) if "typing error" not in name else None
        found[name] = {"kgtag": ours, "FTS5": theirs}
        ratio = theirs[0] / ours[0] if theirs else ""
        rows.append([name, ours[0], ours[1], theirs[0] if theirs else "", theirs[1] if theirs else "", ratio])
    columns = ["query", "kgtag p50 ms", "p99 ms", "FTS5 p50 ms", "p99 ms", "ratio"]
    data = f"{len(labels):,} distinct labels"
    table(data, columns, rows)
    report(
        "suggest", data, host, save=options.save, found=found, build_s=round(seconds, 1), fts5_build_s=round(built, 1)
    )


def asked(labels: Sequence[str]) -> dict[str, list[str]]:
    rng = random.Random(0)
    several = [one for one in rng.sample(labels, min(len(labels), 20 * QUERIES)) if len(one.split()) > 1]
    return {
        "first letters": [one[: rng.choice(LETTERS)] for one in several[:QUERIES]],
        "a whole word and a letter": [" ".join([one.split()[0], one.split()[1][0]]) for one in several[:QUERIES]],
        "second word": [one.split()[1][: rng.choice(LETTERS)] for one in several[:QUERIES]],
        "last word": [one.split()[-1][: rng.choice(LETTERS)] for one in several[:QUERIES]],
        "other order": [" ".join(reversed(one.split()[:2])) for one in several[QUERIES : 2 * QUERIES]],
        "a typing error": [misspelt(one, 0, rng) for one in several[2 * QUERIES : 3 * QUERIES]],
        "a typing error in the second word": [misspelt(one, 1, rng) for one in several[3 * QUERIES : 4 * QUERIES]],
    }


def misspelt(label: str, place: int, rng: random.Random) -> str:
    """A letter of one of the words changed, not its first."""
    words = label.split()
    at = rng.randrange(1, max(2, len(words[place])))
    words[place] = words[place][:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + words[place][at + 1 :]
    return " ".join(words)


def fts(database: sqlite3.Connection, query: str) -> list[tuple[str]]:
    words = " ".join(f'"{word}"*' for word in normalise(query).split())
    rows = database.execute("SELECT text FROM labels WHERE labels MATCH ? ORDER BY rank LIMIT 10", (words,))
    return rows.fetchall()


def measured(work: Callable[[str], object], queries: Sequence[str]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds of the thread's CPU time."""
    times = []
    for query in queries:
        started = time.thread_time()
        work(query)
        times.append(1_000 * (time.thread_time() - started))
    return statistics.median(times), percentile(times, 0.99)


if __name__ == "__main__":
    main()
