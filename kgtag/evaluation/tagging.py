"""Precision, recall and F1 of links and of finished tags, and how often tags contradict each other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph.taxonomy import Taxonomy, find_concept
from kgtag.enforce import violations
from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.extraction import best_mentions, rates
from kgtag.link.linker import LinkExample
from kgtag.tag.tagger import Tagger
from kgtag.types import AnnotatedProduct, Extraction, Linker, Tagging

_RECALL_AT = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class TaggingReport:
    """Micro rates over (product, concept), both sides closed under `broader`. `violation_rate` is the share of products
    whose tags, closed, contradict each other or the taxonomy."""

    n: int
    precision: float
    recall: float
    f1: float
    violation_rate: float


def evaluate_tagging(tagger: Tagger, gold: Sequence[AnnotatedProduct], given_category: bool = False) -> TaggingReport:
    """Tag the products, without their category unless `given_category`, and compare with the annotators' concepts."""
    products = [one.product if given_category else replace(one.product, category=None) for one in gold]
    return tagging_report(tagger.taxonomy, gold, tagger.tag(products))


def tagging_report(taxonomy: Taxonomy, gold: Sequence[AnnotatedProduct], taggings: Sequence[Tagging]) -> TaggingReport:
    """Compare tags with the annotators' concepts, product by product."""
    correct = predicted = wanted = broken = 0
    for one, tagging in zip(gold, taggings, strict=True):
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
    """Hierarchical precision, recall and F1 (Kiritchenko et al., 2006): over concepts closed under `broader`. A value
    stands for the concept of its attribute that has it as a label; values without one are left out on both sides.
    `flat` are the rates without broader concepts; `known` of the gold `values` have a concept."""
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


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """One example's gold (None: NIL), candidates best first, probability of the best, and the decision."""

    gold: str | None
    ranked: tuple[str, ...]
    probability: float
    link: str | None


def evaluate_linking(linker: Linker, examples: Sequence[LinkExample]) -> dict[str, Any]:
    """Link every query and count: see `linking_metrics`."""
    answers = linker.link([example.query for example in examples])
    outcomes = []
    for example, answer in zip(examples, answers, strict=True):
        ranked = tuple(candidate.concept for candidate in answer.candidates)
        probability = answer.candidates[0].probability if answer.candidates else 0.0
        link = answer.link.concept if answer.link else None
        outcomes.append(LinkOutcome(example.concept, ranked, probability, link))
    return linking_metrics(outcomes)


def linking_metrics(outcomes: Sequence[LinkOutcome]) -> dict[str, Any]:
    """Shares in [0, 1], None where there is nothing to count.

    `acc@1` and `recall@k`: gold first, or among the first k, where gold has a concept, whatever was decided.
    `linked`: precision, recall and F1 of the decisions for a concept; `nil`: of those for NIL; `accuracy`: of all.
    `ece`: expected calibration error of the best candidate's probability, in ten bins of equal width.
    """
    linkable = [outcome for outcome in outcomes if outcome.gold is not None]
    right = sum(outcome.link == outcome.gold for outcome in linkable)
    nil_gold = len(outcomes) - len(linkable)
    nil_right = sum(outcome.gold is None and outcome.link is None for outcome in outcomes)
    nil_predicted = sum(outcome.link is None for outcome in outcomes)
    sure = [outcome.probability for outcome in outcomes if outcome.ranked]
    first_right = [outcome.ranked[0] == outcome.gold for outcome in outcomes if outcome.ranked]
    return {
        "n": len(outcomes),
        "n_nil": nil_gold,
        "acc@1": _share(sum(o.ranked[:1] == (o.gold,) for o in linkable), len(linkable)),
        **{f"recall@{k}": _share(sum(o.gold in o.ranked[:k] for o in linkable), len(linkable)) for k in _RECALL_AT},
        "linked": _prf(right, len(outcomes) - nil_predicted, len(linkable)),
        "nil": _prf(nil_right, nil_predicted, nil_gold),
        "accuracy": _share(right + nil_right, len(outcomes)),
        "ece": round(reliability(sure, first_right).ece, 6) if sure else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _prf(right: int, predicted: int, gold: int) -> dict[str, float | None]:
    rates = {"precision": (right, predicted), "recall": (right, gold), "f1": (2 * right, predicted + gold)}
    return {name: _share(*counts) for name, counts in rates.items()}
