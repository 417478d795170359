"""Linking against plain string search, on the same machine in the same run.

    python benchmarks/linking.py --data DIR [--model LINKER_DIR] [--labels 10000 100000] [--json FILE]

DIR holds `Tags.csv.gz` and `TagSynonyms.csv.gz` of the Stack Exchange dump: approved synonyms whose target is a known
tag are linked to all tags. Rivals: Jaccard of character trigrams, and rapidfuzz's ratio over all labels. Then 1,000
mentions, misspelt or not, are timed against made-up taxonomies of as many labels as `--labels` says.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process
from scipy import sparse

from graph.model import Concept, TaxonomyData
from graph.taxonomy import Taxonomy
from kgtag.evaluate.linking import evaluate_linking
from kgtag.link import LinkExample, TaxonomyLinker
from kgtag.types import Query

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "or")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--labels", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {"synonyms": synonyms(options.data, options.model), "speed": [speed(n) for n in options.labels]}
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def synonyms(data: Path, model: Path | None) -> dict[str, Any]:
    tags = sorted({row["TagName"] for row in _rows(data / "Tags.csv.gz")})
    known = set(tags)
    gold = {
        row["SourceTagName"]: row["TargetTagName"]
        for row in _rows(data / "TagSynonyms.csv.gz")
        if row["ApprovalDate"] and row["TargetTagName"] in known and row["SourceTagName"] not in known
    }
    examples = [LinkExample(Query(source), target) for source, target in sorted(gold.items())]
    taxonomy = flat(tags)
    found: dict[str, Any] = {"synonyms": len(examples), "tags": len(tags)}
    found["trigram Jaccard"] = jaccard(tags, examples)
    found["rapidfuzz ratio"] = ratio(tags, examples)
    found["untrained"] = linked(TaxonomyLinker(taxonomy), examples)
    if model is not None:
        found["trained"] = linked(TaxonomyLinker(taxonomy, model_dir=model), examples)
    return found


def linked(linker: TaxonomyLinker, examples: Sequence[LinkExample]) -> dict[str, float]:
    start = time.perf_counter()
    metrics = evaluate_linking(linker, examples)
    return {
        **{name: metrics[name] for name in ("acc@1", "recall@10")},
        "seconds": round(time.perf_counter() - start, 2),
    }


def jaccard(tags: Sequence[str], examples: Sequence[LinkExample]) -> dict[str, float]:
    start = time.perf_counter()
    vocabulary: dict[str, int] = {}
    index = _trigrams(tags, vocabulary)
    queries = _trigrams([example.query.text for example in examples], vocabulary)
    index = sparse.csr_matrix((index.data, index.indices, index.indptr), shape=(len(tags), len(vocabulary)))
    shared = np.asarray((queries @ index.T).todense())
    sizes = np.asarray(index.sum(axis=1)).ravel()
    scores = shared / np.maximum(np.asarray(queries.sum(axis=1)) + sizes[None, :] - shared, 1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return _counted([[tags[i] for i in row] for row in order], examples, start)


def ratio(tags: Sequence[str], examples: Sequence[LinkExample]) -> dict[str, float]:
    start = time.perf_counter()
    ranked = [
        [tag for tag, _, _ in process.extract(example.query.text, tags, scorer=fuzz.ratio, limit=10)]
        for example in examples
    ]
    return _counted(ranked, examples, start)


def speed(labels: int) -> dict[str, float]:
    """Seconds for 1,000 mentions (a quarter exact, the rest misspelt), best of three, every cache empty."""
    rng = random.Random(labels)
    names = sorted({" ".join(_word(rng) for _ in range(rng.choice((1, 2, 2, 3)))) for _ in range(int(labels * 1.05))})
    names = rng.sample(names, min(labels, len(names)))
    mentions = [name if rng.random() < 0.25 else _misspelt(name, rng) for name in rng.sample(names, 1000)]
    taxonomy = flat(names)
    start = time.perf_counter()
    TaxonomyLinker(taxonomy)
    build = time.perf_counter() - start
    times = []
    for _ in range(3):
        linker = TaxonomyLinker(taxonomy)
        linker.link([Query("warm up")])
        start = time.perf_counter()
        linker.link([Query(mention) for mention in mentions])
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    for mention in mentions[:100]:
        process.extract(mention, names, scorer=fuzz.ratio, limit=10)
    rival = 10 * (time.perf_counter() - start)
    return {
        "labels": len(names),
        "build_s": round(build, 2),
        "link_1000_s": round(min(times), 3),
        "rapidfuzz_over_all_1000_s": round(rival, 2),
    }


def flat(names: Sequence[str]) -> Taxonomy:
    return Taxonomy.of(
        TaxonomyData.of(0, tuple(Concept(name, "flat", "category", {"en": name}) for name in sorted(names)), ())
    )


def _counted(ranked: Sequence[Sequence[str]], examples: Sequence[LinkExample], start: float) -> dict[str, float]:
    seconds = round(time.perf_counter() - start, 2)
    first = sum(row[0] == example.concept for row, example in zip(ranked, examples, strict=True))
    ten = sum(example.concept in row for row, example in zip(ranked, examples, strict=True))
    return {"acc@1": round(first / len(examples), 4), "recall@10": round(ten / len(examples), 4), "seconds": seconds}


def _trigrams(texts: Sequence[str], vocabulary: dict[str, int]) -> sparse.csr_matrix:
    starts, columns = [0], []
    for text in texts:
        padded = f"  {text} "
        grams = {padded[i : i + 3] for i in range(len(padded) - 2)}
        columns += [vocabulary.setdefault(gram, len(vocabulary)) for gram in sorted(grams)]
        starts.append(len(columns))
    return sparse.csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(texts), len(vocabulary)))


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3))))


def _misspelt(name: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(name))
    return name[:i] + name[i + 1 :]


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
