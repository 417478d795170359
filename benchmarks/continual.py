"""Continual fine-tuning on new attributes, with and without replay: F1 gained on them and lost on the old ones.

    python benchmarks/continual.py --data DIR [--epochs N] [--more N] [--base N] [--seed N]

DIR/ae110k_sample/train.jsonl.gz, by title: 20 <= bucket < 45 measures, 45 <= bucket < 80 trains the base model (at most
--base products), bucket >= 80 teaches more; bucket < 20 is left alone. Attributes whose name has bucket < 25 are the
new ones: the base model's annotations lack them, and the new annotations have nothing else.

F1 is of the ExtractGPT protocol, over the old attributes and over the new ones. Nothing is chosen on the products that
measure. Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, bucket, machine, report, table, training_config
from extraction import read

from kgtag.evaluation.calibration import bootstrap, decisions, paired
from kgtag.evaluation.extraction import evaluate_extractor, extract_all
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.config import defaults
from kgtag.train.extractor.derived import Start
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct


def is_new(attribute: str) -> bool:
    return bucket(attribute) < 25


def only(data: Sequence[AnnotatedProduct], keep: Callable[[str], bool]) -> list[AnnotatedProduct]:
    """With the annotations of these attributes alone."""
    return [
        replace(
            one,
            attributes={name: values for name, values in one.attributes.items() if keep(name)},
            spans=tuple((name, span) for name, span in one.spans if keep(name)),
        )
        for one in data
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=8, help="of the base model")
    parser.add_argument("--more", type=int, default=4, help="epochs of further training")
    parser.add_argument("--base", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    host = machine()
    started = time.monotonic()
    rows = read(given.data / "ae110k_sample" / "train.jsonl.gz")
    base = only([one for one in rows if 45 <= bucket(one.product.title) < 80], lambda name: not is_new(name))
    fresh = only([one for one in rows if bucket(one.product.title) >= 80], is_new)
    fresh = [one for one in fresh if any(one.attributes.values())]
    base = base[: given.base]
    test = [one for one in rows if 20 <= bucket(one.product.title) < 45]
    sides = {"old": only(test, lambda name: not is_new(name)), "new": only(test, is_new)}
    found: dict[str, Any] = {}
    sampled: dict[str, Any] = {}
    options = replace(defaults("extractgpt", continued=True), epochs=given.more)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "base"

        def measure(name: str, model: Path) -> None:
            extractor = SequenceExtractor.load(model)
            known = set(extractor.attributes)
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            result = {}
            for side, gold in sides.items():
                if side == "new" and not any(is_new(attribute) for attribute in known):
                    continue
                result[side] = evaluate_extractor(extractor, gold, protocol="extractgpt")["micro"]["f1"]
            found[name] = result
            old = decisions(sides["old"], extract_all(extractor, sides["old"]), protocol="extractgpt")
            sampled[name] = bootstrap(old)

        _, base_options = training_config("ae110k")
        base_options = replace(base_options, epochs=given.epochs, batch_size=8)
        train_extractor(base, out=first, seed=given.seed, options=base_options)
        measure("base", first)
        for name, replay in (("with replay", base), ("without replay", [])):
            out = Path(folder) / name.replace(" ", "-")
            train_extractor(fresh, start=Start(first, replay), out=out, seed=given.seed, options=options)
            measure(name, out)
            found[name]["against base"] = paired(sampled[name], sampled["base"])
    with contextlib.redirect_stdout(sys.stderr):
        table(
            f"F1 on {len(test)} products; {len(base)} taught the base, {len(fresh)} teach the new attributes",
            ("model", "old attributes", "change", "95% interval", "new attributes"),
            [
                (
                    name,
                    100 * one["old"],
                    100 * (one["old"] - found["base"]["old"]),
                    str([round(100 * bound, 2) for bound in one.get("against base", {}).get("interval", ())]),
                    100 * one.get("new", 0.0),
                )
                for name, one in found.items()
            ],
        )
    seconds = round(time.monotonic() - started, 1)
    report(
        "continual",
        "AE-110K",
        host,
        save=given.save,
        taught=[len(base), len(fresh)],
        n=len(test),
        seconds=seconds,
        models=found,
    )


if __name__ == "__main__":
    main()
