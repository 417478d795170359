"""Near-duplicate concepts of one scheme, beside the similarity of labels: Stack Overflow's approved tag synonyms.

    python benchmarks/duplicates.py --data DIR [--encoder DIR]

DIR/stackoverflow_tags: 28,801 tags; the approved synonyms of which both names are tags are the pairs to find among all
pairs of tags. Half of them (bucket(name) < 50) are merged beforehand, as editors would have, and taught by; the other
half is looked for, then the other way round. `--encoder`: a directory with the sentence encoder of `kgtag train
embeddings`. Precision counts approved synonyms alone, and people have approved few: what was found beyond them is shown
on stderr, to be read.
"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
from common import arguments, bucket, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.labels import normal_form
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.tag.models import open_encoder
from kgtag.train.duplicates import Duplicates

RECALLS = (0.1, 0.2, 0.3, 0.4, 0.5)


def rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def taxonomy(names: list[str], merged: dict[str, str]) -> Taxonomy:
    concepts = [
        Concept(
            name, "so", "category", {"en": name.replace("-", " ")}, status="deprecated" if name in merged else "active"
        )
        for name in names
    ]
    edges = [Relation("replaced_by", source, target) for source, target in merged.items()]
    concepts.sort(key=lambda one: one.id)
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges))))


def precisions(found: list[frozenset[str]], gold: set[frozenset[str]]) -> list[float | None]:
    """Precision at each recall; None where it is not reached."""
    right = np.cumsum([pair in gold for pair in found])
    places = [int(np.searchsorted(right, np.ceil(recall * len(gold)))) for recall in RECALLS]
    return [round(float(right[at] / (at + 1)), 3) if at < len(found) else None for at in places]


def by_letters(names: list[str], limit: int) -> list[frozenset[str]]:
    """Pairs by the cosine of their labels' character n-grams."""
    texts = [normal_form(name.replace("-", " ")) for name in names]
    hits = GramIndex(texts).search(texts, [None] * len(texts), 11)
    scored = {
        (min(a, int(b)), max(a, int(b))): float(score)
        for a, (others, scores) in enumerate(hits)
        for b, score in zip(others, scores, strict=True)
        if a != int(b)
    }
    best = sorted(scored, key=lambda pair: (-scored[pair], pair))[:limit]
    return [frozenset((names[a], names[b])) for a, b in best]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path)
    given = parser.parse_args()
    host = machine()
    folder = given.data / "stackoverflow_tags"
    names = [row["TagName"] for row in rows(folder / "Tags.csv.gz")]
    usage = {row["TagName"]: int(row["Count"]) for row in rows(folder / "Tags.csv.gz")}
    approved = {
        row["SourceTagName"]: row["TargetTagName"]
        for row in rows(folder / "TagSynonyms.csv.gz")
        if row["ApprovalDate"] and row["SourceTagName"] in usage and row["TargetTagName"] in usage
    }
    encoder = open_encoder(given.encoder) if given.encoder is not None else None
    measured: dict[str, list[list[float | None]]] = {}
    for half in (0, 1):
        merged = {source: target for source, target in approved.items() if (bucket(source) < 50) == bool(half)}
        gold = {frozenset(pair) for pair in approved.items() if pair[0] not in merged}
        active = [name for name in names if name not in merged]
        measured.setdefault("similarity of labels", []).append(precisions(by_letters(active, 20_000), gold))
        ways = [("kgtag dedupe, nothing merged before", {}, None), ("kgtag dedupe, by letters", merged, None)]
        if encoder is not None:
            ways.append(("kgtag dedupe, by letters and meaning", merged, encoder))
        for way, known, reader in ways:
            kept = active if not known else names
            found = Duplicates(taxonomy(kept, known), encoder=reader, usage=usage).find(kind="category", limit=5_000)
            pairs = [frozenset((one.concept, one.into)) for one in found]
            measured.setdefault(way, []).append(precisions(pairs, gold))
            print(way, measured[way][-1], file=sys.stderr, flush=True)
            for one, pair in zip(found[:250], pairs, strict=False):
                if way.endswith("meaning") and pair not in gold:
                    print(f"  not approved: {one.concept} -> {one.into}, {one.why}", file=sys.stderr)
    table(
        "Stack Overflow: precision at recall, of approved synonyms; means of two halves",
        ("way", *(f"{recall:.0%}" for recall in RECALLS)),
        [
            [way, *(None if None in cells else round(float(np.mean(cells)), 3) for cells in zip(*found, strict=True))]
            for way, found in measured.items()
        ],
        rivals=("similarity of labels",),
    )
    report("duplicates", "Stack Overflow tags", host, save=given.save, pairs=len(approved))


if __name__ == "__main__":
    main()
