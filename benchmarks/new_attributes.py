"""Attributes that an extractor was never trained on, found by their names alone, or by known values.

    python benchmarks/new_attributes.py --data DIR [--set ae110k|oamine] [--epochs N] [--seed N]

DIR as for `extraction.py`, and its splits. A fifth of the attributes, by hash, are hidden: their annotations are taken
out of the training data as if nobody had ever thought of them. After training they are added (`kgtag train
attributes`) by name, and once more with the values that the training titles hold, as a taxonomy would know them, and
looked for in the test titles; only they are scored, where gold speaks of them.

Rivals in the same run: the trained attribute whose name is nearest in the encoder's view, asked in its place; and the
longest of the same known values that stands in the title, without a model. GLiNER, the
usual zero-shot extractor, is published on a model hub only: give its predictions as `--gliner FILE` (JSONL of
`{"title", "attribute", "value"}`) to have it scored beside.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, bucket, machine, report, table, training_config
from extraction import floor, splits

from kgtag.evaluation.extraction import best_values, evaluate_extractgpt
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.derived import NewAttribute, add_attributes
from kgtag.train.extractor.run import train_extractor
from kgtag.train.extractor.save import load_network
from kgtag.types import AnnotatedProduct


def without(data: Sequence[AnnotatedProduct], hidden: set[str]) -> list[AnnotatedProduct]:
    return [_only(one, {*one.attributes} - hidden) for one in data]


def _only(one: AnnotatedProduct, names: set[str]) -> AnnotatedProduct:
    return replace(
        one,
        attributes={name: values for name, values in one.attributes.items() if name in names},
        spans=tuple((name, span) for name, span in one.spans if name in names),
    )


def nearest(model: Path, hidden: Sequence[str]) -> dict[str, str]:
    """Hidden attribute → the trained one of the nearest name."""
    network, config = load_network(model)
    rows = network.get_parameter("attribute.weight").detach().numpy()[1:]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    trained = [n for n, name in enumerate(config.attributes) if name not in hidden]
    found = {}
    for name in hidden:
        cosines = rows[trained] @ rows[config.attributes.index(name)]
        found[name] = config.attributes[trained[int(cosines.argmax())]]
    return found


def measure(data: Path, name: str, *, epochs: int | None, seed: int, gliner: Path | None) -> dict[str, Any]:
    train, dev, test = splits(data, name)
    names = {attribute for one in train for attribute in one.attributes}
    hidden = {attribute for attribute in names if bucket(attribute) < 20}
    options = replace(training_config(name)[1], **({"epochs": epochs} if epochs else {}))
    asked = [one for one in (_only(one, hidden) for one in test) if one.attributes]
    values = {name: sorted({v for one in train for v in one.attributes.get(name, ())}) for name in sorted(hidden)}
    with tempfile.TemporaryDirectory() as temporary:
        base, more, knowing = (Path(temporary) / part for part in ("base", "more", "knowing"))
        shown = [one for one in without(train, hidden) if one.attributes]
        train_extractor(shown, dev=without(dev, hidden), out=base, seed=seed, options=options, progress=_log)
        add_attributes(base, dict.fromkeys(values, NewAttribute()), out=more)
        add_attributes(base, {name: NewAttribute(values=known) for name, known in values.items()}, out=knowing)
        answers, told = (_answers(model, asked) for model in (more, knowing))
        stand_ins = nearest(more, sorted(hidden))
    scored = {
        "by name": _scored(asked, answers),
        "by name and known values": _scored(asked, told),
        "nearest trained attribute": _scored(
            asked, [{new: one[old] for new, old in stand_ins.items() if old in one} for one in answers]
        ),
        "longest known value": _scored(asked, floor(train, asked)),
    }
    if gliner is not None:
        scored["GLiNER"] = _scored(asked, _read_gliner(gliner, asked))
    return {"hidden": sorted(hidden), "trained_on": len(names) - len(hidden), "n": len(asked), "scored": scored}


def _answers(model: Path, asked: Sequence[AnnotatedProduct]) -> list[dict[str, str]]:
    found = SequenceExtractor.load(model).extract([one.product for one in asked])
    return [best_values(extraction.mentions) for extraction in found]


def _scored(asked: Sequence[AnnotatedProduct], answers: Sequence[Mapping[str, str]]) -> dict[str, float]:
    found = evaluate_extractgpt(asked, answers)["micro"]
    return {rate: round(found[rate], 4) for rate in ("precision", "recall", "f1")}


def _read_gliner(path: Path, asked: Sequence[AnnotatedProduct]) -> list[dict[str, str]]:
    by_title: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        by_title.setdefault(row["title"], {})[row["attribute"]] = row["value"]
    return [by_title.get(one.product.title, {}) for one in asked]


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=("ae110k", "oamine"), default="ae110k")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gliner", type=Path)
    given = parser.parse_args()
    host = machine()
    found = measure(given.data, given.set, epochs=given.epochs, seed=given.seed, gliner=given.gliner)
    rows = [[name, *(round(100 * rate, 1) for rate in rates.values())] for name, rates in found["scored"].items()]
    rivals = [name for name in found["scored"] if name in ("longest known value", "GLiNER")]
    table("attributes kept from training", ["asked", "P", "R", "F1"], rows, rivals=rivals, file=sys.stderr)
    report("new_attributes", given.set, host, save=given.save, **found)


if __name__ == "__main__":
    main()
