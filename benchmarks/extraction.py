"""Attribute values from product titles on public data, beside a simple floor.

    python benchmarks/extraction.py --data DIR --set ae110k|oamine [--out DIR] [--epochs N] [--seed N]

DIR holds `ae110k_sample/train.jsonl.gz` and `oamine_sample/{train,test}.jsonl.gz` as ExtractGPT publishes them.
AE-110K: a fifth of the titles by hash is the test set, a tenth is for choosing. OA-Mine: the official test set; a tenth
of train is for choosing, and titles that are in test too are left out of it. The test set is looked at once, after
training.

The floor finds, for each (category, attribute), the longest value seen in training that stands in the title.
Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, report

from kgtag.evaluate.extraction import category_accuracy, evaluate_extractgpt, evaluate_extractor
from kgtag.extract.sequence import SequenceExtractor
from kgtag.products import read_annotated
from kgtag.train.sequence.extractor import train_extractor
from kgtag.train.sequence.options import TrainOptions
from kgtag.types import AnnotatedProduct

OPTIONS = {
    "ae110k": TrainOptions(epochs=8, missing="unknown", missing_weight=0.2),
    "oamine": TrainOptions(epochs=8, missing="absent"),
}
Splits = tuple[list[AnnotatedProduct], list[AnnotatedProduct], list[AnnotatedProduct]]


def bucket(key: str) -> int:
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 100


def read(path: Path) -> list[AnnotatedProduct]:
    return list(read_annotated(path, format="extractgpt"))


def splits(data: Path, name: str) -> Splits:
    """(train, dev, test) without a title in two of them."""
    if name == "ae110k":
        rows = read(data / "ae110k_sample" / "train.jsonl.gz")
        test = [one for one in rows if bucket(one.product.title) < 20]
        edges = (20, 30)
    else:
        test = read(data / "oamine_sample" / "test.jsonl.gz")
        titles = {one.product.title for one in test}
        rows = [one for one in read(data / "oamine_sample" / "train.jsonl.gz") if one.product.title not in titles]
        edges = (0, 10)
    dev = [one for one in rows if edges[0] <= bucket(one.product.title) < edges[1]]
    return [one for one in rows if bucket(one.product.title) >= edges[1]], dev, test


def floor(train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct]) -> list[dict[str, str]]:
    """Attribute → value for each test product."""
    known: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in train:
        for name, values in one.attributes.items():
            known[one.product.category or ""][name].update(values)
    return [
        {
            name: max(found, key=lambda value: (len(value), value))
            for name, values in known[one.product.category or ""].items()
            if (found := [value for value in values if value in one.product.title])
        }
        for one in test
    ]


def measure(data: Path, name: str, out: Path, options: TrainOptions, seed: int) -> dict[str, Any]:
    train, dev, test = splits(data, name)
    print(f"{name}: {len(train)} train, {len(dev)} dev, {len(test)} test", file=sys.stderr)
    trained = train_extractor(train, dev=dev, out=out, seed=seed, options=options, progress=_log)
    extractor = SequenceExtractor.load(out)
    started = time.monotonic()
    ours = evaluate_extractor(extractor, test, protocol="extractgpt")
    seconds = time.monotonic() - started
    rival = evaluate_extractgpt(test, floor([*train, *dev], test))
    return {
        "n": len(test),
        "kgtag": {"micro": ours["micro"], "macro": ours["macro"], "strict": ours["strict"]["micro"]},
        "floor": {"micro": rival["micro"], "macro": rival["macro"], "strict": rival["strict"]["micro"]},
        "category_accuracy": category_accuracy(extractor, test),
        "train_seconds": round(trained.seconds, 1),
        "titles_per_second": round(len(test) / seconds, 1),
        "epoch": trained.epoch,
        "seed": seed,
    }


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _table(found: dict[str, Any]) -> str:
    lines = [f"{'':8} {'P':>6} {'R':>6} {'F1':>6}   {'P':>6} {'R':>6} {'F1':>6}  (strict)"]
    for name in ("kgtag", "floor"):
        cells = [
            " ".join(f"{100 * found[name][kind][rate]:6.1f}" for rate in ("precision", "recall", "f1"))
            for kind in ("micro", "strict")
        ]
        lines.append(f"{name:8} {'   '.join(cells)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=sorted(OPTIONS), required=True)
    parser.add_argument("--out", type=Path, help="keep the model here")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    host = machine()
    options = OPTIONS[given.set]
    options = replace(options, epochs=given.epochs or options.epochs)
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(given.data, given.set, given.out or Path(temporary) / "model", options, given.seed)
    print(_table(found), file=sys.stderr)
    report("extraction", given.set, host, **found)


if __name__ == "__main__":
    main()
