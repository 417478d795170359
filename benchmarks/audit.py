"""The audit of a made-up taxonomy: all of it, and after an edit, from ten thousand concepts to a million.

    python benchmarks/audit.py [--sizes 10000,100000,1000000] [--edits 5] [--verify]

The taxonomy is that of `synthetic.py`. "whole" runs all checks that need no items; "after" each edit runs them as the
service does once the edit is served, its indexes there already. Of the edits of a kind the median and the slowest are
shown, in seconds of the processor. With `--verify` each report is compared with that of a whole audit.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import synthetic
from common import arguments, machine, report, table

from graph.audit import Earlier, audit
from graph.columns.assemble import TaxonomyData
from graph.editing import edit
from graph.model import Change, ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation
from graph.taxonomy import Taxonomy

T = TypeVar("T")
_SUBTREE = 200


def rename(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    return [PutConcept(replace(one, pref_label={**one.pref_label, "en": f"{one.label()} {rng.randrange(9)}"}))]


def label(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    other = taxonomy.concepts[rng.randrange(len(taxonomy))].label()
    return [PutConcept(replace(one, alt_label={"en": (*one.alt_label.get("en", ()), other)}))]


def add(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    new = Concept(f"new{rng.randrange(10**9)}", one.scheme, "category", {"en": "Newly Made Boots", "zh": "新鞋"})
    return [PutConcept(new), PutRelation(Relation("broader", new.id, one.id, primary=True))]


def move(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    """A subtree of up to 200 concepts, to the parent of another concept as deep."""
    line = [id for id in taxonomy.path(one.id)[1:] if len(taxonomy.descendants(id)) < _SUBTREE]
    low = line[0] if line else one.id
    others = (taxonomy.concepts[rng.randrange(len(taxonomy))] for _ in range(100))
    fit = (c.id for c in others if c.kind == "category" and taxonomy.depth(c.id) < taxonomy.depth(low))
    goes = [DeleteRelation(Relation("broader", low, parent)) for parent in taxonomy.out(low, "broader")]
    return [*goes, PutRelation(Relation("broader", low, next(fit, taxonomy.path(low)[0]), primary=True))]


def deprecate(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    return [PutConcept(replace(one, status="deprecated"))]


def apply(taxonomy: Taxonomy, one: Concept, rng: random.Random) -> list[Change]:
    attributes = [i for i in rng.sample(range(len(taxonomy)), 5000) if taxonomy.concepts[i].kind == "attribute"]
    return [PutRelation(Relation("applies_to", taxonomy.ids[attributes[0]], one.id))]


KINDS: dict[str, Callable[[Taxonomy, Concept, random.Random], list[Change]]] = {
    "another name": rename,
    "one more label": label,
    "a new category": add,
    "a subtree moves": move,
    "out of use": deprecate,
    "an attribute applies": apply,
}


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of the processor, which other work on the machine does not lengthen."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def measure(n: int, *, edits: int, verify: bool) -> tuple[list[object], list[list[object]]]:
    data = TaxonomyData(1, synthetic.columns(n))
    taxonomy = Taxonomy.of(data)
    taxonomy.warm()
    gc.collect()
    seconds, whole = timed(lambda: audit(taxonomy))
    rng = random.Random(1)
    rows: list[list[object]] = []
    for kind, plan in KINDS.items():
        times = []
        for _ in range(edits):
            categories = (taxonomy.concepts[rng.randrange(n)] for _ in range(1000))
            one = next(c for c in categories if c.kind == "category" and c.status != "deprecated")
            data = edit.after(data, ChangeSet(tuple(plan(taxonomy, one, rng)), "benchmark"))
            after = Taxonomy.of(data)
            after.warm()
            took, found = timed(lambda a=after, b=taxonomy, r=whole: audit(a, earlier=Earlier(b, r)))  # type: ignore[misc]
            if verify:
                assert found.findings == audit(after).findings, (kind, one.id)
            times.append(took)
            taxonomy, whole = after, found
        rows.append([n, kind, round(statistics.median(times), 3), round(max(times), 3)])
        print(*rows[-1], flush=True)
    return [n, len(whole.findings), round(seconds, 2)], rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--edits", type=int, default=5, help="of each kind")
    parser.add_argument("--verify", action="store_true", help="compare each report with that of a whole audit")
    options: argparse.Namespace = parser.parse_args()
    host = machine()
    found = [measure(int(size), edits=options.edits, verify=options.verify) for size in options.sizes.split(",")]
    table("All checks", ["concepts", "findings", "whole, s"], [whole for whole, _ in found])
    edits = [row for _, rows in found for row in rows]
    table("After an edit", ["concepts", "edit", "median, s", "slowest, s"], edits)
    report("audit", "a made-up taxonomy", host, save=options.save)


if __name__ == "__main__":
    main()
