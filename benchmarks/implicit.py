"""Values that a title implies without saying them (ImplicitAVE, text only), beside the commonest value and TF-IDF.

    python benchmarks/implicit.py --data DIR [--dev] [--new] [--seed N]
    python benchmarks/implicit.py --data DIR --write OUT

DIR holds `implicitave/DOMAIN/{train,val}.tsv.gz`. Training takes all of train, calibration included; val is looked at
once, after it. With --dev a tenth of train, by hash of the id, takes val's place: for choosing.
The rivals: the commonest value of each attribute in training; scikit-learn's TF-IDF of words and character n-grams with
a linear SVM per domain and attribute, which is told the domain that ours isn't.
With --write nothing is trained: OUT gets train.jsonl and val.jsonl, for `kgtag train extractor --format extractgpt`.
With --new, each attribute's fourth commonest value is kept from another training, then told by its name alone.
Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, bucket, machine, report, table, training_config
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from kgtag.evaluation.calibration import reliability
from kgtag.extract.implicit import ImplicitValueModel
from kgtag.link.encoder import SentenceEncoder
from kgtag.train.implicit import train_values
from kgtag.train.linker.encoders import export_encoder
from kgtag.types import AnnotatedProduct, Product


@dataclass(frozen=True)
class Row:
    domain: str
    product: Product
    attribute: str
    value: str

    @property
    def annotated(self) -> AnnotatedProduct:
        return AnnotatedProduct(self.product, {self.attribute: (self.value,)})


def read(data: Path, split: str) -> list[Row]:
    rows = []
    for folder in sorted(path for path in (data / "implicitave").iterdir() if path.is_dir()):
        with gzip.open(folder / f"{split}.tsv.gz", "rt", encoding="utf-8") as file:
            next(file)
            for line in file:
                id, _, category, text, attribute, value = line.rstrip("\n").split("\t")
                title = text.replace("[Title]", "").strip() or text
                rows.append(Row(folder.name, Product(id, title, category=category, lang="en"), attribute, value))
    return rows


def write(data: Path, out: Path) -> None:
    """The rows as ExtractGPT has them."""
    out.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        with (out / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for row in read(data, split):
                fields = {"id": row.product.id, "input": row.product.title, "category": row.product.category}
                scores = {row.attribute: {row.value: 1}}
                file.write(json.dumps(fields | {"target_scores": scores}, ensure_ascii=False) + "\n")


def by_attribute(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row.domain, row.attribute].append(row)
    return dict(sorted(found.items()))


def majority(train: Sequence[Row], test: Sequence[Row]) -> dict[int, str]:
    """By the row's identity, the answer."""
    common = {key: Counter(row.value for row in rows).most_common(1)[0][0] for key, rows in by_attribute(train).items()}
    return {id(row): common[row.domain, row.attribute] for row in test}


def tfidf(train: Sequence[Row], test: Sequence[Row]) -> dict[int, str]:
    answers = {}
    asked = by_attribute(test)
    for key, rows in by_attribute(train).items():
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
        pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
        texts = [f"{row.product.category} {row.product.title}" for row in rows]
        model = LinearSVC(C=0.3).fit(
            hstack([words.fit_transform(texts), pieces.fit_transform(texts)]), [row.value for row in rows]
        )
        new = [f"{row.product.category} {row.product.title}" for row in asked.get(key, ())]
        if new:
            found = model.predict(hstack([words.transform(new), pieces.transform(new)]))
            answers |= {id(row): value for row, value in zip(asked[key], found, strict=True)}
    return answers


def ours(model: ImplicitValueModel, test: Sequence[Row]) -> tuple[dict[int, str | None], dict[int, float]]:
    """Answers and their probabilities."""
    answers: dict[int, str | None] = {}
    sure = {}
    named = defaultdict(list)
    for row in test:
        named[row.attribute].append(row)
    for attribute, rows in named.items():
        if attribute not in model.heads:
            continue
        for row, found in zip(rows, model.distribution([row.product for row in rows], attribute), strict=True):
            answers[id(row)], sure[id(row)] = max(found.items(), key=lambda pair: pair[1])
    return answers, sure


