"""The loop of `kgtag improve`, simulated from an empty directory: a labeller who knows the gold, a new model each week.

    python benchmarks/improve.py --data DIR [--rounds N] [--count N] [--epochs N] [--seeds N]

DIR/oamine_sample as in `extraction.py`, and its splits: the titles of train are the catalogue, the official test set is
what F1 is of, by ExtractGPT's protocol (`strict` where inventions count), and is shown to nobody else. The taxonomy
holds every value of train, as if editors had added those that were missing.

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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table, training_config
from extraction import splits

from graph.store import TaxonomyStore
from graph.stores import open_store
from kgtag.data.importing import import_files
from kgtag.discover.feedback import annotated_row
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.sequence import SequenceExtractor
from kgtag.improve import Loop, Place, Round, Settings
from kgtag.train.extractor.config import RunOptions
from kgtag.types import AnnotatedProduct

WAYS = ("by chance", "chosen")


def opened(folder: Path, gold: Sequence[AnnotatedProduct]) -> tuple[Place, TaxonomyStore]:
    """A directory with a catalogue and a taxonomy, and no gold."""
    folder.mkdir()
    place, store = Place(folder), open_store(f"sqlite:///{folder / 'shop.db'}")
    file = folder / "taxonomy.jsonl"
    file.write_text("".join(json.dumps(annotated_row(one)) + "\n" for one in gold))
    store.migrate()
    import_files(store, "annotated", [file], author="benchmark")
    rows = [{"id": one.product.id, "title": one.product.title} for one in gold]
    (folder / "products.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place, store


def label(place: Place, gold: Mapping[str, AnnotatedProduct]) -> int:
    """Correct all rows of `next.jsonl`; return how many values were suggested right, of those that gold has."""
    rows = [json.loads(line) for line in place.next.read_text().splitlines()]
    right = 0
    for row in rows:
        one = gold[row["title"]]
        values = {(name, value) for name, found in one.attributes.items() for value in found}
        right += len(values & {(name, value) for name, found in row["attributes"].items() for value in found})
        row |= {"category": one.product.category, "attributes": one.attributes, "checked": True}
    place.next.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return right


def measured(place: Place, row: Round, test: Sequence[AnnotatedProduct]) -> dict[str, float]:
    """F1 of the model in use on the test set."""
    if row.model is None:
        return {"f1": 0.0, "strict": 0.0}
    found = evaluate_extractor(SequenceExtractor.load(place.model), test, protocol="extractgpt")
    return {"f1": round(found["micro"]["f1"], 4), "strict": round(found["strict"]["micro"]["f1"], 4)}


def simulate(data: Path, way: str, *, rounds: int, count: int, epochs: int, seed: int) -> list[dict[str, Any]]:
    train, dev, test = splits(data, "oamine")
    gold = [replace(one, product=replace(one.product, id=f"p{n}")) for n, one in enumerate([*train, *dev])]
    options = replace(training_config("oamine")[1], epochs=epochs, batch_size=8)
    points = []
    with tempfile.TemporaryDirectory() as folder:
        place, store = opened(Path(folder) / "shop", gold)
        settings = Settings(RunOptions(seed=seed), options, count, by_chance=way == "by chance")
        for _ in range(rounds + 1):
            started = time.monotonic()
            row = Loop(place, store, settings).run()
            point = {"way": way, "seed": seed, "round": row.round, "annotated": row.sizes["gold"] + row.sizes["aside"]}
            point |= {"train": row.sizes["train"], "aside": row.sizes["aside"], "decision": row.decision}
            point |= measured(place, row, test) | {"tags": row.tags, "values": row.values, "drift": list(row.drift)}
            point["seconds"] = round(time.monotonic() - started)
            labelled = label(place, {one.product.title: one for one in gold})
            points.append(point | {"proposals": row.proposals, "suggested_right": labelled})
            print(points[-1], file=sys.stderr, flush=True)
    return points


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    host, started = machine(), time.monotonic()
    how = {"rounds": given.rounds, "count": given.count, "epochs": given.epochs}
    points = [p for seed in range(given.seeds) for way in WAYS for p in simulate(given.data, way, seed=seed, **how)]
    rows: list[list[object]] = []
    for number in sorted({point["round"] for point in points} - {1}):
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
