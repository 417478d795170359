"""Shopify's categories mapped to Google's, against trigram overlap in the same run.

    python benchmarks/mapping.py --data DIR

DIR holds shopify_categories/ (MIT, github.com/fabiofcferreira/shopify-taxonomy) and google_taxonomy/
(github.com/paulvollmer/google-product-taxonomy-data). The silver alignment: a Shopify category and the Google category
of the same English name, ignoring case. What is mapped are the Chinese labels alone. The two translations agree on
nearly all of these names, so the harder rows leave out a seeded part of every Shopify label's characters. Weights were
chosen on the pairs whose Shopify id hashes even; the figures are of the odd ones.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from common import arguments, machine, report, table, timed

from graph.columns.assemble import TaxonomyData
from graph.labels import normal_form
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.align.match import MapSettings, map_schemes

Tree = dict[str, tuple[str, str | None]]
"""id → (label, id of the broader category)."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("odd", "even"), default="odd", help="the pairs to count")
    options = parser.parse_args()
    host = machine()
    gold = {s: t for s, t in silver(options.data).items() if (_digest(s) % 2 == 1) == (options.split == "odd")}
    shopify_tree, google_tree = shopify(options.data, "zh-CN"), google(options.data, "zh-CN")
    gold = {s: t for s, t in gold.items() if s in shopify_tree and t in google_tree}
    rows, found = [], {}
    for hidden in (0.0, 0.3, 0.5, 0.7):
        tree = {id: (_thinned(label, hidden, id), up) for id, (label, up) in shopify_tree.items()}
        taxonomy = _taxonomy({"shopify": tree, "google": google_tree})
        seconds, mapped = timed(lambda of=taxonomy: map_schemes(of, "shopify", "google"))
        ours = {m.source.removeprefix("shopify:"): m.target.removeprefix("google:") for m in mapped}
        labels = MapSettings(path_weight=0.0, broader_weight=0.0, narrower_weight=0.0)
        alone = map_schemes(taxonomy, "shopify", "google", settings=labels)
        by_label = {m.source.removeprefix("shopify:"): m.target.removeprefix("google:") for m in alone}
        rival_seconds, rival = timed(lambda of=tree: trigrams(of, google_tree, gold))
        shares = [_right(answers, gold) for answers in (ours, by_label, rival)]
        rows.append((f"{hidden:.0%}", len(gold), *shares, seconds, rival_seconds))
        found[f"hidden {hidden:.0%}"] = dict(zip(("ours", "labels alone", "trigrams"), shares, strict=True))
    columns = ("characters hidden", "pairs", "acc@1 ours", "labels alone", "3-gram Jaccard", "seconds", "rival's")
    table("Shopify zh-CN → Google zh-CN categories", columns, rows)
    report("mapping", f"Shopify 2024-07, Google 2015, silver pairs {options.split}", host, save=options.save, **found)


def silver(data: Path) -> dict[str, str]:
    """Shopify id → Google id, by equal English names that one Google category alone has."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for id, (label, _) in google(data, "en-US").items():
        by_name[label.lower()].append(id)
    pairs = ((id, by_name.get(label.lower(), [])) for id, (label, _) in shopify(data, "en").items())
    return {id: found[0] for id, found in pairs if len(found) == 1}


def shopify(data: Path, lang: str) -> Tree:
    with gzip.open(data / "shopify_categories" / f"{lang}.json.gz") as file:
        verticals = json.load(file)["verticals"]
    return {c["id"]: (c["name"], c["parent_id"]) for vertical in verticals for c in vertical["categories"]}


def google(data: Path, locale: str) -> Tree:
    paths: dict[str, str] = {}
    with gzip.open(data / "google_taxonomy" / f"taxonomy-with-ids.{locale}.txt.gz", "rt", encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                id, _, path = line.strip().partition(" - ")
                paths[path] = id
    return {id: (path.rpartition(" > ")[2], paths.get(path.rpartition(" > ")[0])) for path, id in paths.items()}


def trigrams(left: Tree, right: Tree, asked: Mapping[str, str]) -> dict[str, str]:
    """The label with the highest Jaccard similarity of padded character trigrams; ties by id."""
    holders: dict[str, list[str]] = defaultdict(list)
    sizes = {}
    for id in sorted(right):
        parts = _trigrams(right[id][0])
        sizes[id] = len(parts)
        for part in parts:
            holders[part].append(id)
    best = {}
    for id in asked:
        mine = _trigrams(left[id][0])
        common: dict[str, int] = defaultdict(int)
        for part in mine:
            for other in holders.get(part, ()):
                common[other] += 1
        if common:
            best[id] = min(common, key=lambda o: (-common[o] / (len(mine) + sizes[o] - common[o]), o))
    return best


def _trigrams(label: str) -> set[str]:
    padded = f"  {normal_form(label)}  "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _taxonomy(trees: Mapping[str, Tree]) -> Taxonomy:
    concepts = [
        Concept(f"{scheme}:{id}", scheme, "category", {"zh-CN": label})
        for scheme, tree in trees.items()
        for id, (label, _) in tree.items()
    ]
    relations = [
        Relation("broader", f"{scheme}:{id}", f"{scheme}:{up}", primary=True)
        for scheme, tree in trees.items()
        for id, (_, up) in tree.items()
        if up is not None
    ]
    return Taxonomy.of(TaxonomyData.of(0, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(relations))))


def _thinned(label: str, hidden: float, seed: str) -> str:
    """The label with each character left out with probability `hidden`; at least one stays."""
    chance = random.Random(f"{seed} {hidden}")
    kept = "".join(character for character in label if chance.random() >= hidden)
    return kept if normal_form(kept) else label[:1]


def _right(answers: Mapping[str, str], gold: Mapping[str, str]) -> float:
    return sum(answers.get(id) == target for id, target in gold.items()) / len(gold)


def _digest(id: str) -> int:
    return hashlib.sha256(id.encode()).digest()[0]


if __name__ == "__main__":
    main()
