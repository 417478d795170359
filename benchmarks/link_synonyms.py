"""Linkers that learn from synonyms, against plain string search, on synonyms they never saw.

    python benchmarks/link_synonyms.py --data DIR --set stackoverflow|wands|openfoodfacts [--split dev|test]
        [--tune] [--encoder NAME] [--keep LINKER_DIR]

stackoverflow: approved synonyms of Stack Overflow tags are linked to all 28,801 tags. wands: queries to 860 product
classes. openfoodfacts: English synonyms of categories to their entries. A synonym or query is split by
bucket(text): below 50 it tests; the rest is learned from (of it, for `--split dev`, 50 to 64 is asked instead and not
learned from). How often a tag is used counts, as does the order of the classes, most frequent first.

Rivals: Jaccard of character trigrams (of singular words, for the queries), over labels alone and over labels with the
synonyms that the trained linker learned from; and the linker that nobody trained. `--keep` names where the linker is
written, or is read from when it is there.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from common import arguments, bucket, machine, report, table, timed
from scipy import sparse

from graph.columns.assemble import TaxonomyData
from graph.formats import openfoodfacts
from graph.labels import normal_form
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.evaluation.tagging import evaluate_linking
from kgtag.link import LinkExample, TaxonomyLinker
from kgtag.link.candidates.words import parts as parts_of
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import Query

Pairs = list[tuple[str, str]]
"""(text, concept id)."""


@dataclass(frozen=True, slots=True)
class Task:
    """`words`: the rival counts words instead of trigrams."""

    name: str
    taxonomy: Taxonomy
    pairs: Pairs
    usage: dict[str, float]
    words: bool = False


def read(path: Path) -> bytes:
    packed = path if path.exists() else path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.suffix == ".gz" else packed.read_bytes()


def stackoverflow(data: Path) -> Task:
    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(read(data / "stackoverflow_tags" / name).decode("utf-8"))))

    usage = {row["TagName"]: float(row["Count"]) for row in rows("Tags.csv")}
    pairs = [
        (row["SourceTagName"], row["TargetTagName"])
        for row in rows("TagSynonyms.csv")
        if row["ApprovalDate"] and row["TargetTagName"] in usage and row["SourceTagName"] not in usage
    ]
    return Task("Stack Overflow synonyms", flat(dict.fromkeys(usage, ())), sorted(set(pairs)), usage)


def wands(data: Path) -> Task:
    lines = read(data / "wands_value_normalization" / "product_class_mapping.jsonl").splitlines()
    classes = [orjson.loads(line) for line in lines]
    names = {
        row["product_class"]: tuple(
            other
            for other in (row["product_class_fixed"], *row["product_class"].split("|"))
            if other != row["product_class"]
        )
        for row in classes
    }
    file = next((one for one in (data / "wands_queries").glob("query.[ct]sv*")), data / "wands_queries" / "query.tsv")
    queries = csv.DictReader(io.StringIO(read(file).decode("utf-8")), delimiter="\t")
    pairs = [(row["query"], row["query_class"]) for row in queries if row["query_class"] in names]
    usage = {name: float(len(names) - at) for at, name in enumerate(names)}
    return Task("WANDS queries", flat(names), sorted(set(pairs)), usage, words=True)


def off(data: Path) -> Task:
    folder = data / "openfoodfacts_taxonomies"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "categories.txt"
        file.write_bytes(read(folder / "categories.txt"))
        parsed = openfoodfacts.read([file])
    english = [concept for concept in parsed.concepts if "en" in concept.pref_label]
    pairs = {
        (label, concept.id)
        for concept in english
        for label in concept.alt_label.get("en", ())
        if normal_form(label) != normal_form(concept.pref_label["en"])
    }
    bare = [Concept(one.id, one.scheme, one.kind, {"en": one.pref_label["en"]}) for one in english]
    taxonomy = Taxonomy.of(TaxonomyData.of(0, tuple(sorted(bare, key=lambda one: one.id)), ()))
    return Task("Open Food Facts synonyms", taxonomy, sorted(pairs), {})


def flat(names: dict[str, tuple[str, ...]]) -> Taxonomy:
    concepts = [Concept(name, "flat", "category", {"en": name}, {"en": names[name]}) for name in sorted(names)]
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), ()))


def jaccard(labels: Pairs, asked: Pairs, *, words: bool) -> dict[str, float]:
    """acc@1 and recall@10 of concepts, each by its best label; ties by concept."""
    vocabulary: dict[str, int] = {}
    ordered = sorted(labels, key=lambda pair: (pair[1], pair[0]))
    index = _matrix([text for text, _ in ordered], vocabulary, words)
    queries = _matrix([text for text, _ in asked], vocabulary, words)
    index = sparse.csr_matrix((index.data, index.indices, index.indptr), shape=(len(ordered), len(vocabulary)))
    sizes, first, ten = np.asarray(index.sum(axis=1)).ravel(), 0, 0
    for start in range(0, len(asked), 200):
        part = queries[start : start + 200]
        shared = np.asarray((part @ index.T).todense())
        scores = shared / np.maximum(np.asarray(part.sum(axis=1)) + sizes[None, :] - shared, 1)
        for row, (_, gold) in zip(np.argsort(-scores, axis=1, kind="stable")[:, :200], asked[start:], strict=False):
            ranked = list(dict.fromkeys(ordered[i][1] for i in row))[:10]
            first, ten = first + (ranked[0] == gold), ten + (gold in ranked)
    return {"acc@1": first / len(asked), "recall@10": ten / len(asked)}


def _matrix(texts: Iterable[str], vocabulary: dict[str, int], words: bool) -> sparse.csr_matrix:
    starts, columns = [0], []
    for text in texts:
        padded = f"  {text.casefold()} "
        found = set(parts_of(normal_form(text))) if words else {padded[i : i + 3] for i in range(len(padded) - 2)}
        columns += [vocabulary.setdefault(part, len(vocabulary)) for part in sorted(found)]
        starts.append(len(columns))
    return sparse.csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(starts) - 1, len(vocabulary)))


def asked_of(linker: TaxonomyLinker, asked: Pairs) -> dict[str, float]:
    examples = [LinkExample(Query(text), concept) for text, concept in asked]
    seconds, metrics = timed(lambda: evaluate_linking(linker, examples))
    return {"acc@1": metrics["acc@1"], "recall@10": metrics["recall@10"], "ece": metrics["ece"], "s": seconds}


def known_labels(taxonomy: Taxonomy) -> Pairs:
    return [(label, concept.id) for concept in taxonomy.concepts for label, _, _ in concept.labels()]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=("stackoverflow", "wands", "openfoodfacts"), required=True)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    task = {"stackoverflow": stackoverflow, "wands": wands, "openfoodfacts": off}[options.set](options.data)
    with tempfile.TemporaryDirectory() as scratch:
        measure(task, options, options.keep or Path(scratch) / "linker")


def measure(task: Task, options: argparse.Namespace, folder: Path) -> None:
    host = machine()
    low, high = (0, 50) if options.split == "test" else (50, 65)
    asked = [pair for pair in task.pairs if low <= bucket(pair[0]) < high]
    learned = [pair for pair in task.pairs if bucket(pair[0]) >= high]
    labels = known_labels(task.taxonomy)
    unit = "words" if task.words else "trigrams"
    found: dict[str, dict[str, float]] = {
        f"Jaccard of {unit}, labels": jaccard(labels, asked, words=task.words),
        f"Jaccard of {unit}, labels and synonyms": jaccard(labels + learned, asked, words=task.words),
        "untrained": asked_of(TaxonomyLinker(task.taxonomy), asked),
    }
    seconds = 0.0
    if not folder.exists():
        material = Material(mentions=learned, usage=task.usage)
        seconds, metrics = timed(
            lambda: train_linker(task.taxonomy, material, out=folder, encoder=options.encoder, tune=options.tune)
        )
        print(f"trained in {seconds:.0f} s; on concepts kept apart: {metrics['all']}", flush=True)
    found["trained"] = asked_of(TaxonomyLinker(task.taxonomy, model_dir=folder), asked)
    data = f"{task.name}: {len(asked)} of {options.split}, {len(learned)} learned from, {len(task.taxonomy)} concepts"
    columns = ["acc@1", "recall@10", "ece", "s"]
    table(data, ["", *columns], [[name, *(row.get(column, "") for column in columns)] for name, row in found.items()])
    report("link_synonyms", data, host, save=options.save, found=found, tuned=options.tune, training_s=round(seconds))


if __name__ == "__main__":
    main()
