"""Wrong tags put on the items of a catalogue: how many does the audit find in as many findings as there are wrong ones?

    python benchmarks/wrong_tags.py --data DIR [--share .03] [--seeds 3] [--save NAME]

DIR holds `fashion_styles/styles.csv.gz`, the table of the public set "Fashion Product Images (Small)" on Kaggle. Of its
titles' type, colour, gender, season and usage, three in a hundred get another value of the column, drawn as often as
they occur. The floor is the likelihood of a tag in a model of titles and other tags, compared with the best rival's.
"""

from __future__ import annotations

import csv
import gzip
import time
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table
from sklearn.metrics import roc_auc_score

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.train import wrong_tags

FIELDS = ("articleType", "baseColour", "gender", "season", "usage")


def catalogue(folder: Path) -> tuple[Taxonomy, list[TaggedItem]]:
    """The columns as attributes of a taxonomy, the types as its categories, and the rows as items."""
    with gzip.open(folder / "fashion_styles" / "styles.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["productDisplayName"]]
    concepts, relations = [], []
    for field in FIELDS:
        if field != FIELDS[0]:
            concepts.append(Concept(field, "fashion", "attribute", {"en": field}))
        for value in sorted({row[field] for row in rows} - {"", "NA"}):
            kind = "category" if field == FIELDS[0] else "value"
            concepts.append(Concept(f"{field}:{value}", "fashion", kind, {"en": value}))
            if kind == "value":
                relations.append(Relation("value_of", f"{field}:{value}", field))
    items = [
        TaggedItem(
            row["id"], row["productDisplayName"], "en", "given", "0",
            tuple(ItemTag(f"{f}:{row[f]}", 1.0, "given") for f in FIELDS if row[f] not in ("", "NA")),
        )
        for row in rows
    ]  # fmt: skip
    return Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(relations))), items


def spoilt(items: list[TaggedItem], share: float, seed: int) -> tuple[list[TaggedItem], dict[tuple[str, str], str]]:
    """The items with wrong tags, and the right ones by item and wrong tag."""
    rng = np.random.default_rng(seed)
    cells = [(number, tag.concept) for number, item in enumerate(items) for tag in item.tags]
    columns: dict[str, list[str]] = {field: [] for field in FIELDS}
    for _, concept in cells:
        columns[concept.partition(":")[0]].append(concept)
    right, changed = {}, dict[int, dict[str, str]]()
    for at in rng.choice(len(cells), int(share * len(cells)), replace=False):
        number, concept = cells[at]
        column = columns[concept.partition(":")[0]]
        while (wrong := column[rng.integers(len(column))]) == concept:
            pass
        changed.setdefault(number, {})[concept] = wrong
        right[items[number].id, wrong] = concept
    made = []
    for number, item in enumerate(items):
        tags = tuple(ItemTag(changed.get(number, {}).get(t.concept, t.concept), 1.0, "given") for t in item.tags)
        made.append(TaggedItem(item.id, item.title, "en", "given", "0", tags))
    return made, right


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    host = machine()
    taxonomy, items = catalogue(options.data)
    figures: dict[str, list[list[float]]] = {"titles": [], "titles and other tags": [], "kgtag": []}
    named, seconds = [], []
    for seed in range(options.seeds):
        made, right = spoilt(items, options.share, seed)
        started = time.perf_counter()
        found = wrong_tags.wrong_tags(taxonomy, made, budget=options.share)
        seconds.append(time.perf_counter() - started)
        hits = [one for one in found if (one.item, one.concept) in right]
        named += [
            (right[one.item, one.concept] == one.better[0][0], right[one.item, one.concept] in dict(one.better))
            for one in hits
        ]
        for name, scores, rows in ranked(taxonomy, made):
            wrong = np.array([row in right for row in rows])
            best = np.argsort(-scores, kind="stable")[: int(options.share * len(rows))]
            figures[name].append([wrong[best].sum() / wrong.sum(), roc_auc_score(wrong, scores)])
        figures["kgtag"][-1][0] = len(hits) / len(right)
    first, three = (float(v) for v in np.mean(named, axis=0))
    rows = [[name, *(round(float(v), 3) for v in np.mean(found, axis=0)), "", ""] for name, found in figures.items()]
    rows[-1][-2:] = round(first, 3), round(three, 3)
    what = f"fashion titles: {len(items)} items, {options.share:.0%} of their tags wrong, mean of {options.seeds} draws"
    table(what, ["", "found", "AUC", "right tag first", "in three"], rows, rivals=("titles", "titles and other tags"))
    better = {"first": first, "three": three}
    report("wrong_tags", what, host, save=options.save, figures=figures, better=better, seconds=float(np.mean(seconds)))


def ranked(taxonomy: Taxonomy, items: list[TaggedItem]) -> list[tuple[str, np.ndarray, list[tuple[str, str]]]]:
    """Floors and the audit: scores of all tags, higher for worse, and which tags (item, concept) they are of."""
    found = wrong_tags.Catalogue.of(taxonomy, items)
    rows = [
        (found.ids[item], field.values[value])
        for field in found.fields
        for item, value in zip(field.item.tolist(), field.value.tolist(), strict=True)
    ]
    pairs = wrong_tags.cross_fitted(found, found.fields, np.random.default_rng(0))
    scores = []
    for which in (0, -1):
        margins = []
        for field, both in zip(found.fields, pairs, strict=True):
            chances = both[which].copy()
            at = np.arange(len(chances))
            own = chances[at, field.value]
            chances[at, field.value] = 0
            margins.append(np.log(chances.max(axis=1) + 1e-6) - np.log(own + 1e-6))
        scores.append(np.concatenate(margins))
    audit = np.concatenate(wrong_tags.suspicions(found, seed=0)[0])
    return [("titles", scores[0], rows), ("titles and other tags", scores[1], rows), ("kgtag", audit, rows)]


if __name__ == "__main__":
    main()
