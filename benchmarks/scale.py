"""A taxonomy from ten thousand concepts to a million: build, memory, snapshot file, and questions beside networkx.

    python benchmarks/scale.py [--sizes 10000,100000,1000000]

The taxonomy is made up (`synthetic.py`, three relations a concept), the same one for both sides. networkx holds it as
one `DiGraph` of `broader` edges for the hierarchy and one `MultiDiGraph` for everything else, labels as node
data. It has no index of labels and no paths by primary parent: a search for a label looks at every node, and beside
its `shortest_path` to the top stands a walk from parent to parent by hand.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import synthetic
from common import arguments, machine, report, table, timed

from graph import snapshot_file
from graph.columns.assemble import TaxonomyData
from graph.columns.columns import CODE, Columns
from graph.editing import edit
from graph.labels import normalise
from graph.model import ChangeSet, PutConcept
from graph.taxonomy import Taxonomy

QUESTIONS = 1_000


def build(n: int, file: Path) -> dict[str, float]:
    """Seconds for each step from columns in memory to a snapshot that answers, and back from its file."""
    columns = synthetic.columns(n)
    gc.collect()
    seconds: dict[str, float] = {}
    seconds["check and index"], taxonomy = timed(lambda: Taxonomy.of(TaxonomyData(1, columns)))
    assert taxonomy.problems == ()
    seconds["closure"], _ = timed(lambda: taxonomy.derived.hierarchy.descendants)
    seconds["labels"], _ = timed(lambda: taxonomy.derived.labels)
    seconds["revision"], _ = timed(lambda: taxonomy.revision)
    seconds["save"], _ = timed(lambda: snapshot_file.save(taxonomy, file))
    seconds["load"], _ = timed(lambda: snapshot_file.load(file))
    seconds["load and verify"], _ = timed(lambda: snapshot_file.load(file, verify=True))
    old = taxonomy.concepts[n // 2]
    change = ChangeSet((PutConcept(old),), "benchmark")
    seconds["one edit"], _ = timed(lambda: Taxonomy.of(edit.after(TaxonomyData(1, columns), change)))
    return seconds


def memory(file: Path) -> dict[str, float]:
    """Bytes a concept, in a process of its own: what loading and asking adds, all of the file's pages counted in."""
    child = [sys.executable, __file__, "--memory", str(file)]
    found: dict[str, float] = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    return found


