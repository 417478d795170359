"""Precision, recall and F1 of finished tags, and how often they contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph.lookup import find_concept
from graph.taxonomy import Taxonomy
from kgtag.enforce import violations
from kgtag.evaluation.extraction import best_mentions, rates
from kgtag.tag.tagger import Tagger
from kgtag.types import AnnotatedProduct, Extraction


@dataclass(frozen=True, slots=True)
class TaggingReport:
    """Micro rates over (product, concept), both sides closed under `broader`.

    `violation_rate` is the share of products whose tags, closed, contradict each other or the taxonomy.
    """

    n: int
    precision: float
    recall: float
    f1: float
    violation_rate: float


def evaluate_tagging(
    tagger: Tagger, gold: Sequence[AnnotatedProduct], *, given_category: bool = False
) -> TaggingReport:
    """Tag the products, without their category unless `given_category`, and compare with the annotators' concepts."""
    taxonomy = tagger.taxonomy
    products = [one.product if given_category else replace(one.product, category=None) for one in gold]
    correct = predicted = wanted = broken = 0
    for one, tagging in zip(gold, tagger.tag(products), strict=True):
        have = closed([tag.concept for tag in tagging.tags], taxonomy)
        want = closed(gold_concepts(one, taxonomy), taxonomy)
        broken += bool(violations(have, taxonomy, proposals=tagging.proposals))
        correct, predicted, wanted = correct + len(have & want), predicted + len(have), wanted + len(want)
    share = broken / len(gold) if gold else 0.0
    return TaggingReport(len(gold), **rates(correct, predicted, wanted), violation_rate=share)


def gold_concepts(one: AnnotatedProduct, taxonomy: Taxonomy) -> list[str]:
    """The category, every value that annotators linked, and every other value that is a label of its attribute."""
    category = find_concept(taxonomy, one.product.category, "category") if one.product.category else None
    found = {category} if category else set()
    for name, values in one.attributes.items():
        attribute = find_concept(taxonomy, name, "attribute")
        for value in values:
            if (name, value) in one.concepts:
                linked = one.concepts[name, value]
                found |= {linked} if linked is not None and linked in taxonomy else set()
            elif attribute is not None:
                found |= set([id for id in taxonomy.lookup(value) if taxonomy.attribute_of(id) == attribute][:1])
    return sorted(found)


def closed(concepts: Iterable[str], taxonomy: Taxonomy) -> set[str]:
    """The concepts and everything broader."""
    return {member for id in concepts for member in (id, *taxonomy.ancestors(id))}


def evaluate_hierarchical(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Hierarchical precision, recall and F1 (Kiritchenko et al., 2006): over concepts closed under `broader`.

    A value stands for the concept of its attribute that has it as a label; values without one are left out on both
    sides. `flat` are the rates without broader concepts; `known` of the gold `values` have a concept.
    """
    over, flat = Counter[str](), Counter[str]()
    known = total = 0
    for one, extraction in zip(data, predicted, strict=True):
        bare = replace(one, product=replace(one.product, category=None))
        best = best_mentions(extraction.mentions)
        values = {name: (mention.surface,) for name, mention in best.items() if name in one.attributes}
        have = set(gold_concepts(replace(bare, attributes=values, spans=(), concepts={}), taxonomy))
        want = set(gold_concepts(bare, taxonomy))
        total += sum(len(values) for values in one.attributes.values())
        known += len(want)
        for counts, a, b in ((over, closed(have, taxonomy), closed(want, taxonomy)), (flat, have, want)):
            counts.update(correct=len(a & b), predicted=len(a), gold=len(b))
    return {**rates(**over), "flat": rates(**flat), "known": known, "values": total}
