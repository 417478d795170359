"""Low scores of `kgtag quality`: do they find bad tags that are known?

    python benchmarks/quality.py --data DIR [--runs 5] [--save NAME]

DIR/stackoverflow_tags: 28,801 tags with their counts, of which 407 were made synonyms of another tag. Their counts and
the approvals are from one dump of 2021: what is shown is whether low scores go with the tags that people merged, not
that they came first. There are no items, so that support and labels alone tell. The similarity of labels was chosen by
the half of the tags with bucket(name) < 50; the other half is shown.

DIR/fashion_styles: titles with category, gender, colour, season and usage, at times in the order of their ids. Of its
tags on 40 items or more, some are spoilt: a twin (half of the items get another tag named after it, "Navy" becomes
"Navys"), noise (as many items as the tag has get it at random, in the place of their own), a swap (a third of the
items have the tag of a sibling) and drift (from the middle on, another sibling's items get it). AUC of each kind
against the tags that are not spoilt; the rival is rarity alone.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
from common import arguments, bucket, machine, report, table
from fashion import category_of, read_rows, taxonomy_of, value_of
from sklearn.metrics import roc_auc_score

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.evaluation.analytics.lookalikes import look_alikes
from kgtag.evaluation.analytics.quality import tag_quality

ATTRIBUTES = ("gender", "baseColour", "season", "usage")
KINDS = ("twin", "noise", "swap", "drift")
LEAST = 40
RIVALS = ("rarity",)
Tags = dict[str, str]
"""By attribute."""


def stack_overflow(data: Path) -> list[list[object]]:
    def rows(name: str) -> list[dict[str, str]]:
        with gzip.open(data / "stackoverflow_tags" / name, "rt", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    count = {row["TagName"]: int(row["Count"]) for row in rows("Tags.csv.gz")}
    merged = {row["SourceTagName"] for row in rows("TagSynonyms.csv.gz") if row["ApprovalDate"]} & count.keys()
    concepts = [Concept(name, "so", "category", {"en": name.replace("-", " ")}) for name in sorted(count)]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(concepts), ()))
    support = np.array([count[one.id] for one in concepts])
    alike = look_alikes(taxonomy, concepts, support)
    distinct = np.array([1 - min(one.score, 0.99) if one is not None else 1.0 for one in alike])
    gold = np.array([one.id in merged for one in concepts])
    kept = np.array([bucket(one.id) >= 50 for one in concepts])
    ways = {
        "rarity": -support,
        "look-alikes alone": 1 - distinct,
        "kgtag quality": -(support / (support + 1)) * distinct,
    }
    made: list[list[object]] = []
    for name, bad in ways.items():
        order = np.argsort(-bad[kept], kind="stable")
        first = [float(gold[kept][order[:n]].mean()) for n in (100, 500)]
        made.append([name, float(roc_auc_score(gold[kept], bad[kept])), *first])
    made.append(["all tags", 0.5, float(gold[kept].mean()), float(gold[kept].mean())])
    return made


def spoilt(rows: list[dict[str, str]], rng: np.random.Generator) -> tuple[list[Tags], dict[str, str], dict[str, str]]:
    """The tags of each row, the kind of spoiling by concept, and labels of new concepts by id."""
    tags = [{name: f"{name}={value}" for name in ATTRIBUTES if (value := value_of(row, name))} for row in rows]
    where: dict[str, list[int]] = defaultdict(list)
    for at, own in enumerate(tags):
        for id in own.values():
            where[id].append(at)
    often = sorted(id for id in where if len(where[id]) >= LEAST)
    chosen = rng.permutation([id for id in often if not id.startswith("gender")])[: 4 * 4]
    kind, labels = {}, dict[str, str]()
    for number, id in enumerate(chosen.tolist()):
        name, what = id.partition("=")[0], KINDS[number % 4]
        own = np.array(where[id])
        others = np.array([at for at, one in enumerate(tags) if name in one and one[name] != id])
        if what == "twin":
            twin = f"{id}+"
            labels[twin] = f"{id.partition('=')[2]}s"
            own, id = rng.permutation(own)[: len(own) // 2], twin
        elif what == "noise":
            own = rng.permutation(others)[: len(own)]
        else:
            siblings = [one for one in often if one.startswith(f"{name}=") and one not in chosen]
            sibling = str(rng.choice(siblings)) if siblings else ""
            theirs = np.array([at for at in where.get(sibling, []) if tags[at].get(name) == sibling], dtype=int)
            late = theirs[theirs >= len(rows) // 2] if what == "drift" else rng.permutation(theirs)
            own = late if what == "drift" else late[: len(own) // 2]
        for at in own.tolist():
            tags[at][name] = id
        kind[id] = what
    return tags, kind, labels


def catalogue(
    rows: list[dict[str, str]], tags: list[Tags], labels: dict[str, str]
) -> tuple[Taxonomy, list[TaggedItem]]:
    data = taxonomy_of(rows)
    new = [Concept(id, "fashion", "value", {"en": label}) for id, label in labels.items()]
    edges = [Relation("value_of", id, id.partition("=")[0]) for id in labels]
    concepts = sorted((*data.columns.concepts(), *new), key=lambda one: one.id)
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(sorted((*data.columns.relations(), *edges)))))
    items = [
        TaggedItem(
            row["id"], row["productDisplayName"], "en", "given", "0",
            tuple(ItemTag(id, 1.0, "given") for id in (category_of(row), *own.values())),
            f"{2000 + at // 365:04}-01-01T00:00:00Z",
        )
        for at, (row, own) in enumerate(zip(rows, tags, strict=True))
    ]  # fmt: skip
    return taxonomy, items


def planted(data: Path, runs: int) -> list[list[object]]:
    rows = read_rows(data)
    scores: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ("rarity", "kgtag quality")}
    for seed in range(runs):
        tags, kind, labels = spoilt(rows, np.random.default_rng(seed))
        taxonomy, items = catalogue(rows, tags, labels)
        found = [row for row in tag_quality(taxonomy, items, kind="value")["tags"] if row["support"] >= LEAST // 2]
        ways = {"rarity": [-row["support"] for row in found], "kgtag quality": [-row["score"] for row in found]}
        for name, bad in ways.items():
            for what in (*KINDS, "any"):
                pairs = [
                    (row["concept"] in kind, score)
                    for row, score in zip(found, bad, strict=True)
                    if row["concept"] not in kind or what in (kind[row["concept"]], "any")
                ]
                gold, values = zip(*pairs, strict=True)
                if any(gold):
                    scores[name][what].append(float(roc_auc_score(gold, values)))
    return [[name, *(float(np.mean(of[what])) for what in (*KINDS, "any"))] for name, of in scores.items()]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    host = machine()
    found = stack_overflow(options.data)
    columns = ["the worst first by", "AUC", "merged among the first 100", "first 500"]
    table("Stack Overflow: tags that were merged", columns, found, rivals=RIVALS)
    title = f"fashion: spoilt tags, AUC by kind, mean of {options.runs} draws"
    table(title, ["the worst first by", *KINDS, "any"], planted(options.data, options.runs), rivals=RIVALS)
    report("quality", "Stack Overflow's tags; fashion titles with spoilt tags", host, save=options.save)


if __name__ == "__main__":
    main()
