"""Descriptions of the sample shop's products, tagged again: do they state their tags, and nothing else?

    nice python benchmarks/describe.py [--save NAME]

Gold tags of the sample's dev and test products become texts in English and Chinese (`kgtag describe`), which the
taxonomy's labels are looked up in again. Recall is of the tags that a text was made from, "more" of tags that were not
given, broader ones aside. The floor has no grammar: the labels in a row, with commas. Nothing is trained.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from common import arguments, machine, report, table

from graph.model import ItemTag, TaggedItem
from graph.sources import Taxonomy
from graph.taxonomy import Taxonomy as Snapshot
from kgtag.data import sample
from kgtag.describe.check import checked
from kgtag.describe.describer import Describer
from kgtag.rows.tagging import DescriptionRow
from kgtag.tag.models import Models, assemble_tagger


def gold(taxonomy: Snapshot) -> list[TaggedItem]:
    """The products with the annotators' tags."""
    items = []
    for name in ("dev", "test"):
        for line in (Path(sample.TAXONOMY).parent / f"products.{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            ids = [row["category"], *(span["concept"] for span in row["spans"] if span.get("concept"))]
            tags = tuple(ItemTag(id, 1.0, "given") for id in dict.fromkeys(ids) if id in taxonomy)
            items.append(TaggedItem(row["id"], row["title"], row["lang"], "gold", "", tags))
    return items


def floor(taxonomy: Snapshot, row: DescriptionRow) -> DescriptionRow:
    """The labels of the same concepts in a row."""
    labels = [taxonomy[id].label(row["lang"]) for id in row["concepts"]]
    return {**row, "description": ("，" if row["lang"] == "zh" else ", ").join(labels)}


def main() -> None:
    options = arguments(__doc__).parse_args()
    host = machine()
    taxonomy = Taxonomy.load(sample.TAXONOMY)
    items, describer = gold(taxonomy), Describer(taxonomy)
    tagger = assemble_tagger(Models(labels=True), taxonomy)
    rows = []
    speed = {}
    for lang in ("en", "zh"):
        started = time.perf_counter()
        made = [describer.describe(item, lang=lang) for item in items]
        speed[f"{lang}_per_second"] = round(len(made) / (time.perf_counter() - started))
        for name, texts in (("kgtag describe", made), ("labels in a row", [floor(taxonomy, row) for row in made])):
            found = checked([row for row in texts if row["description"]], tagger, taxonomy)
            stated = sum(len(row["concepts"]) for row in found)
            missing, added = (sum(len(row[key]) for row in found) for key in ("missing", "added"))
            whole = sum(not row["missing"] and not row["added"] for row in found)
            rows.append([name, lang, len(found), stated, 1 - missing / stated, added / stated, whole / len(found)])
    columns = [
        "text",
        "language",
        "texts",
        "tags stated",
        "recall",
        "more tags, of those stated",
        "texts without either",
    ]
    table("Descriptions tagged again", columns, rows, rivals=("labels in a row",))
    report("describe", f"the sample shop, {len(items)} products with gold tags", host, save=options.save, **speed)


if __name__ == "__main__":
    main()
