"""A billion products and a hundred shops, in figures: what was measured, multiplied; and two simulations.

    python benchmarks/plan.py [--products 1000000000] [--shops 100] [--reads 20000]

The measured figures are those of benchmarks/results/: million.json (bytes and seconds a product, by labels), and
extraction_speed.py's of a trained model, int8. Products are split evenly by shop, and a shop's by the hash of the item.
First simulation: neighbours come from counts of concepts on the same items; those of ten shards, added, are compared
with those of all items. Second: reads arrive at random (Poisson), each takes the processor a time drawn around the
measured one, and workers take them in turn; how long a read takes then, waiting included, by the number of workers.
Money is left to you: multiply core hours and terabytes by your prices.
"""

from __future__ import annotations

import heapq
import json
import random

import numpy as np
import synthetic
from common import RESULTS, arguments, machine, percentile, report, table

from graph.columns.assemble import TaxonomyData
from graph.taxonomy import Taxonomy
from kgtag.recommend.cooccurrence import CoOccurrence

_MODEL_TITLES = 174 / 2
"""Titles that a core tags a second with a trained model, int8, category predicted."""
_READ_SECONDS = 1 / 231
"""Of a core for a request of the soak's mix: 80% neighbours, 10% completions, 10% taggings."""
_SHARDS = 10


def shards_add_up(items: int = 50_000) -> tuple[int, int]:
    """Pairs of concepts whose counts are those of all items once the shards' are added, and pairs."""
    taxonomy = Taxonomy.of(TaxonomyData(1, synthetic.columns(2_000)))
    rng = random.Random(4)
    tags = [rng.choices(taxonomy.ids, k=rng.randint(1, 6)) for _ in range(items)]
    whole = CoOccurrence.of(taxonomy, tags)
    parts = [CoOccurrence.of(taxonomy, tags[n::_SHARDS]) for n in range(_SHARDS)]
    equal = pairs = 0
    for i in range(0, len(taxonomy), 20):
        added: dict[int, int] = {}
        for part in parts:
            for j, both in part.together(i).items():
                added[j] = added.get(j, 0) + both
        expected = whole.together(i)
        pairs += len(expected)
        equal += sum(added.get(j) == both for j, both in expected.items()) if len(added) == len(expected) else 0
    return equal, pairs


def waits(rate: float, workers: int, *, requests: int = 100_000) -> tuple[float, float, float]:
    """Load of the workers, and p50 and p99 in milliseconds, of reads that arrive `rate` times a second."""
    rng = np.random.default_rng(6)
    arrivals = np.cumsum(rng.exponential(1 / rate, requests))
    needs = rng.gamma(2.0, _READ_SECONDS / 2, requests)
    free = [0.0] * workers
    heapq.heapify(free)
    took = []
    for at, need in zip(arrivals.tolist(), needs.tolist(), strict=True):
        ends = max(at, heapq.heappop(free)) + need
        heapq.heappush(free, ends)
        took.append(1000 * (ends - at))
    return rate * _READ_SECONDS / workers, percentile(took, 0.5), percentile(took, 0.99)


def measured() -> dict[str, float]:
    """Seconds and bytes a product at the largest size that was measured."""
    tables = json.loads((RESULTS / "million.json").read_text(encoding="utf-8"))["tables"]
    by_name = {one["title"]: {row[0]: row for row in one["rows"]} for one in tables}
    columns = next(one["columns"] for one in tables if one["title"].startswith("Processor"))
    sizes = [one for one in columns if one.replace(",", "").isdigit()]
    last, n = len(sizes), int(sizes[-1].replace(",", ""))
    seconds = next(rows for title, rows in by_name.items() if title.startswith("Processor"))
    on_disk = next(rows for title, rows in by_name.items() if title.startswith("Bytes"))
    memory = next(rows for title, rows in by_name.items() if title.startswith("MiB"))
    return {
        "products": n,
        "tag": seconds["tag"][last] / n,
        "store": on_disk["store"][last],
        "import memory": memory["import"][last] / 1024,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--products", type=int, default=1_000_000_000)
    parser.add_argument("--shops", type=int, default=100)
    parser.add_argument("--reads", type=float, default=20_000.0, help="a second, at the peak")
    options = parser.parse_args()
    host, found = machine(), measured()
    each = options.products / options.shops
    rows = [
        ("tag all by labels, core hours", options.products * found["tag"] / 3600, "split by item, no order needed"),
        ("tag all by a model, core hours", options.products / _MODEL_TITLES / 3600, "the same; GPUs where there are"),
        ("tag again what changes in a day, 0.5%, cores", 0.005 * options.products / _MODEL_TITLES / 86_400, "retag"),
        ("stores, TB", options.products * found["store"] / 1e12, "one a shop, each replicated"),
        ("a shop's store, GB", each * found["store"] / 1e9, "SQLite on one disk, or Neo4j"),
        ("reads at the peak, cores", options.reads * _READ_SECONDS / 0.6, "at 60% load; all replicated"),
    ]
    table(f"{options.products:,} products, {options.shops} shops", ["what", "figure", "how"], rows)
    equal, pairs = shards_add_up()
    table("Counts of ten shards, added, beside those of all items", ["pairs", "equal"], [(pairs, equal)])
    needed = options.reads * _READ_SECONDS
    fleet = [int(needed / load) for load in (0.95, 0.9, 0.8, 0.6, 0.4)]
    table(
        f"{options.reads:,.0f} reads a second, simulated",
        ["workers, a core each", "load", "p50 ms", "p99 ms"],
        [(workers, *waits(options.reads, workers)) for workers in fleet],
    )
    report("plan", f"measured at {found['products']:,.0f}", host, save=options.save, shards_equal=equal == pairs)


if __name__ == "__main__":
    main()
