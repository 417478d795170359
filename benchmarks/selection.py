"""Learning curve: annotating what `kgtag select` proposes, against annotating products drawn by chance.

    python benchmarks/selection.py --data DIR [--out DIR] [--start N] [--step N] [--rounds N] [--epochs N] [--seeds N]

DIR/ae110k_sample/train.jsonl.gz, by title: bucket(title) >= 50 is the pool, whose gold is uncovered as products are
chosen; bucket < 20 measures. Nothing is chosen on the products that measure: the batch size was, on 20 <= bucket < 50.
Both ways start from the same random products and the same model, and every round trains anew on all that is annotated
by then, for the same number of epochs.

F1 is of the ExtractGPT protocol, as `strict` where products that a model proposes something for that gold doesn't speak
of count as wrong. Writes curve.csv and curve.png to --out. Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, bucket, machine, report, table, training_config
from extraction import read

from kgtag.discover.selection import Pool, select_batch, uncertainties
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct

WAYS = ("random", "select")
BATCH = 4
"""Small, for so few products: what counts at this size is the number of steps."""


def train(chosen: Sequence[AnnotatedProduct], out: Path, *, epochs: int, seed: int) -> SequenceExtractor:
    _, options = training_config("ae110k")
    train_extractor(chosen, out=out, seed=seed, options=replace(options, epochs=epochs, batch_size=BATCH))
    return SequenceExtractor.load(out)


def next_ones(
    way: str,
    extractor: SequenceExtractor,
    done: Sequence[AnnotatedProduct],
    rest: Sequence[AnnotatedProduct],
    *,
    count: int,
    seed: int,
) -> list[AnnotatedProduct]:
    if way == "random":
        return random.Random(f"{seed} {len(done)}").sample(rest, min(count, len(rest)))
    pool = Pool(count)
    pool.add(zip([one.product for one in rest], uncertainties(extractor, [one.product for one in rest]), strict=True))
    products = [one.product for one in done]
    annotated = [(p.id, d.vector) for p, d in zip(products, uncertainties(extractor, products), strict=True)]
    titles = {choice.product.title for choice in select_batch(pool.products(), count, annotated=annotated)}
    return [one for one in rest if one.product.title in titles]


def curve(data: Path, given: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    rows = {one.product.title: one for one in read(data / "ae110k_sample" / "train.jsonl.gz")}
    pool = [one for title, one in sorted(rows.items()) if bucket(title) >= 50]
    test = [one for title, one in sorted(rows.items()) if bucket(title) < 20]
    first = random.Random(seed).sample(pool, given.start)
    points = []
    with tempfile.TemporaryDirectory() as folder:
        started = train(first, Path(folder) / "first", epochs=given.epochs, seed=seed)
        state = {way: (list(first), started) for way in WAYS}
        for number in range(given.rounds + 1):
            for way in WAYS:
                done, extractor = state[way]
                if number:
                    titles = {one.product.title for one in done}
                    rest = [one for one in pool if one.product.title not in titles]
                    done = done + next_ones(way, extractor, done, rest, seed=seed, count=given.step)
                    extractor = train(done, Path(folder) / f"{way}{number}", epochs=given.epochs, seed=seed)
                    state[way] = (done, extractor)
                found = evaluate_extractor(extractor, test, protocol="extractgpt")
                rates = {"f1": found["micro"], "strict": found["strict"]["micro"], "macro": found["macro"]}
                point = {"way": way, "seed": seed, "annotated": len(done)}
                points.append(point | {name: round(rate["f1"], 4) for name, rate in rates.items()})
                print(points[-1], file=sys.stderr, flush=True)
    return points


def draw(points: Sequence[dict[str, Any]], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for way in WAYS:
        sizes = sorted({point["annotated"] for point in points})
        means = [mean([p["f1"] for p in points if p["way"] == way and p["annotated"] == size]) for size in sizes]
        axes.plot(sizes, [100 * value for value in means], marker="o", label=way)
    axes.set_xlabel("annotated products")
    axes.set_ylabel("F1")
    axes.legend()
    figure.savefig(out, dpi=120)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--start", type=int, default=50)
    parser.add_argument("--step", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    host = machine()
    started = time.monotonic()
    points = [point for seed in range(given.seeds) for point in curve(given.data, given, seed)]
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(points[0]))
        writer.writeheader()
        writer.writerows(points)
    draw(points, given.out / "curve.png")
    sizes = sorted({point["annotated"] for point in points})
    rows = []
    for size in sizes:
        cells: list[object] = [size]
        for measure in ("f1", "strict", "macro"):
            cells += [
                100 * mean([p[measure] for p in points if p["way"] == way and p["annotated"] == size]) for way in WAYS
            ]
        rows.append(cells)
    with contextlib.redirect_stdout(sys.stderr):
        table(
            f"F1 by annotated products, {given.seeds} seed(s), {given.epochs} epochs",
            ("annotated", "random", "select", "strict: random", "select", "macro: random", "select"),
            rows,
        )
    report("selection", "AE-110K", host, save=given.save, points=points, seconds=round(time.monotonic() - started, 1))


if __name__ == "__main__":
    main()
