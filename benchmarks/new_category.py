"""A new category: which attributes apply to it, and which values will stand on it?

    python benchmarks/new_category.py --data DIR [--save new-category]

One category at a time is hidden with all its `applies_to` and items, its label is placed among the others, and
attributes and values are ranked. Average precision over categories, ties counted as their mean, with 95% bootstrap
intervals. Attributes: AE-110K (`ae110k_sample/train.jsonl.gz`: what the titles of a category have) and kgtag's sample
shop (what its taxonomy says). Values: the fashion titles (`fashion_styles/styles.csv.gz`: gender, colour, season and
usage on at least 5% of a category's items, of categories with 20).

Floors: the share of all other categories that have it; a copy of the category whose label is likest, by the same
encoder; of attributes and values on items, its shares. `kgtag place` is asked with an encoder and without.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table
from numpy.typing import NDArray

from graph.columns.assemble import TaxonomyData
from graph.formats import jsonl
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.data import sample
from kgtag.discover.place import LikelyTags, NewConcept, Placer
from kgtag.link.encoder import SentenceEncoder
from kgtag.recommend import CoOccurrence
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported

_SHARE, _ITEMS = 0.05, 20
Stands = Mapping[str, Mapping[str, float]]
"""By category, the share of its items that have an attribute or a value; 1 where the taxonomy says that it applies."""


class Catalogue:
    """Categories by label with their parents, and what stands on them."""

    def __init__(self, stands: Stands, above: Mapping[str, Sequence[str]], *, kind: str, least: float) -> None:
        self.stands, self.above, self.kind, self.least = stands, above, kind, least
        self.categories, self.tags = sorted(stands), sorted({tag for own in stands.values() for tag in own})

    def taxonomy(self, hidden: str) -> Taxonomy:
        """Without the hidden category, and without what only it has."""
        kept = [category for category in self.categories if category != hidden]
        names = sorted({*kept, *(name for category in kept for name in self.above.get(category, ()))})
        concepts = [Concept(name, "shop", "category", {"en": name}) for name in names]
        edges = {
            Relation("broader", a, b)
            for c in kept
            for a, b in zip((c, *self.above.get(c, ())), self.above.get(c, ()), strict=False)
        }
        if self.kind == "attribute":
            concepts += [Concept(f"@{tag}", "shop", "attribute", {"en": tag}) for tag in self.tags]
            edges |= {
                Relation("applies_to", f"@{tag}", c)
                for c in kept
                for tag, share in self.stands[c].items()
                if share > self.least
            }
        else:
            concepts += [Concept("@", "shop", "attribute", {"en": "Any"})]
            concepts += [Concept(f"@{tag}", "shop", "value", {"en": tag}) for tag in self.tags]
            edges |= {Relation("value_of", f"@{tag}", "@") for tag in self.tags}
        return Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(edges))))

    def ranked(
        self, hidden: str, items: Mapping[str, Sequence[Sequence[str]]], encoder: SentenceEncoder | None
    ) -> NDArray[np.float64]:
        """(tags,): the scores by `kgtag place` of a category that it has not seen."""
        taxonomy = self.taxonomy(hidden)
        placer = Placer(taxonomy, encoder=encoder, kind="category")
        sets = [
            [category, *(f"@{tag}" for tag in tags)]
            for category, all in items.items()
            if category != hidden
            for tags in all
        ]
        counted = CoOccurrence.of(taxonomy, sets)
        likely = LikelyTags(placer, counted=counted, least=0.0, most=len(self.tags))
        asked = [NewConcept(hidden, lang="en")]
        places = placer.place(asked)
        (found,) = (likely.attributes if self.kind == "attribute" else likely.values)(asked, places)
        scores = {one.concept[1:]: one.score for one in found}
        return np.array([scores.get(tag, 0.0) for tag in self.tags])


def ae110k(data: Path) -> tuple[Catalogue, dict[str, list[list[str]]]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    rows = Counter[str]()
    with gzip.open(data / "ae110k_sample" / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            rows[row["category"]] += 1
            found[row["category"]].update(a for a, values in row["target_scores"].items() if set(values) != {"n/a"})
    stands = {category: {tag: n / rows[category] for tag, n in own.items()} for category, own in found.items()}
    return Catalogue(stands, {}, kind="attribute", least=0.0), {}


def shop() -> tuple[Catalogue, dict[str, list[list[str]]]]:
    read = jsonl.read([sample.TAXONOMY])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, read.concepts, read.relations))
    inner = {edge.target for edge in taxonomy.relations if edge.type == "broader"}
    leaves = [one for one in taxonomy if one.kind == "category" and one.id not in inner]
    stands = {
        one.label("en"): {taxonomy[a].label("en"): 1.0 for a in taxonomy.attributes_for(one.id)} for one in leaves
    }
    above = {
        one.label("en"): [taxonomy[id].label("en") for id in reversed(taxonomy.path(one.id))][1:] for one in leaves
    }
    return Catalogue(stands, above, kind="attribute", least=0.0), {}


def fashion(data: Path) -> tuple[Catalogue, dict[str, list[list[str]]]]:
    items: dict[str, list[list[str]]] = defaultdict(list)
    above: dict[str, list[str]] = {}
    with gzip.open(data / "fashion_styles" / "styles.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            category = row["articleType"]
            above[category] = [f"{row['subCategory']} (line)", f"{row['masterCategory']} (top)"]
            items[category].append([f"{a}: {row[a]}" for a in ("gender", "baseColour", "season", "usage") if row[a]])
    kept = {category: rows for category, rows in items.items() if len(rows) >= _ITEMS}
    counts = {category: Counter(tag for row in rows for tag in row) for category, rows in kept.items()}
    stands = {category: {tag: n / len(kept[category]) for tag, n in own.items()} for category, own in counts.items()}
    return Catalogue(stands, above, kind="value", least=_SHARE), kept


def average_precision(scores: NDArray[np.float64], right: NDArray[np.bool_], draw: np.random.Generator) -> float:
    """The mean over random orders of ties."""
    found = []
    for _ in range(20):
        order = np.lexsort((draw.random(len(scores)), -scores))
        hits = right[order]
        found.append(float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()))
    return float(np.mean(found))


def measure(
    of: Catalogue, items: Mapping[str, Sequence[Sequence[str]]], encoder: SentenceEncoder
) -> dict[str, list[float]]:
    """Average precision by method, one for each category."""
    shares = np.array([[of.stands[category].get(tag, 0.0) for tag in of.tags] for category in of.categories])
    right, draw = shares > of.least, np.random.default_rng(0)
    vectors = encoder.encode(of.categories)
    alike = vectors @ vectors.T
    found: dict[str, list[float]] = defaultdict(list)
    for number, category in enumerate(of.categories):
        if right[number].all() or not right[number].any():
            continue
        others = np.arange(len(of.categories)) != number
        nearest = int(np.argmax(np.where(others, alike[number], -2)))
        scores = {
            "share of all others": right[others].mean(axis=0),
            "copy of the likest": right[nearest].astype(float),
            "shares of the likest": shares[nearest],
            "kgtag, letters": of.ranked(category, items, None),
            "kgtag, an encoder": of.ranked(category, items, encoder),
        }
        for name, values in scores.items():
            found[name].append(average_precision(values, right[number], draw))
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    host, rows = machine(), []
    with exported(DEFAULT_ENCODER) as encoder:
        sets = {
            "AE-110K, attributes": ae110k(options.data),
            "sample shop, attributes": shop(),
            "fashion, values": fashion(options.data),
        }
        for name, (catalogue, items) in sets.items():
            draw = np.random.default_rng(0)
            for method, values in measure(catalogue, items, encoder).items():
                means = draw.choice(values, (2000, len(values))).mean(axis=1)
                low, high = np.percentile(means, (2.5, 97.5))
                rows.append([method, name, len(values), round(float(np.mean(values)), 3), f"{low:.3f} to {high:.3f}"])
    columns = ["ranked by", "set", "categories", "average precision", "95%"]
    rivals = [str(row[0]) for row in rows if not str(row[0]).startswith("kgtag")]
    table("Attributes and values of a category that was hidden", columns, rows, rivals=rivals)
    report("new_category", "Categories hidden one at a time", host, save=options.save, rows=rows)


if __name__ == "__main__":
    main()
