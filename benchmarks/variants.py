"""Variants of one product, with titles that do not say all of it: what is tagged with a group, and without?

    python benchmarks/variants.py [--model DIR] [--seeds 3] [--save NAME]

From the sample shop's English dev and test titles, which were written for it. Each product has three variants: its
title, and two in which every other thing that the annotators marked, and every word besides, is missing with a chance
of .4. Where a colour is marked, the three have different ones; everything else is the same. Gold is what holds for the
variant, whether its title has it or not. Tagged by labels only and, with --model, by a trained model.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table

from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.data.importing import import_files
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.evaluation.tags import compare_tags
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.tag.tagger import Tagger
from kgtag.types import AnnotatedProduct

_MISSING = 0.4
_COLOUR = "color"


def variants(taxonomy: Taxonomy, seed: int) -> Iterator[AnnotatedProduct]:
    draw = random.Random(seed)
    colours = sorted(one.id for one in taxonomy if taxonomy.attribute_of(one.id) == _COLOUR)
    rows = [one for file in (sample.DEV, sample.TEST) for one in read_annotated(file) if one.product.lang == "en"]
    for number, one in enumerate(rows):
        for variant in range(3):
            names: dict[str, list[str]] = {}
            concepts: dict[tuple[str, str], str | None] = {}
            words, at = list[str](), 0
            other = draw.choice(colours)
            for label, span in one.spans:
                words += re.findall(r"[^\s,]+", one.product.title[at : span.start])
                surface, at = one.product.cut(span), span.end
                concept = one.concepts.get((label, surface))
                if variant and label == _COLOUR and concept is not None:
                    surface, concept = taxonomy[other].label("en"), other
                names.setdefault(label, []).append(surface)
                concepts[label, surface] = concept
                words.append(surface)
            words += re.findall(r"[^\s,]+", one.product.title[at:])
            kept = [word for word in words if not variant or draw.random() >= _MISSING] or words[:1]
            product = replace(one.product, id=f"{number}-{variant}", title=" ".join(kept), group=str(number))
            yield AnnotatedProduct(product, {name: tuple(all) for name, all in names.items()}, (), concepts)


def measure(tagger: Tagger, gold: Sequence[AnnotatedProduct], *, grouped: bool) -> dict[str, Any]:
    asked = [replace(one.product, category=None, group=one.product.group if grouped else None) for one in gold]
    taggings = tagger.tag(asked)
    found = compare_tags(
        gold, [{tag.concept: tag.probability for tag in one.tags} for one in taggings], tagger.taxonomy, samples=10
    )
    shared = [
        tag.concept in closed(gold_concepts(one, tagger.taxonomy), tagger.taxonomy)
        for one, tagging in zip(gold, taggings, strict=True)
        for tag in tagging.tags
        if tag.method == "shared"
    ]
    rates = found["micro"]
    return {
        "precision": rates["precision"], "recall": rates["recall"], "f1": rates["f1"],
        "category": found["leaf_category_accuracy"], "shared": len(shared),
        "right": sum(shared) / max(len(shared), 1),
    }  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, help="a model trained on the sample shop")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    host = machine()
    with tempfile.TemporaryDirectory() as temporary:
        store = open_store(f"sqlite:///{Path(temporary) / 'shop.db'}")
        store.migrate()
        import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="benchmark")
        taxonomy = load_taxonomy(store)
    systems = {"labels": assemble_tagger(load_models(), taxonomy)}
    if options.model is not None:
        systems["trained"] = assemble_tagger(load_models(options.model), taxonomy)
    lines, measured = list[list[object]](), dict[str, Any]()
    for name, tagger in systems.items():
        for grouped in (False, True):
            row = f"{name}, {'with' if grouped else 'without'} a group"
            each = [measure(tagger, list(variants(taxonomy, seed)), grouped=grouped) for seed in range(options.seeds)]
            measured[row] = {key: round(sum(one[key] for one in each) / len(each), 3) for key in each[0]}
            lines.append([row, *measured[row].values()])
    n = len(list(variants(taxonomy, 0)))
    columns = ["", "precision", "recall", "F1", "category", "shared values", "of them right"]
    without = [str(line[0]) for line in lines if "without" in str(line[0])]
    table(f"{n} variants of {n // 3} products, mean of {options.seeds} draws", columns, lines, rivals=without)
    report("variants", "the sample's English dev and test titles, shortened", host, save=options.save, **measured)


if __name__ == "__main__":
    main()
