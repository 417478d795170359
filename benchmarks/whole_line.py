"""AE-110K through the whole line: import, train, tag; and what enforcement buys.

    python benchmarks/whole_line.py --data DIR [--model DIR] [--linker DIR] [--embeddings DIR] [--keep DIR]

DIR/ae110k_sample/train.jsonl is split by title: bucket(title) < 20 validates, the rest makes the taxonomy (on top of
Shopify's, English and Chinese) and trains. What is not given is trained, and kept with --keep. A given model must not
have seen the validation titles.

Gold is the value concept whose label a gold value equals, under its attribute; a gold value that training never saw has
no concept, and naming any is wrong. Only attributes that gold speaks of ("n/a" included) count. The ablation runs with
the category given, and with the category to be predicted; counts and speed are of the given. Speed is that of the
validation titles, a third of whose mentions are new to the linker, and of all titles, where mentions repeat.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import orjson
from common import arguments, bucket, machine, report, table, timed

from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy, find_concept
from kgtag.data import read_annotated
from kgtag.data.importing import import_files
from kgtag.enforce import EnforceSettings, violations
from kgtag.evaluation.tagging import closed
from kgtag.tag.models import Models, assemble_tagger, load_models
from kgtag.train.embeddings.run import train_graph
from kgtag.train.extractor.config import defaults
from kgtag.train.linker.run import train_linker
from kgtag.train.model import train_model
from kgtag.types import AnnotatedProduct, Product, Tagging

MODES = ("off", "symbolic", "full")


@dataclass(frozen=True, slots=True)
class Gold:
    """Of one product: attributes gold speaks of, value concepts, and how many values have none."""

    attributes: frozenset[str]
    concepts: frozenset[str]
    unknown: int


def split(source: Path, folder: Path) -> tuple[Path, Path]:
    """Training and validation rows as files."""
    packed = source if source.exists() else source.with_name(source.name + ".gz")
    lines = (gzip.decompress(packed.read_bytes()) if packed.suffix == ".gz" else packed.read_bytes()).splitlines(True)
    held = [bucket(orjson.loads(line)["input"]) < 20 for line in lines]
    files = folder / "train.jsonl", folder / "validation.jsonl"
    for file, wanted in zip(files, (False, True), strict=True):
        file.write_bytes(b"".join(line for line, is_held in zip(lines, held, strict=True) if is_held == wanted))
    return files


def linked(one: AnnotatedProduct, taxonomy: Taxonomy) -> AnnotatedProduct:
    """The product with the concept of each gold value that has one."""
    concepts = {
        (name, value): concept
        for name, values in one.attributes.items()
        for value in values
        if (concept := value_concept(taxonomy, name, value)) is not None
    }
    return replace(one, concepts=concepts)


def value_concept(taxonomy: Taxonomy, attribute: str, value: str) -> str | None:
    home = find_concept(taxonomy, attribute, "attribute")
    found = [id for id in taxonomy.lookup(value) if home is not None and taxonomy.attribute_of(id) == home]
    return found[0] if found else None


def gold_of(one: AnnotatedProduct, taxonomy: Taxonomy) -> Gold:
    found = [value_concept(taxonomy, name, value) for name, values in one.attributes.items() for value in values]
    names = [find_concept(taxonomy, name, "attribute") for name in one.attributes]
    return Gold(frozenset(n for n in names if n), frozenset(f for f in found if f), sum(f is None for f in found))


def score(taggings: Sequence[Tagging], gold: Sequence[Gold], taxonomy: Taxonomy) -> dict[str, float]:
    """Micro precision, recall and F1 over (product, value concept); the share of products with a contradiction."""
    right = wrong = missed = broken = 0
    for tagging, wanted in zip(taggings, gold, strict=True):
        values = {tag.concept for tag in tagging.tags if tag.kind == "value" and tag.method != "implied"}
        named = {id for id in values if taxonomy.attribute_of(id) in wanted.attributes}
        right += len(named & wanted.concepts)
        wrong += len(named - wanted.concepts)
        missed += len(wanted.concepts - named)
        returned = closed((tag.concept for tag in tagging.tags), taxonomy)
        broken += bool(violations(returned, taxonomy, proposals=tagging.proposals))
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1, "violation rate": broken / len(gold)}


def counts(taggings: Sequence[Tagging]) -> dict[str, dict[str, int]]:
    tags = Counter(tag.method for tagging in taggings for tag in tagging.tags)
    dropped = Counter(drop.rule for tagging in taggings for drop in tagging.dropped)
    nil = sum(len(tagging.nil) for tagging in taggings)
    return {
        "tags by method": dict(tags.most_common()),
        "dropped by rule": dict(dropped.most_common()),
        "NIL": {"": nil},
    }


def prepare(
    options: argparse.Namespace, folder: Path
) -> tuple[Taxonomy, list[AnnotatedProduct], list[AnnotatedProduct]]:
    """The taxonomy in a store, and training and validation products."""
    train_file, validation_file = split(options.data / "ae110k_sample" / "train.jsonl", folder)
    store = open_store(f"sqlite:///{folder / 'whole.db'}")
    store.migrate()
    shopify = sorted((options.data / "shopify_categories").glob("*.json*"))
    wanted = [file for file in shopify if file.name.split(".")[0] in ("en", "zh-CN")]
    import_files(store, "shopify", wanted, author="benchmark")
    how = {"scheme": "ae110k", "lang": "en", "rows": "extractgpt"}
    import_files(store, "annotated", [train_file], author="benchmark", **how)
    taxonomy = load_taxonomy(store)
    store.close()
    train = [linked(one, taxonomy) for one in read_annotated(train_file, format="extractgpt", lang="en")]
    return taxonomy, train, list(read_annotated(validation_file, format="extractgpt", lang="en"))


def trained(options: argparse.Namespace, taxonomy: Taxonomy, train: list[AnnotatedProduct], keep: Path) -> Models:
    model, linker, embeddings = options.model, options.linker, options.embeddings
    if model is None:
        model = keep / "model"
        plain = [replace(one, concepts={}) for one in train]
        train_model(plain, taxonomy, out=model, options=defaults("extractgpt"), progress=print)
    if linker is None and not (model / "linker").is_dir():
        linker = keep / "linker"
        print(f"linker: {timed(lambda: train_linker(taxonomy, out=linker))[0]:.0f} s")
    if embeddings is None:
        embeddings = keep / "embeddings"
        print(f"embeddings: {timed(lambda: train_graph(taxonomy, out=embeddings, annotated=train))[0]:.0f} s")
    models = load_models(model, embeddings)
    return replace(models, linker=linker) if linker is not None else models


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--linker", type=Path)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--keep", type=Path, help="where what is trained stays")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(options, Path(scratch))


def measure(options: argparse.Namespace, folder: Path) -> None:
    host = machine()
    taxonomy, train, validation = prepare(options, folder)
    models = trained(options, taxonomy, train, options.keep or folder)
    gold = [gold_of(one, taxonomy) for one in validation]
    products: list[Product] = [one.product for one in validation]
    data = f"AE-110K sample, {len(train)} training and {len(products)} validation titles"

    unplaced = [replace(product, category=None) for product in products]
    modes: dict[str, dict[str, float]] = {}
    for name, asked in (("predicted", unplaced), ("given", products)):
        for mode in MODES:
            tagger = assemble_tagger(replace(models, enforcement=EnforceSettings(mode=mode)), taxonomy)
            taggings = tagger.tag(asked)
            modes[f"{mode}, category {name}"] = score(taggings, gold, taxonomy)
    found = counts(taggings)
    linkable = sum(len(one.concepts) for one in gold) / max(1, sum(len(one.concepts) + one.unknown for one in gold))

    speed = {
        "validation titles": measure_speed(models, taxonomy, products),
        "all titles": measure_speed(models, taxonomy, [*(one.product for one in train), *products]),
    }

    table(f"{data}; {len(taxonomy)} concepts", ["what", "which", "count"], _flat(found))
    columns = ["precision", "recall", "f1", "violation rate"]
    table(
        f"Value tags against gold ({linkable:.0%} of gold values have a concept)",
        ["enforcement", *columns],
        [[mode, *(row[name] for name in columns)] for mode, row in modes.items()],
    )
    table(
        "Products a second, medians of 5",
        ["of", "whole line", "extraction alone", "on top"],
        [[name, row["whole line"], row["extraction alone"], f"{row['on top']:.1%}"] for name, row in speed.items()],
    )
    report(
        "whole_line",
        data,
        host,
        save=options.save,
        concepts=len(taxonomy),
        counts=found,
        linkable=round(linkable, 3),
        modes={mode: {name: round(value, 4) for name, value in row.items()} for mode, row in modes.items()},
        products_per_second={
            name: {what: round(value, 3) for what, value in row.items()} for name, row in speed.items()
        },
    )


def measure_speed(models: Models, taxonomy: Taxonomy, products: Sequence[Product]) -> dict[str, float]:
    """Products a second, and what linking and enforcement add to extraction's wall time. Each turn's tagger is new and
    remembers nothing; the two take turns, so that a slow minute of the machine slows both."""
    extractor = models.extractor
    assert extractor is not None
    whole, alone = [], []
    for _ in range(5):
        tagger = assemble_tagger(models, taxonomy)
        whole.append(timed(lambda tagger=tagger: tagger.tag(products))[0])
        alone.append(timed(lambda: extractor.extract(products))[0])
    line, extraction = median(whole), median(alone)
    return {
        "whole line": len(products) / line,
        "extraction alone": len(products) / extraction,
        "on top": line / extraction - 1,
    }


def _flat(found: dict[str, dict[str, int]]) -> list[list[object]]:
    return [[what, which, count] for what, counted in found.items() for which, count in counted.items()]


if __name__ == "__main__":
    main()
