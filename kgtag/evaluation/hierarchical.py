"""Extracted values compared as concepts with everything broader, so that a near miss counts in part."""

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
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Hierarchical precision, recall and F1 (Kiritchenko et al., 2006): over concepts closed under `broader`.

    A value stands for the concept of its attribute that has it as a label; values without one are left out on both
    sides.

    Returns:
        The rates; `flat`, the rates without broader concepts; `known` of the gold `values` have a concept.
    """
    counts = {name: [0, 0, 0] for name in ("closed", "flat")}
    known = total = 0
    for one, extraction in zip(data, predicted, strict=True):
        bare = replace(one, product=replace(one.product, category=None))
        best = best_mentions(extraction.mentions)
        values = {name: (mention.surface,) for name, mention in best.items() if name in one.attributes}
        have = set(gold_concepts(replace(bare, attributes=values, spans=(), concepts={}), taxonomy))
        want = set(gold_concepts(bare, taxonomy))
        total += sum(len(values) for values in one.attributes.values())
        known += len(want)
        for name, (a, b) in {"closed": (closed(have, taxonomy), closed(want, taxonomy)), "flat": (have, want)}.items():
            for place, count in enumerate((len(a & b), len(a), len(b))):
                counts[name][place] += count
    return {**rates(*counts["closed"]), "flat": rates(*counts["flat"]), "known": known, "values": total}