def _memory(file: Path) -> None:
    before = _resident()
    taxonomy = snapshot_file.load(file, verify=True).taxonomy
    loaded = _resident()
    ids = random.Random(1).sample(range(len(taxonomy)), 5 * QUESTIONS)
    for i in ids:
        id = taxonomy.ids[i]
        taxonomy.ancestors(id), taxonomy.path(id), taxonomy.lookup(taxonomy[id].label()), taxonomy.out(id, "related")
    n = len(taxonomy)
    print(
        json.dumps(
            {"file": file.stat().st_size / n, "loaded": (loaded - before) / n, "asked": (_resident() - before) / n}
        )
    )


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def questions(taxonomy: Taxonomy) -> dict[str, Sequence[Any]]:
    chance = random.Random(3)
    ids = [taxonomy.ids[i] for i in chance.sample(range(len(taxonomy)), QUESTIONS)]
    # Descendants of leaves are nobody: half of the questions go to concepts that have some.
    wide = [
        taxonomy.ids[i] for i in range(0, len(taxonomy), max(1, len(taxonomy) // 20_000)) if len(taxonomy.narrower[i])
    ]
    return {
        "ancestors": ids,
        "descendants": chance.sample(wide, min(len(wide), QUESTIONS)),
        "descendants, the widest": _widest(taxonomy),
        "path": ids,
        "path, parent by parent": ids,
        "out": ids,
        "lookup": [taxonomy[id].label() for id in ids],
    }


def _widest(taxonomy: Taxonomy) -> list[str]:
    """The ten concepts with most descendants."""
    rows = taxonomy.derived.hierarchy.descendants
    assert rows is not None
    return [taxonomy.ids[int(i)] for i in np.argsort(-np.diff(rows.starts), kind="stable")[:10]]


def ours(taxonomy: Taxonomy) -> dict[str, Callable[[Any], Any]]:
    return {
        "ancestors": taxonomy.ancestors,
        "descendants": taxonomy.descendants,
        "descendants, the widest": taxonomy.descendants,
        "path": taxonomy.path,
        "path, parent by parent": taxonomy.path,
        "out": lambda id: taxonomy.out(id, "related"),
        "lookup": taxonomy.lookup,
    }


def theirs(columns: Columns, asked: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """The same answers from networkx, as sets or lists of ids."""
    ids = columns.ids.to_pylist()
    edges = columns.edges
    broader, everything = nx.DiGraph(), nx.MultiDiGraph()
    broader.add_nodes_from(ids)
    ours = edges.type == CODE["broader"]
    pairs = zip(edges.source[ours].tolist(), edges.target[ours].tolist(), edges.primary[ours].tolist(), strict=True)
    broader.add_edges_from((ids[a], ids[b], {"primary": primary}) for a, b, primary in pairs)
    related = edges.type == CODE["related"]
    everything.add_nodes_from(
        (concept.id, {"labels": [normalise(text) for text, _, _ in concept.labels()]}) for concept in columns.concepts()
    )
    links = list(zip(edges.source[related].tolist(), edges.target[related].tolist(), strict=True))
    everything.add_edges_from((ids[a], ids[b], "related") for a, b in links)
    everything.add_edges_from((ids[b], ids[a], "related") for a, b in links)

    def walked(id: str) -> list[str]:
        found = [id]
        while True:
            above = [parent for parent, data in broader[found[-1]].items() if data["primary"]]
            if not above:
                return found[::-1]
            found.append(above[0])

    top = {id: walked(id)[0] for id in asked}

    def lookup(label: str) -> list[str]:
        wanted = normalise(label)
        return [id for id, labels in everything.nodes(data="labels") if wanted in labels]

    return {
        "ancestors": lambda id: nx.descendants(broader, id),
        "descendants": lambda id: nx.ancestors(broader, id),
        "descendants, the widest": lambda id: nx.ancestors(broader, id),
        "path": lambda id: nx.shortest_path(broader, id, top[id])[::-1],
        "path, parent by parent": walked,
        "out": lambda id: [other for _, other, key in everything.out_edges(id, keys=True) if key == "related"],
        "lookup": lookup,
    }


def per_call(ask: Callable[[Any], Any], asked: Sequence[Any]) -> float:
    """Microseconds of the processor a question, the best of five rounds over all of them."""
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for one in asked:
            ask(one)
        rounds.append((time.process_time() - started) / len(asked))
    return min(rounds) * 1e6


def compare(file: Path, columns: Columns) -> dict[str, tuple[float, float]]:
    """(ours, networkx) in microseconds a call, the answers held equal on the way."""
    taxonomy = snapshot_file.load(file).taxonomy
    every = questions(taxonomy)
    rival, mine = theirs(columns, every["path"]), ours(taxonomy)
    found = {}
    for name, asked in every.items():
        for one in asked[:20]:  # With several parents, the shortest path needn't be the primary one.
            assert name == "path" or sorted(mine[name](one)) == sorted(rival[name](one)), (name, one)
        few = asked[:20] if name == "lookup" else asked  # networkx looks through all nodes.
        found[name] = (per_call(mine[name], asked), per_call(rival[name], few))
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        _memory(options.memory)
        return
    host, sizes = machine(), [int(size) for size in options.sizes.split(",")]
    built, held, asked = {}, {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for n in sizes:
            file = Path(scratch) / f"{n}.snapshot"
            built[n] = build(n, file)
            held[n] = memory(file)
            asked[n] = compare(file, synthetic.columns(n))
            gc.collect()
    heads = [f"{n:,}" for n in sizes]
    table("Seconds", ["", *heads], [[step, *(built[n][step] for n in sizes)] for step in built[sizes[0]]])
    table("Bytes a concept", ["", *heads], [[what, *(held[n][what] for n in sizes)] for what in held[sizes[0]]])
    rows = [
        [name, *(asked[n][name][0] for n in sizes), *(asked[n][name][1] / asked[n][name][0] for n in sizes)]
        for name in asked[sizes[0]]
    ]
    table(
        "Microseconds a question, and how many times as long networkx takes",
        ["", *heads, *(f"× {h}" for h in heads)],
        rows,
    )
    report(
        "scale",
        "made-up taxonomy, 3 relations a concept",
        host,
        save=options.save,
        seconds={str(n): {k: round(v, 4) for k, v in built[n].items()} for n in sizes},
        bytes_a_concept={str(n): {k: round(v) for k, v in held[n].items()} for n in sizes},
        microseconds={str(n): {k: [round(v, 2) for v in both] for k, both in asked[n].items()} for n in sizes},
    )


if __name__ == "__main__":
    main()
