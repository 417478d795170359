"""What share of AE-110K's gold has a concept in Shopify's categories, and of Wayfair's queries?

    python benchmarks/coverage.py --data DIR [--save NAME]

DIR holds `ae110k_sample/train.jsonl.gz` (products with attributes), `shopify_categories/en.json.gz` (10,281 categories,
no attributes) and `wands_queries/query.tsv`. The floor compares labels of anything letter by letter, case aside.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats import shopify
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated
from kgtag.evaluation.analytics.coverage import Coverage

RIVALS = ("equal but for case",)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    host = machine()
    content = shopify.read([options.data / "shopify_categories" / "en.json.gz"])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, content.concepts, content.relations))
    gold = list(read_annotated(options.data / "ae110k_sample" / "train.jsonl.gz", format="extractgpt"))
    with (options.data / "wands_queries" / "query.tsv").open(encoding="utf-8") as file:
        queries = [row["query"] for row in csv.DictReader(file, delimiter="\t")]
    measure = Coverage(taxonomy)
    values, asked = measure.values(gold), measure.queries((query, 1) for query in queries)
    labels = {text.casefold() for concept in taxonomy for text, _, _ in concept.labels()}
    plain = Counter[tuple[str, bool]]()
    for one in gold:
        pairs = [("category", one.product.category or "")]
        pairs += [(name, value) for name, found in one.attributes.items() for value in found]
        plain.update((name, value.casefold() in labels) for name, value in pairs if value)
    rows: list[list[object]] = []
    for name, figures in (("all gold", values), *((row["name"], row) for row in values["by_attribute"])):
        if figures["of"] < 100 and name != "all gold":
            continue
        known = sum(n for (of, hit), n in plain.items() if hit and name in ("all gold", of))
        ends = figures["share"], figures["low"], figures["high"], figures["elsewhere"] / figures["of"]
        rows.append([name, figures["of"], known / figures["of"], *ends])
    exact = sum(query.casefold() in labels for query in queries)
    rows.append(["queries", asked["of"], exact / asked["of"], asked["share"], asked["low"], asked["high"], None])
    columns = ["of 100 or more", "how many", *RIVALS, "kgtag coverage", "from", "to", "label of something else"]
    table("share with a concept among Shopify's categories", columns, rows)
    report("coverage", "AE-110K's gold and WANDS' queries on Shopify's categories", host, save=options.save)


if __name__ == "__main__":
    main()
