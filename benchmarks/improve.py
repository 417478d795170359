"""The loop of `kgtag improve`, simulated from an empty directory: a labeller who knows the gold, a new model each week.

    python benchmarks/improve.py --data DIR [--rounds N] [--count N] [--epochs N] [--seeds N]

DIR/oamine_sample as in `extraction.py`, and its splits: the titles of train are the catalogue, the official test set is
what F1 is of, by ExtractGPT's protocol (`strict` where inventions count), and is shown to nobody else. The taxonomy
has the categories and attributes of train, and the values that stand on two of its products or more: those that a shop
would list. The others are new to it.

Each round the labeller corrects all rows of `next.jsonl`, which `--count` limits, and the loop trains a candidate, and
decides by what it keeps aside of the labelled products. "chosen" are the products that the loop names, "by chance" is
the floor, with as many annotations. Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table, training_config
from extraction import splits

from graph.store import TaxonomyStore
from graph.stores import open_store
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_files
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.dictionary import LabelExtractor
from kgtag.extract.sequence import SequenceExtractor
from kgtag.improve import Loop, Place, Settings
from kgtag.link.candidates.label_table import LabelTable
from kgtag.train.extractor.config import RunOptions
from kgtag.types import AnnotatedProduct, Extraction, Extractor, Product

WAYS = ("by chance", "chosen")


def opened(folder: Path, gold: Sequence[AnnotatedProduct]) -> tuple[Place, TaxonomyStore]:
    """A directory with a catalogue and a taxonomy, and no gold."""
    folder.mkdir()
    place, store = Place(folder), open_store(f"sqlite:///{folder / 'shop.db'}")
    file, counts = folder / "taxonomy.jsonl", Counter(pair for one in gold for pair in _values(one))
    file.write_text(
        "".join(json.dumps(one.product.to_dict() | {"attributes": _common(one, counts)}) + "\n" for one in gold)
    )
    store.migrate()
    import_files(store, "annotated", [file], author="benchmark")
    rows = [{"id": one.product.id, "title": one.product.title} for one in gold]
    (folder / "products.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place, store


def _values(one: AnnotatedProduct) -> Iterator[tuple[str, str]]:
    for name, values in one.attributes.items():
        yield from ((name, value) for value in values)


def _common(one: AnnotatedProduct, counts: Mapping[tuple[str, str], int]) -> dict[str, list[str]]:
    return {name: [v for v in values if counts[name, v] > 1] for name, values in one.attributes.items()}


def label(place: Place, gold: Mapping[str, AnnotatedProduct]) -> int:
    """Correct all rows of `next.jsonl`; return how many values were suggested right, of those that gold has."""
    rows = [json.loads(line) for line in place.next.read_text().splitlines()]
    right = 0
    for row in rows:
        one = gold[row["title"]]
        values = set(_values(one))
        right += len(values & {(name, value) for name, found in row["attributes"].items() for value in found})
        row |= {"category": one.product.category, "attributes": one.attributes, "checked": True}
    place.next.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return right


class Labels(Extractor):
    """Labels alone, under the names of gold: what is used until a model is promoted."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._found = LabelExtractor(taxonomy, LabelTable(taxonomy))
        self._names = {one.id: one.label() for one in taxonomy.concepts if one.kind == "attribute"}

    version, attributes = "labels", ()

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        found = self._found.extract([replace(one, category=None) for one in products])
        named = [
            [replace(m, attribute=self._names.get(m.attribute, m.attribute)) for m in one.mentions] for one in found
        ]
        return [Extraction(tuple(mentions)) for mentions in named]


def measured(extractor: Extractor, test: Sequence[AnnotatedProduct]) -> dict[str, float]:
    """F1 on the test set."""
    found = evaluate_extractor(extractor, test, protocol="extractgpt")
    return {"f1": round(found["micro"]["f1"], 4), "strict": round(found["strict"]["micro"]["f1"], 4)}


def simulate(
    data: Path, way: str, folder: Path, *, rounds: int, count: int, epochs: int, seed: int
) -> Iterator[dict[str, Any]]:
    """One point after each round."""
    train, dev, test = splits(data, "oamine")
    gold = [replace(one, product=replace(one.product, id=f"p{n}")) for n, one in enumerate([*train, *dev])]
    options = replace(training_config("oamine")[1], epochs=epochs, batch_size=8)
    place, store = opened(folder, gold)
    settings = Settings(RunOptions(seed=seed), options, count, by_chance=way == "by chance")
    for _ in range(rounds + 1):
        started = time.monotonic()
        row = Loop(place, store, settings).run()
        point = {"way": way, "seed": seed, "round": row.round, "annotated": row.sizes["gold"] + row.sizes["aside"]}
        point |= {"train": row.sizes["train"], "aside": row.sizes["aside"], "decision": row.decision}
        labels = Labels(Taxonomy.of(store.read()))
        point |= measured(SequenceExtractor.load(place.model) if row.model else labels, test)
        point |= {"tags": row.tags, "values": row.values, "drift": row.drift, "proposals": row.proposals}
        point["suggested_right"] = label(place, {one.product.title: one for one in gold})
        point["seconds"] = round(time.monotonic() - started)
        print(point, file=sys.stderr, flush=True)
        yield point


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--count", type=int, default=75)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    host, started = machine(), time.monotonic()
    how = {"rounds": given.rounds, "count": given.count, "epochs": given.epochs}
    points: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            runs = [simulate(given.data, way, Path(folder) / f"{way}-{seed}", seed=seed, **how) for way in WAYS]
            points += chain.from_iterable(zip(*runs, strict=True))
    rows: list[list[object]] = []
    for number in sorted({point["round"] for point in points}):
        cells: list[object] = [number]
        for way in WAYS:
            mine = [point for point in points if (point["way"], point["round"]) == (way, number)]
            shown = ", ".join(sorted({str(one["decision"]) for one in mine}))
            tags = mean([one["tags"]["candidate"] for one in mine if one["tags"]])
            cells += [round(mean([p["annotated"] for p in mine])), mean([p["f1"] for p in mine])]
            cells += [mean([p["strict"] for p in mine]), tags, shown]
        rows.append(cells)
    of_way = ("annotated", "F1", "strict", "tags aside", "decision")
    columns = ["round", *(f"{name}, {way}" for way in WAYS for name in of_way)]
    with contextlib.redirect_stdout(sys.stderr):
        table(f"OA-Mine, {given.count} products a round, {given.seeds} seed(s)", columns, rows)
    seconds = round(time.monotonic() - started, 1)
    report("improve", "OA-Mine", host, save=given.save, points=points, seconds=seconds)


if __name__ == "__main__":
    main()
