"""Canonical values: learned rules against looking known values up.

    python benchmarks/canonical.py --data DIR [--encoder LINKER_DIR] [--split dev|test]

DIR holds `wdc_pave/` and `wands_value_normalization/`. WDC-PAVE: raw values of the offers and their normalised ones,
paired where an offer has as many of either under an attribute. Split by offer: bucket(id) < 30 tests, below 45 is for
choosing (`--split dev`), the rest is learned from (for the test, all from 30). WANDS: raw and normalised colours,
materials, styles and countries, five folds by bucket(raw). Unseen: the raw value isn't among those learned from.
Rivals: the value as it is, and the lookup of known values. With a linker's directory, its encoder compares meanings.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from common import arguments, bucket, machine, report, table, timed

from graph.labels import normal_form
from kgtag.data import read_annotated
from kgtag.link.encoder import SentenceEncoder
from kgtag.normalise import ValuePair, fit, pair_values
from kgtag.normalise.operations import Encode

WANDS = ("color", "material", "style", "country")


def rows(path: Path) -> list[dict[str, Any]]:
    packed = path if path.exists() else path.with_name(path.name + ".gz")
    data = packed.read_bytes()
    return [orjson.loads(line) for line in (gzip.decompress(data) if packed.suffix == ".gz" else data).splitlines()]


def wdc_pave(data: Path) -> list[tuple[str, ValuePair]]:
    """(offer id, pair)."""
    folders = ("wdc_with_all_attributes", "wdc_with_all_attributes_normalized")
    raw, canonical = (
        list(read_annotated(data / "wdc_pave" / folder / "train_large.jsonl.gz", format="extractgpt"))
        for folder in folders
    )
    made = {one.product.id: one for one in canonical}
    return [(one.product.id, pair) for one in raw for pair in pair_values([one], [made[one.product.id]])]


def wands(data: Path) -> list[tuple[str, ValuePair]]:
    found = {}
    for name in WANDS:
        for row in rows(data / "wands_value_normalization" / f"{name}_normalization.jsonl"):
            made = row["normalized"]
            if isinstance(made, str):
                found[name, row["raw"]] = ValuePair(row["raw"], made, name)
    return [(raw, pair) for (_, raw), pair in sorted(found.items())]


def score(learned: Sequence[ValuePair], asked: Sequence[ValuePair], encode: Encode | None) -> dict[str, list[float]]:
    """By way: the share right of all values, of those that change, and of those never seen."""
    seconds, normaliser = timed(lambda: fit(learned, encode=encode))
    known = {(p.attribute, p.category, normal_form(p.raw)): p.normalised for p in learned}
    ways: dict[str, Callable[[ValuePair], str]] = {
        "as it is": lambda p: p.raw,
        "lookup": lambda p: known.get((p.attribute, p.category, normal_form(p.raw)), p.raw),
        "learned": lambda p: normaliser.apply(p.raw, attribute=p.attribute, category=p.category),
    }
    changed = [p for p in asked if p.raw != p.normalised]
    unseen = [p for p in asked if (p.attribute, p.category, normal_form(p.raw)) not in known]
    found = {}
    for name, way in ways.items():
        found[name] = [
            sum(way(p) == p.normalised for p in part) / max(len(part), 1) for part in (asked, changed, unseen)
        ]
    print(f"learned in {seconds:.1f} s; {len(asked)} values, {len(changed)} changed, {len(unseen)} unseen")
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, help="a linker's directory")
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    options = parser.parse_args()
    host = machine()
    encode = None
    if options.encoder is not None:
        encode = SentenceEncoder(options.encoder / "encoder.onnx", options.encoder / "tokenizer.json").encode
    low, high = (30, 45) if options.split == "dev" else (0, 30)
    pairs = wdc_pave(options.data)
    asked = [pair for id, pair in pairs if low <= bucket(id) < high]
    found = {"WDC-PAVE": score([pair for id, pair in pairs if bucket(id) >= high], asked, encode)}
    folds: list[dict[str, list[float]]] = []
    small = wands(options.data)
    for fold in range(5):
        held = [pair for raw, pair in small if bucket(raw) // 20 == fold]
        folds.append(score([pair for raw, pair in small if bucket(raw) // 20 != fold], held, encode))
    found["WANDS, mean of 5 folds"] = {
        way: [sum(one[way][at] for one in folds) / len(folds) for at in range(3)] for way in folds[0]
    }
    columns = ["all", "changed", "unseen"]
    for name, ways in found.items():
        table(f"{name}: share of values made right", ["", *columns], [[way, *shares] for way, shares in ways.items()])
    report(
        "canonical",
        f"{len(pairs)} WDC-PAVE and {len(small)} WANDS pairs, {options.split}",
        host,
        save=options.save,
        shares=found,
    )


if __name__ == "__main__":
    main()
