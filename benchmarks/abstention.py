"""Products of no trained category: does the category's probability tell?

    python benchmarks/abstention.py --data DIR [--every N] [--save abstention]

DIR holds `oamine_sample/{train,test}.jsonl.gz`: ten categories. For each pair of them, categories are learned from the
train rows of the other eight, with a taxonomy of these eight and nothing else; all test rows are tagged, their category
withheld. A product's probability is that of its likeliest category, given or dropped. AUROC: the chance that a product
of the eight has a higher one than a product of the two. With --every N only each N-th of the 45 pairs is measured.
"""

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.evaluation.calibration import reliability
from kgtag.extract.implicit import DIRECTORY
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.train.categories import Names
from kgtag.train.implicit import train_values
from kgtag.types import AnnotatedProduct, Product, Tagging

_COLUMNS = ("measure", "mean over pairs", "worst pair")


def read(data: Path, split: str) -> list[Product]:
    with gzip.open(data / "oamine_sample" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Product(str(n), row["input"], category=row["category"], lang="en") for n, row in enumerate(rows)]


def taxonomy_of(categories: Sequence[str]) -> Taxonomy:
    concepts = tuple(Concept(f"c{n}", "oamine", "category", {"en": name}) for n, name in enumerate(sorted(categories)))
    return Taxonomy.of(TaxonomyData.of(1, concepts, ()))


def likeliest(tagging: Tagging) -> float:
    """The probability of the likeliest category, 0 where there is none."""
    candidates = [*tagging.tags, *(dropped.tag for dropped in tagging.dropped)]
    return max((tag.probability for tag in candidates if tag.kind == "category"), default=0.0)


def measure(train: Sequence[Product], test: Sequence[Product], hidden: tuple[str, str]) -> dict[str, float]:
    rows = [AnnotatedProduct(one, {}) for one in train if one.category not in hidden]
    taxonomy = taxonomy_of({one.product.category or "" for one in rows})
    names = {concept.label("en"): concept.id for concept in taxonomy}
    with tempfile.TemporaryDirectory() as name:
        train_values(rows, out=Path(name) / DIRECTORY, names=Names(taxonomy, names), concepts=names)
        tagger = assemble_tagger(load_models(name), taxonomy)
    taggings = tagger.tag([Product(one.id, one.title, lang="en") for one in test])
    known = [one.category not in hidden for one in test]
    given = [{tag.label for tag in tagging.tags if tag.kind == "category"} for tagging in taggings]
    right = [one.category in found for one, found in zip(test, given, strict=True)]
    return {
        "auroc": reliability([likeliest(one) for one in taggings], known).auc,
        "right": sum(right) / sum(known),
        "wrong": sum(bool(found) for found, own in zip(given, known, strict=True) if not own)
        / (len(known) - sum(known)),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    host, train, test = machine(), read(given.data, "train"), read(given.data, "test")
    titles = {one.title for one in test}
    train = [one for one in train if one.title not in titles]
    pairs = list(combinations(sorted({one.category or "" for one in train}), 2))[:: given.every]
    found = [measure(train, test, pair) for pair in pairs]
    whole = {name: [one[name] for one in found] for name in found[0]}
    rows = [
        ("AUROC of the category's probability, eight trained categories against two others",
         statistics.mean(whole["auroc"]), min(whole["auroc"])),
        ("right category given, of the products of the eight", statistics.mean(whole["right"]), min(whole["right"])),
        ("a category given, of the products of the two", statistics.mean(whole["wrong"]), max(whole["wrong"])),
    ]  # fmt: skip
    table("Products of no trained category", _COLUMNS, rows)
    report("abstention", f"OA-Mine, {len(test)} test titles, {len(pairs)} pairs of categories", host, save=given.save,
           pairs=[list(pair) for pair in pairs], by_pair=found)  # fmt: skip


if __name__ == "__main__":
    main()
