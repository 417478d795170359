"""Whether drift is noticed: a model trained on some categories of OA-Mine meets others, and its own.

    python benchmarks/drift.py --data DIR [--epochs 3] [--seed 0] [--model DIR]

Some of the categories, by hash, train the model; what it finds in two fifths of their titles, held out, is its
profile. Each row is one
stream of titles that it never saw: its own test titles, drawn a hundred times, and those of the other categories, at
shares from all to none. An alarm is any feature whose difference matters and is certain. The floor is an alarm at
PSI > 0.2 whatever the number of titles, as PSI is mostly used.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean

from common import arguments, bucket, machine, report, table, training_config
from extraction import splits

from kgtag.evaluation.drift import Profile, drifts
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import clean_product
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct, Extraction, Product

Rows = list[tuple[Product, Extraction]]


def known(one: AnnotatedProduct) -> bool:
    return bucket(one.product.category or "") % 2 == 0


def held_out(one: AnnotatedProduct) -> bool:
    return bucket(one.product.title) < 40


def found_in(model: Path, rows: list[AnnotatedProduct]) -> Rows:
    products = [clean_product(replace(one.product, category=None)) for one in rows]
    return list(zip(products, SequenceExtractor.load(model).extract(products), strict=True))


def alarms(trained: Profile, streams: list[Rows]) -> list[object]:
    found = [drifts(trained, Profile.of(rows)) for rows in streams]
    features = sorted({one.feature for each in found for one in each if one.alarm})
    return [
        len(streams[0]),
        mean(any(one.alarm for one in each) for each in found),
        mean(any(one.psi_raw > 0.2 for one in each) for each in found),
        ", ".join(features),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, help="where to keep the model, or find it from an earlier run")
    options = parser.parse_args()
    host = machine()
    train, dev, test = splits(options.data, "oamine")
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model or Path(scratch) / "model"
        if not model.exists():
            settings = replace(training_config("ae110k-oamine")[1], epochs=options.epochs)
            pool = [one for one in (*train, *dev) if known(one)]
            held = [one for one in pool if held_out(one)]
            learned = [one for one in pool if not held_out(one)]
            train_extractor(learned, dev=held, out=model, seed=options.seed, options=settings)
        trained = Profile.load(model)
        assert trained is not None
        own = found_in(model, [one for one in test if known(one)])
        others = found_in(model, [one for one in (*test, *dev) if not known(one)])
    draw, rows = random.Random(options.seed), []
    for size in (200, 500):
        streams = [draw.choices(own, k=size) for _ in range(100)]
        rows.append(["its own categories", *alarms(trained, streams)])
        for share in (1.0, 0.5, 0.2, 0.1):
            count = round(share * size)
            mixed = [draw.choices(others, k=count) + draw.choices(own, k=size - count) for _ in range(100)]
            rows.append([f"{100 * share:.0f}% from others", *alarms(trained, mixed)])
    columns = ["titles", "number", "alarms", "PSI > 0.2 alone", "features"]
    table("Share of 100 streams that raise an alarm", columns, rows)
    source = f"OA-Mine: {trained.products} titles in the profile, {len(own)} own and {len(others)} other titles"
    report("drift", source, host, save=options.save, rows=rows)


if __name__ == "__main__":
    main()
