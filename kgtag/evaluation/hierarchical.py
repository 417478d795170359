"""Concepts compared together with everything broader, so that a near miss counts for what it gets right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graph.taxonomy import Taxonomy
from kgtag.evaluation.extraction import best_mentions
from kgtag.evaluation.rates import rates
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.types import AnnotatedProduct, Extraction


def evaluate_hierarchical(
    data: Sequence[AnnotatedProduct], found: Sequence[Extraction], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Hierarchical precision, recall and F1 (Kiritchenko et al., 2006): of all products' concepts closed under
    `broader`, gold and found; `flat` is the same without what is broader.

    A value found is the concept of its attribute that has it as a label; those that the taxonomy doesn't know are left
    out on both sides, and counted: `known` of all `values` that gold has.
    """
    counts = {name: [0, 0, 0] for name in ("closed", "flat")}
    known = total = 0
    for one, extraction in zip(data, found, strict=True):
        bare = replace(one, product=replace(one.product, category=None))
        best = best_mentions(extraction.mentions)
        values = {name: (mention.surface,) for name, mention in best.items() if name in one.attributes}
        said = gold_concepts(replace(bare, attributes=values, spans=(), concepts={}), taxonomy)
        wanted = gold_concepts(bare, taxonomy)
        total += sum(len(values) for values in one.attributes.values())
        known += len(wanted)
        for name, (have, want) in {
            "closed": (closed(said, taxonomy), closed(wanted, taxonomy)),
            "flat": (set(said), set(wanted)),
        }.items():
            for place, count in enumerate((len(have & want), len(have), len(want))):
                counts[name][place] += count
    return {**rates(*counts["closed"]), "flat": rates(*counts["flat"]), "known": known, "values": total}
