"""Linking among more and more labels against rapidfuzz over all of them, and what is lost by reading the nearest only.

    python benchmarks/linking.py --data DIR [--model LINKER_DIR] [--labels 10000 100000 1000000] [--real 200000]

DIR holds `amazon_titles_24k`, whose words make up labels of one to three words, and label files of other sets.
1,000 mentions nobody asked before, a quarter of them equal to a label and the rest misspelt, are linked by the trained
linker, or without --model by an untrained one. Labels by the thousand get the mean of their words' encoded vectors, for
encoding a million takes an hour on two cores; mentions are encoded. Rival: rapidfuzz's ratio over all labels, in the
same run, on fewer mentions.

With --model and --real, so many real labels (Stack Overflow, WordNet, YSO, Shopify, Freebase) are encoded and each
search by cells is compared with the exact one. Prints tables and one JSON line.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, machine, report, table
from link_synonyms import flat
from rapidfuzz import fuzz, process

from kgtag.link import TaxonomyLinker, linker
from kgtag.link.candidates.ngrams import top
from kgtag.link.candidates.vectors import IvfIndex
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.models import read_linker
from kgtag.types import Query

MENTIONS, RUNS, QUERIES = 1000, 3, 512


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--labels", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--real", type=int, default=0)
    given = parser.parse_args()
    host = machine()
    linker.SentenceEncoder = Composed  # type: ignore[attr-defined]
    words, rng = words_of(given.data), random.Random(0)
    rows = [speed(made_up(words, count, rng), given.model, rng) for count in given.labels]
    if rows:
        table("1,000 mentions", list(rows[0]), [list(row.values()) for row in rows])
    found = recall(given.data, given.model, given.real, rng) if given.real and given.model else None
    if found:
        table("nearest by cells, of the exactly nearest", list(found), [list(found.values())])
    report("linking", "made-up labels of Amazon's words", host, save=given.save, speed=rows, cells=found)


def speed(names: Sequence[str], model: Path | None, rng: random.Random) -> dict[str, Any]:
    """Seconds for mentions that were not asked before, best of three."""
    taxonomy = flat(dict.fromkeys(names, ()))
    start = time.perf_counter()
    ours = TaxonomyLinker(taxonomy, model_dir=model)
    build = time.perf_counter() - start
    ours.link([Query("warm up")])
    times, right = [], 0
    for _ in range(RUNS):
        asked = rng.sample(list(names), MENTIONS)
        mentions = [name if rng.random() < 0.25 else misspelt(name, rng) for name in asked]
        start = time.perf_counter()
        found = ours.link([Query(mention) for mention in mentions])
        times.append(time.perf_counter() - start)
        answers = [one.candidates[0].concept if one.candidates else None for one in found]
        right += sum(answer == name for answer, name in zip(answers, asked, strict=True))
    few = mentions[: max(10, min(100, 5_000_000 // len(names)))]
    start = time.perf_counter()
    for mention in few:
        process.extract(mention, names, scorer=fuzz.ratio, limit=10)
    rival = MENTIONS / len(few) * (time.perf_counter() - start)
    return {
        "labels": len(names),
        "linker": "trained" if model is not None else "untrained",
        "build s": round(build, 1),
        "link s": round(min(times), 3),
        "acc@1": round(right / RUNS / MENTIONS, 4),
        "rapidfuzz s": round(rival, 2),
        "ratio": round(rival / min(times), 1),
    }


def recall(data: Path, model: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """How many of the k nearest of all the nearest cells hold, for misspelt labels, and both searches' seconds."""
    files = read_linker(model)
    encoder = SentenceEncoder(files.onnx, files.tokenizer)
    names = sorted(set(real_labels(data)))
    names = rng.sample(names, min(count, len(names)))
    matrix = encoder.encode_uncached(names)
    queries = encoder.encode_uncached([misspelt(name, rng) for name in rng.sample(names, QUERIES)])
    start = time.perf_counter()
    cells = IvfIndex.of(matrix)
    build = time.perf_counter() - start
    start = time.perf_counter()
    ours = [top(texts, cosines, 80)[0].tolist() for texts, cosines in cells.search(queries)]
    quick = time.perf_counter() - start
    start = time.perf_counter()
    everyone = np.arange(len(matrix), dtype=np.int32)
    exact = [top(everyone, row, 80)[0].tolist() for row in queries @ matrix.T]
    slow = time.perf_counter() - start
    shares = {
        f"recall@{k}": round(
            float(np.mean([len({*one[:k]} & {*other[:k]}) / k for one, other in zip(ours, exact, strict=True)])), 4
        )
        for k in (1, 10, 80)
    }
    return {"labels": len(names), "build s": round(build, 1), "search s": quick, "exact s": slow, **shares}


class Composed(SentenceEncoder):
    """Labels by the thousand get the mean of their words' vectors."""

    def encode_uncached(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        if len(texts) <= 5_000:
            return super().encode_uncached(texts, progress)
        words = sorted({word for text in texts for word in text.split()})
        known = super().encode_uncached(words)
        at = {word: number for number, word in enumerate(words)}
        vectors = np.stack([known[[at[word] for word in text.split()]].mean(axis=0) for text in texts])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def made_up(words: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """Distinct names of one to three words."""
    names: set[str] = set()
    while len(names) < count:
        names.add(" ".join(rng.choices(words, k=rng.choice((1, 2, 2, 3, 3)))))
    return rng.sample(sorted(names), count)


def words_of(data: Path, size: int = 20_000) -> list[str]:
    """The commonest words of the titles."""
    with _open(data / "amazon_titles_24k" / "products.tsv.gz") as file:
        counts = Counter(word for line in file for word in re.findall("[a-z]{3,}", line.rpartition("\t")[2].lower()))
    return [word for word, _ in counts.most_common(size)]


def real_labels(data: Path) -> Iterator[str]:
    """In lower case, of less than sixty characters; not all distinct."""
    for label in _labels(data):
        if 0 < len(label) < 60:
            yield label.lower()


def _labels(data: Path) -> Iterator[str]:
    with _open(data / "stackoverflow_tags" / "Tags.csv.gz") as file:
        yield from (row["TagName"] for row in csv.DictReader(file))
    with _open(data / "wn18rr" / "entity_names.tsv.gz") as file:
        yield from (line.rstrip("\n").rpartition("\t")[2].split(".")[0].replace("_", " ") for line in file)
    with _open(data / "annif_yso_en_labels" / "yso-ysoplaces-cicero-en.tsv.gz") as file:
        yield from (line.rstrip("\n").rpartition("\t")[2] for line in file)
    for lang in ("en", "de"):
        with _open(data / "shopify_categories" / f"{lang}.json.gz") as file:
            yield from (one["name"] for vertical in json.load(file)["verticals"] for one in vertical["categories"])
    with _open(data / "fb15k237" / "entity2wikidata.json.gz") as file:
        for one in json.load(file).values():
            yield one.get("label") or ""
            yield from one.get("alternatives") or ()


def misspelt(name: str, rng: random.Random) -> str:
    """A character is left out."""
    at = rng.randrange(1, len(name))
    return name[:at] + name[at + 1 :]


def _open(path: Path) -> Any:
    return gzip.open(path, "rt", encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
