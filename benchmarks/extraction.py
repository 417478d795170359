"""Attribute values from product titles on public data, beside a simple floor.

    python benchmarks/extraction.py --data DIR --set ae110k|oamine|titles|wdc_pave|queryner
        [--encoder E] [--large] [--members N] [--out DIR | --model DIR]

Options are those of `configs/*.toml`, which `kgtag train extractor --config` reads too; with --large those for encoders
of base size.

DIR holds `ae110k_sample/train.jsonl.gz` and `oamine_sample/{train,test}.jsonl.gz` as ExtractGPT publishes them,
`wdc_pave/wdc_with_all_attributes/train_large.jsonl.gz`, and `queryner/{train,dev,test_visible}.jsonl.gz`.
AE-110K: a fifth of the titles by hash is the test set, a tenth is for choosing. OA-Mine: the official test set; a tenth
of train is for choosing, and titles that are in test too are left out of it. WDC-PAVE: a fifth of the products (by
cluster, so that offers of one product stay together) is the test set. QueryNER: the official splits. The test set is
looked at once, after training. "titles" trains one model on both title sets and evaluates it on each; with --members so
many are trained, with seeds from --seed on, and make an ensemble. --model evaluates an existing model, an ensemble for
example, and trains none.

WDC-PAVE's values are then made canonical by rules learned from the training products, which
`wdc_with_all_attributes_normalized` has with canonical values, and evaluated again by those of the test products.

The floor finds, for each (category, attribute), the longest value seen in training that stands in the product's title
or text; for QueryNER, the longest training spans with their most frequent label, without overlap.
Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, bucket, machine, report, table, training_config

from kgtag.data import read_annotated
from kgtag.data.annotated import locate
from kgtag.evaluation.extraction import (
    LabelledSpan,
    ValueExtractor,
    evaluate_extractgpt,
    evaluate_extractor,
    evaluate_spans,
)
from kgtag.extract.sequence import SequenceExtractor
from kgtag.normalise import fit, pair_values
from kgtag.text import clean_product, document
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.derived import build_ensemble
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct, Extractor

CONFIGS = {
    "ae110k": "ae110k",
    "oamine": "oamine",
    "titles": "ae110k-oamine",
    "wdc_pave": "wdc-pave",
    "queryner": "queryner",
}
"""Files of `configs` by set."""
LARGE = ("titles", "queryner")
"""Sets with a config for encoders of base size."""
SETS = {name: (name,) for name in CONFIGS} | {"titles": ("ae110k", "oamine")}
Splits = tuple[list[AnnotatedProduct], list[AnnotatedProduct], list[AnnotatedProduct]]


def read(path: Path, format: str = "extractgpt") -> list[AnnotatedProduct]:
    return list(read_annotated(path, format=format))


def splits(data: Path, name: str) -> Splits:
    """(train, dev, test) without a title in two of them."""
    if name == "queryner":
        parts = (read(data / "queryner" / f"{part}.jsonl.gz", "bio") for part in ("train", "dev", "test_visible"))
        train, dev, test = parts
        return train, dev, test
    if name == "oamine":
        test = read(data / "oamine_sample" / "test.jsonl.gz")
        titles = {one.product.title for one in test}
        rows = [one for one in read(data / "oamine_sample" / "train.jsonl.gz") if one.product.title not in titles]
        placed = [(bucket(one.product.title) + 20, one) for one in rows]
    else:
        rows, keys = _rows(data, name)
        placed = [(bucket(key), one) for key, one in zip(keys, rows, strict=True)]
        test = [one for number, one in placed if number < 20]
    dev = [one for number, one in placed if 20 <= number < 30]
    return [one for number, one in placed if number >= 30], dev, test


def _rows(data: Path, name: str) -> tuple[list[AnnotatedProduct], list[str]]:
    """Products, and what decides each one's split."""
    if name == "ae110k":
        rows = read(data / "ae110k_sample" / "train.jsonl.gz")
        return rows, [one.product.title for one in rows]
    path = data / "wdc_pave" / "wdc_with_all_attributes" / "train_large.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return read(path), [str(json.loads(line)["cluster_id"]) for line in file if line.strip()]


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
            if (found := [value for value in values if value in document(one.product.title, one.product.text)])
        }
        for one in test
    ]


