"""Time until ready, and of a recommender's and a search box's answers, over HTTP on the demo's store and models.

    python benchmarks/answers.py --demo DIR [--rounds 5]

DIR is what `kgtag demo --out DIR` made. One worker, one keep-alive connection from another process; the time to ready
is from the start of the process to the first 200 of /readyz, with the model and embeddings. The requests are those of
what goes with a test product's tags, the first letters of its words, and the labels of its tags as a query.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlencode

from common import arguments, machine, report, table
from neighbours import ask, free_port, processor_seconds, serving

from graph.api_keys import create_key
from graph.stores import load_taxonomy, open_store
from kgtag.data import read_annotated, sample
from kgtag.evaluation.tagging import gold_concepts

GOALS = {"recommend/concepts": 5.0, "search/suggest": 1.0, "search/query": 10.0, "neighbours": 5.0}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--demo", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    host = machine()
    store = open_store(f"sqlite:///{options.demo / 'shop.db'}")
    _, key = create_key(store, name="benchmark", scopes=["read"])
    taxonomy = load_taxonomy(store)
    products = list(read_annotated(sample.TEST))
    tags = [given for one in products if (given := gold_concepts(one, taxonomy))]
    words = [word for one in products for word in one.product.title.split() if len(word) > 2]
    typed = [word[: 2 + i % 4] for i, word in enumerate(words)]
    asked = [
        " ".join(taxonomy[id].label(one.product.lang) for id in sorted(gold_concepts(one, taxonomy))[:3])
        for one in products
    ]
    paths = {
        "recommend/concepts": ["recommend/concepts?" + urlencode({"concept": one}, doseq=True) for one in tags],
        "search/suggest": [f"search/suggest?q={quote(text)}" for text in typed],
        "search/query": [f"search/query?q={quote(text)}" for text in asked if text],
        "neighbours": [f"concepts/{quote(id, safe='')}/neighbours?limit=10" for id in taxonomy.ids],
    }  # fmt: skip
    environment = {
        "KGTAG_STORE": store.url,
        "KGTAG_MODEL": str(options.demo / "model"),
        "KGTAG_EMBEDDINGS": str(options.demo / "embeddings"),
    }
    chance, ready, busy, found = random.Random(0), [], [], {name: [] for name in paths}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(options.rounds):
            port, began = free_port(), time.perf_counter()
            with serving("api.app:create_app", port, Path(scratch), environment, ready="readyz") as process:
                ready.append(time.perf_counter() - began)
                busy.append(processor_seconds(process))
                for name, each in paths.items():
                    drawn = chance.choices(each, k=min(500, 2 * len(each)))
                    head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n\r\n"
                    requests = [f"GET /v1/{path}{head}".encode() for path in drawn]
                    ask(port, requests[:5], 1, pid=process)
                    found[name].append(ask(port, requests, 1, pid=process))
    rows = [
        [
            name,
            *(statistics.median(one[each] for one in rounds) for each in ("p50 ms", "p99 ms", "cpu ms")),
            GOALS[name],
        ]
        for name, rounds in found.items()
    ]
    title = f"The demo's {len(taxonomy):,} concepts and tagged products, with its model and embeddings"
    table(
        f"{title}: medians of {options.rounds} rounds",
        ["request", "p50 ms", "p99 ms", "processor ms", "goal for p50"],
        rows,
    )
    table(
        "From the start of the process to ready",
        ["", "s", "goal"],
        [["median", statistics.median(ready), 5.0], ["of the processor", statistics.median(busy), ""]],
    )
    report("answers", title, host, save=options.save, ready_s=ready, rounds=found)


if __name__ == "__main__":
    main()