def accuracy(answers: dict[int, Any], test: Sequence[Row]) -> float:
    return sum(answers.get(id(row)) == row.value for row in test) / len(test)


def told_by_name(train: Sequence[Row], test: Sequence[Row], scratch: Path, seed: int) -> dict[str, Any]:
    """Values that training hadn't, from their names: ranked first among all of the attribute's, and against chance."""
    counts = defaultdict(Counter)
    for row in train:
        counts[row.attribute][row.value] += 1
    hidden = {name: found.most_common(4)[3][0] for name, found in counts.items() if len(found) > 4}
    export_encoder("all-MiniLM-L6-v2", scratch)
    encoder = SentenceEncoder(scratch / "encoder.onnx", scratch / "tokenizer.json")
    kept = [row for row in train if hidden.get(row.attribute) != row.value]
    train_values([row.annotated for row in kept], out=scratch / "new", seed=seed, encoder=encoder)
    model = ImplicitValueModel.load(scratch / "new").extended(
        {name: {value: ""} for name, value in hidden.items()}, encoder
    )
    asked = sorted((row for row in test if row.attribute in hidden), key=lambda row: bucket(row.product.id))
    new = [row for row in asked if hidden[row.attribute] == row.value][:400]
    old = [row for row in asked if hidden[row.attribute] != row.value][:400]
    answers, _ = ours(model, [*new, *old])
    before, _ = ours(ImplicitValueModel.load(scratch / "new"), old)
    return {
        "attributes": len(hidden),
        "n": [len(new), len(old)],
        "new_found": accuracy(answers, new),
        "old_right": accuracy(answers, old),
        "old_right_before": accuracy(before, old),
        "old_taken_for_new": sum(answers.get(id(row)) == hidden[row.attribute] for row in old) / len(old),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--seed", type=int, help="else the config's")
    parser.add_argument("--write", type=Path, help="write the rows as JSONL, train nothing")
    given = parser.parse_args()
    if given.write is not None:
        write(given.data, given.write)
        return
    host = machine()
    run, _ = training_config("implicitave")
    given.seed = run.seed if given.seed is None else given.seed
    train = read(given.data, "train")
    if given.dev:
        test = [row for row in train if bucket(row.product.id) < 10]
        train = [row for row in train if bucket(row.product.id) >= 10]
    else:
        test = read(given.data, "val")
    found: dict[str, Any] = {"n": len(test), "train": len(train), "seed": given.seed}
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "model"
        started = time.monotonic()
        made = train_values([row.annotated for row in train], out=out, seed=given.seed, progress=_log)
        found["train_seconds"] = round(time.monotonic() - started, 1)
        found["megabytes"] = round(sum(path.stat().st_size for path in out.iterdir()) / 1e6, 1)
        started = time.monotonic()
        answers, sure = ours(ImplicitValueModel.load(out), test)
        found["titles_per_second"] = round(len(test) / (time.monotonic() - started), 1)
        if given.new:
            found["told_by_name"] = told_by_name(train, test, Path(temporary), given.seed)
    started = time.monotonic()
    rivals = {"tfidf": tfidf(train, test), "majority": majority(train, test)}
    found["tfidf_seconds"] = round(time.monotonic() - started, 1)
    right = np.array([answers.get(id(row)) == row.value for row in test])
    found["ece"] = round(reliability([sure.get(id(row), 0.0) for row in test], right).ece, 4)
    every = {"kgtag": answers, **rivals}
    found["accuracy"] = {name: round(accuracy(one, test), 4) for name, one in every.items()}
    found["per_attribute"] = {
        f"{domain}: {attribute}": {name: round(accuracy(one, rows), 4) for name, one in every.items()}
        for (domain, attribute), rows in by_attribute(test).items()
    }
    assert made is not None
    rows = [[label, *rates.values()] for label, rates in (*found["per_attribute"].items(), ("all", found["accuracy"]))]
    table(f"accuracy on {len(test)} products", ["attribute", *every], rows, file=sys.stderr)
    report("implicit", "implicitave", host, save=given.save, **found)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