def floor_spans(train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct]) -> list[set[LabelledSpan]]:
    """Strict spans for each test query."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for one in train:
        for name, span in one.spans:
            labels[one.product.title[span.start : span.end]][name] += 1
    names = {surface: found.most_common(1)[0][0] for surface, found in labels.items()}
    found = []
    for one in test:
        located = locate(one.product.title, {"": tuple(surface for surface in names if surface in one.product.title)})
        found.append({(s.start, s.end, names[one.product.title[s.start : s.end]]) for _, s in located})
    return found


def measure(data: Path, given: argparse.Namespace, out: Path, options: TrainOptions) -> dict[str, dict[str, Any]]:
    """By set, of one model trained on all of them."""
    parts = {name: splits(data, name) for name in SETS[given.set]}
    if given.model is not None:
        extractor = SequenceExtractor.load(given.model)
        return {name: evaluate(data, name, extractor, part) for name, part in parts.items()}
    train, dev = ([one for part in parts.values() for one in part[which]] for which in (0, 1))
    for name, part in parts.items():
        print(f"{name}: {', '.join(map(str, map(len, part)))} train, dev, test", file=sys.stderr)
    members = [out if given.members == 1 else out.with_name(f"{out.name}-{n}") for n in range(given.members)]
    seconds = 0.0
    for number, member in enumerate(members, given.seed):
        seconds += train_extractor(
            train, dev=dev, out=member, encoder=given.encoder, seed=number, options=options, progress=_log
        ).seconds
    if given.members > 1:
        build_ensemble(members, dev, out=out, progress=_log)
    extractor = SequenceExtractor.load(out)
    about = {
        "encoder": Path(given.encoder).name,
        "members": given.members,
        "train_seconds": round(seconds, 1),
        "seed": given.seed,
    }
    return {name: evaluate(data, name, extractor, part) | about for name, part in parts.items()}


def evaluate(data: Path, name: str, extractor: SequenceExtractor, part: Splits) -> dict[str, Any]:
    """On the set's test products, beside the floor."""
    train, dev, test = part
    started = time.monotonic()
    ours = evaluate_extractor(extractor, test, protocol="spans" if name == "queryner" else "extractgpt")
    seconds = time.monotonic() - started
    if name == "queryner":
        gold = [{(span.start, span.end, label) for label, span in one.spans} for one in test]
        rival = evaluate_spans(gold, floor_spans([*train, *dev], test))
    else:
        rival = evaluate_extractgpt(test, floor([*train, *dev], test))
    found = {
        "n": len(test),
        "kgtag": _rates(ours),
        "floor": _rates(rival),
        "category_accuracy": category_accuracy(extractor, test),
        "titles_per_second": round(len(test) / seconds, 1),
    }
    return found | (measure_canonical(data, extractor, [*train, *dev], test) if name == "wdc_pave" else {})


def category_accuracy(extractor: Extractor, data: Sequence[AnnotatedProduct]) -> float | None:
    """Share of products whose category is the extractor's first guess from the title alone; None without gold."""
    known = [replace(clean_product(item.product), category=None) for item in data if item.product.category]
    gold = [item.product.category for item in data if item.product.category]
    guesses = [extraction.categories[:1] for extraction in extractor.extract(known)]
    right = sum(bool(guess) and guess[0][0] == name for guess, name in zip(guesses, gold, strict=True))
    return right / len(known) if known else None


def measure_canonical(
    data: Path, extractor: Extractor, train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct]
) -> dict[str, Any]:
    """Of canonical values; the floor is made canonical by the same rules."""
    path = data / "wdc_pave" / "wdc_with_all_attributes_normalized" / "train_large.jsonl.gz"
    canonical = {one.product.id: one for one in read(path)}
    rules = fit(list(pair_values(train, canonical.values())))
    gold = [canonical[one.product.id] for one in test]
    said = [
        {name: rules.apply(value, attribute=name, category=one.product.category) for name, value in values.items()}
        for one, values in zip(test, floor(train, test), strict=True)
    ]
    ours = evaluate_extractor(ValueExtractor(extractor, normaliser=rules), gold, protocol="extractgpt")
    return {"kgtag, canonical": _rates(ours), "floor, canonical": _rates(evaluate_extractgpt(gold, said))}


def _rates(found: dict[str, Any]) -> dict[str, Any]:
    """`strict` is what an evaluation of spans always is."""
    strict = found["strict"]["micro"] if "strict" in found else found["micro"]
    return {"micro": found["micro"], "macro": found["macro"], "strict": strict}


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(name: str, found: dict[str, Any]) -> None:
    ways = [way for way in ("kgtag", "floor", "kgtag, canonical", "floor, canonical") if way in found]
    rows = [
        [
            way,
            *(round(100 * found[way]["micro"][rate], 1) for rate in ("precision", "recall", "f1")),
            *(round(100 * found[way][kind]["f1"], 1) for kind in ("strict", "macro")),
        ]
        for way in ways
    ]
    rivals = [way for way in ways if way.startswith("floor")]
    table(name, ["model", "P", "R", "F1", "strict F1", "macro F1"], rows, rivals=rivals, file=sys.stderr)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=sorted(CONFIGS), required=True)
    parser.add_argument("--encoder", help="a name or a directory; else the config's")
    parser.add_argument("--large", action="store_true", help="the options for an encoder of base size")
    parser.add_argument("--out", type=Path, help="keep the model here")
    parser.add_argument("--model", type=Path, help="evaluate this one, train none")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--members", type=int, default=1, help="models to train for an ensemble")
    parser.add_argument("--seed", type=int, help="else the config's")
    given = parser.parse_args()
    if given.large and given.set not in LARGE:
        parser.error(f"--large has options for {', '.join(LARGE)}, not for {given.set}")
    host = machine()
    run, options = training_config(CONFIGS[given.set] + ("-mpnet" if given.large else ""))
    options = replace(options, epochs=given.epochs or options.epochs)
    given.encoder = given.encoder or run.encoder or pretrained.DEFAULT
    given.seed = run.seed if given.seed is None else given.seed
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(given.data, given, given.out or Path(temporary) / "model", options)
    for name, one in found.items():
        _show(name, one)
    mean = sum(one["kgtag"]["micro"]["f1"] for one in found.values()) / len(found)
    print(f"mean F1 {100 * mean:.1f}", file=sys.stderr)
    report("extraction", given.set, host, save=given.save, mean_f1=round(mean, 4), epochs=options.epochs, **found)


if __name__ == "__main__":
    main()
