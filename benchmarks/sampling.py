"""The precision of tags from 400 checks: does the interval hold the truth, and how wide is it?

    python benchmarks/sampling.py --data DIR [--runs 500] [--save NAME]

DIR/oamine_sample: titles with gold. A taxonomy is made of the training titles; the labels of its values are looked for
in all titles, their category given. A tag is right when gold has it. Of all tags some are drawn and checked against
gold, many times over: by `kgtag evaluate sample`, and by chance with Wilson's interval (the rival).
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats.annotated import AnnotatedRow, induce
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.compute.intervals import wilson
from kgtag.data import read_annotated
from kgtag.evaluation.analytics.sampling import candidates, draw, estimate
from kgtag.evaluation.tagging import gold_concepts
from kgtag.serve.assemble import open_models
from kgtag.serve.settings import Settings
from kgtag.tag.models import assemble_tagger
from kgtag.types import Tagging

RIVALS = ("by chance",)


def tagged(data: Path) -> tuple[Taxonomy, list[TaggedItem], dict[str, set[str]]]:
    """A taxonomy of the training titles, the items with the tags that its labels give, and gold by item."""
    files = (data / "oamine_sample" / f"{part}.jsonl.gz" for part in ("train", "test"))
    train, test = (list(read_annotated(file, format="extractgpt")) for file in files)
    rows = (AnnotatedRow(one.product.category, one.attributes) for one in train)
    content = induce(rows, Taxonomy.of(TaxonomyData.of(0, (), ())), scheme="oamine", lang="en")
    taxonomy = Taxonomy.of(TaxonomyData.of(1, content.concepts, content.relations))
    tagger = assemble_tagger(open_models(Settings(store="sqlite:///none.db")), taxonomy)
    items, gold = [], {}
    for number, one in enumerate([*train, *test]):
        outcome = tagger.attempt([one.product])[0]
        if isinstance(outcome, Tagging):
            item = outcome.to_item(one.product)
            items.append(TaggedItem(f"i{number:05}", item.title, "en", "labels", "0", item.tags))
            gold[f"i{number:05}"] = set(gold_concepts(one, taxonomy))
    return taxonomy, items, gold


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=500)
    options = parser.parse_args()
    host = machine()
    taxonomy, items, gold = tagged(options.data)
    population = [one for one in candidates(taxonomy, items) if taxonomy[one.concept].kind == "value"]
    truth = {(one.item, one.concept): one.concept in gold[one.item] for one in population}
    precision = float(np.mean(list(truth.values())))
    right_of: dict[str, list[bool]] = {}
    for one in population:
        right_of.setdefault(one.stratum, []).append(truth[one.item, one.concept])
    by_stratum = {name: float(np.mean(found)) for name, found in right_of.items()}
    rows = []
    for count in (100, 200, 400):
        widths, held, inside, off = [], [], [], []
        for run in range(options.runs):
            checks = draw(population, count, seed=run, taxonomy=taxonomy)
            marked = [{**row, "verdict": "right" if truth[row["item"], row["concept"]] else "wrong"} for row in checks]
            found = estimate(marked)
            held.append(found["low"] <= precision <= found["high"])
            widths.append((found["high"] - found["low"]) / 2)
            off.append(abs(found["precision"] - precision))
            inside += [s["low"] <= by_stratum[s["name"]] <= s["high"] for s in found["strata"] if s["checks"]]
        rng = random.Random(0)
        plain_held, plain_width, plain_off = [], [], []
        for _ in range(options.runs):
            right = sum(truth[one.item, one.concept] for one in rng.sample(population, count))
            low, high = (float(end) for end in wilson(right, count))
            plain_held.append(low <= precision <= high)
            plain_width.append((high - low) / 2)
            plain_off.append(abs(right / count - precision))
        for name, hold, width, miss, parts in (
            ("by chance", plain_held, plain_width, plain_off, None),
            ("kgtag evaluate sample", held, widths, off, inside),
        ):
            cells = [float(np.mean(one)) if one is not None else None for one in (hold, width, miss, parts)]
            rows.append([name, count, *cells])
    columns = [
        "tags drawn",
        "checks",
        "interval holds the truth",
        "half its width",
        "mean error",
        "parts' intervals hold",
    ]
    of = f"{len(population):,} tags of {len(items):,} titles in {len(by_stratum)} categories, precision {precision:.3f}"
    table(f"OA-Mine: {of}; {options.runs} draws", columns, rows, rivals=RIVALS)
    report("sampling", "OA-Mine's titles, tagged by labels", host, save=options.save)


if __name__ == "__main__":
    main()
