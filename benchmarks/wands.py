"""Search queries to product classes: WANDS (Wayfair, MIT; github.com/wayfair/WANDS, `dataset/query.csv`).

    python benchmarks/wands.py --data DIR [--queries FILE] [--keep LINKER_DIR] [--json] [--save NAME]

DIR holds `wands_queries/query.tsv` (or query.csv: query_id, query, query_class, tab-separated) and the 860 classes,
most frequent first, in `wands_value_normalization/product_class_mapping.jsonl`. A query is split by bucket(text): below
50 it tests, the rest is learned from. With --queries, those test, and all others of DIR are learned from. A query
without one of the 860 classes is left out.

Floors, in the same run: the encoder's cosine with the name of the class; less 0.2 times the logarithm of the class's
rank by frequency, scaled to 1; that with 0.1 times the cosine of character trigrams; and with 0.2 times the cosine by
way of the nearest paths of Google's taxonomy, where DIR has `google_taxonomy`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, bucket, machine, report, table, timed
from link_synonyms import Pairs, Task, read, wands
from numpy.typing import NDArray
from rapidfuzz import fuzz

from kgtag.evaluation.tagging import evaluate_linking
from kgtag.link import LinkExample, TaxonomyLinker
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.search.query import QueryParser
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import Query

_PATHS = 20
"""Of Google's nearest paths."""
Scores = NDArray[np.float32]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--queries", type=Path, help="test queries: query_id, query, query_class, tab-separated")
    parser.add_argument("--keep", type=Path, help="where the linker is written, or read from when it is there")
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, and nothing else there")
    options = parser.parse_args()
    task = wands(options.data)
    if options.queries is not None:
        asked = queries(options.queries, task)
        held = {text for text, _ in asked}
        learned = [pair for pair in task.pairs if pair[0] not in held]
    else:
        asked = [pair for pair in task.pairs if bucket(pair[0]) < 50]
        learned = [pair for pair in task.pairs if bucket(pair[0]) >= 50]
    with tempfile.TemporaryDirectory() as scratch:
        measure(task, asked, learned, options=options, folder=options.keep or Path(scratch) / "linker")


def queries(path: Path, task: Task) -> Pairs:
    known = {concept.id for concept in task.taxonomy.concepts}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return sorted({(row["query"], row["query_class"]) for row in rows if row["query_class"] in known})


def measure(task: Task, asked: Pairs, learned: Pairs, *, options: argparse.Namespace, folder: Path) -> None:
    host, seconds = machine(), 0.0
    if not folder.exists():
        material = Material(mentions=learned, usage=task.usage)
        seconds, _ = timed(lambda: train_linker(task.taxonomy, material, out=folder, encoder=options.encoder))
    encoder = SentenceEncoder(folder / ENCODER, folder / TOKENIZER)
    found = floors(task, asked, encoder, options.data)
    examples = [LinkExample(Query(text), name) for text, name in asked]
    untrained = evaluate_linking(TaxonomyLinker(task.taxonomy), examples)
    linker = TaxonomyLinker(task.taxonomy, model_dir=folder)
    ours = evaluate_linking(linker, examples)
    used = [int(task.usage[name]) for name in task.taxonomy.ids]
    parser = QueryParser(task.taxonomy, lambda: linker, popularity=used.__getitem__)
    answers = [parser.parse(text).category for text, _ in asked]
    right = [one.concept == name for one, (_, name) in zip(answers, asked, strict=True) if one is not None]
    for name, metrics in (("kgtag, untrained", untrained), ("kgtag, trained", ours)):
        found[name] = {"accuracy_at_1": metrics["acc@1"], "recall_at_10": metrics["recall@10"], "ece": metrics["ece"]}
    found["kgtag search, trained"] = {"accuracy_at_1": sum(right) / len(asked), "answered": len(right) / len(asked)}
    data = f"WANDS: {len(asked)} test queries, {len(learned)} learned from, {len(task.taxonomy)} classes"
    data += f"; {Path(options.encoder).name}"
    columns = ["accuracy_at_1", "recall_at_10", "ece", "answered"]
    rows = [[name, *(row.get(column, "") for column in columns)] for name, row in found.items()]
    rivals = [name for name in found if not name.startswith("kgtag")]
    table(data, ["", *columns], rows, rivals=rivals, file=sys.stderr if options.json else None)
    if options.json:
        answer: dict[str, Any] = {"n": len(asked), **found["kgtag, trained"], "floors": {n: found[n] for n in rivals}}
        print(json.dumps(answer))
        if options.save:
            from common import _printed, save_result

            save_result(options.save, data, host, tables=_printed)
    else:
        report("wands", data, host, save=options.save, found=found, training_s=round(seconds))


def floors(task: Task, asked: Pairs, encoder: SentenceEncoder, data: Path) -> dict[str, dict[str, float]]:
    names = [concept.id for concept in task.taxonomy.concepts]
    place = {name: number for number, name in enumerate(names)}
    gold = np.array([place[name] for _, name in asked])
    classes = encoder.encode_uncached(names)
    vectors = encoder.encode([text for text, _ in asked])
    usage = np.array([task.usage[name] for name in names])
    rank = 1 + len(names) - usage
    frequent = np.log1p(rank - 1) / np.log1p(len(names) - 1)
    letters = np.array(
        [[fuzz.token_set_ratio(text.lower(), name.lower()) / 100 for name in names] for text, _ in asked]
    )
    cosine = vectors @ classes.T
    mixed = cosine - 0.2 * frequent
    found = {"cosine": cosine, "+ 0.2 log frequency rank": mixed, "+ 0.1 characters": mixed + 0.1 * letters}
    paths = google(data)
    if paths:
        leaves = encoder.encode_uncached(paths)
        near = vectors @ leaves.T
        onward = leaves @ classes.T
        pivot = np.zeros_like(cosine)
        for number, row in enumerate(near):
            best = np.argsort(-row, kind="stable")[:_PATHS]
            pivot[number] = (row[best, None] * onward[best]).max(axis=0)
        found["+ 0.2 pivot by Google's taxonomy"] = mixed + 0.1 * letters + 0.2 * pivot
    return {name: counted(scores, gold) for name, scores in found.items()}


def google(data: Path) -> list[str]:
    file = data / "google_taxonomy" / "taxonomy-with-ids.en-US.txt"
    if not file.exists() and not file.with_name(file.name + ".gz").exists():
        return []
    lines = read(file).decode("utf-8").splitlines()[1:]
    return [line.split(" - ", 1)[1].split(" > ")[-1] for line in lines]


def counted(scores: Scores, gold: NDArray[np.int64]) -> dict[str, float]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    hit = order == gold[:, None]
    return {"accuracy_at_1": float(hit[:, 0].mean()), "recall_at_10": float(hit.any(axis=1).mean())}


if __name__ == "__main__":
    main()
