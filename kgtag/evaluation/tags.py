"""Finished tags against gold, end to end: sets of concepts, each with everything broader, with intervals."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.labels import normalise
from graph.taxonomy import Taxonomy, find_concept
from kgtag.enforce import violations
from kgtag.evaluation.calibration import interval
from kgtag.evaluation.extraction import rates
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.tag.tagger import Tagger
from kgtag.types import AnnotatedProduct, Proposal, Tag, Tagging

Floats = NDArray[np.float64]
CATEGORY = "category"
"""The name of the categories among attributes."""
_TOP, _RANKED = 5, 10
_CHUNK = 200
_MEASURES = ("micro_f1", "leaf_category_accuracy", "f1_at_5", "ndcg_at_10")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One product: `ranked` are the predicted concepts, most probable first, and `gold` those of the annotators, both
    with everything broader; `leaf` says whether the most specific category is gold's, None where gold has none."""

    ranked: tuple[str, ...]
    gold: frozenset[str]
    leaf: bool | None
    contradicts: bool


def evaluate_tags(
    tagger: Tagger,
    gold: Sequence[AnnotatedProduct],
    *,
    given_category: bool = False,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Tag the products, without their category unless `given_category`, and compare as `kgtag evaluate tags` answers.

    A product that can't be tagged has no tags; `failed` counts them. See `compare_tags` for the rest.
    """
    if not gold:
        raise InputError("there are no annotated products; there is nothing to measure")
    taxonomy = tagger.taxonomy
    products = [one.product if given_category else replace(one.product, category=None) for one in gold]
    taggings = tagger.attempt(products)
    predicted = [{tag.concept: tag.probability for tag in _tags(tagging)} for tagging in taggings]
    proposals = [one.proposals if isinstance(one, Tagging) else () for one in taggings]
    answer = compare_tags(gold, predicted, taxonomy, proposals=proposals, samples=samples, seed=seed)
    how = "given" if given_category else "withheld"
    return answer | {
        "failed": sum(not isinstance(one, Tagging) for one in taggings),
        "protocol": f"sets of concepts, each with everything broader; category {how}",
    }


def compare_taggers(
    ours: Tagger, theirs: Tagger, gold: Sequence[AnnotatedProduct], *, samples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Micro F1 of all that two taggers find in the same products, category withheld, and how sure the difference is:
    concepts, each with everything broader, and values without a concept by attribute and spelling.

    Returns:
        `ours`, `theirs`; `difference` (ours - theirs) with its 95% `interval` over products drawn with replacement,
        the same for both.
    """
    products, whole, drawn = [replace(one.product, category=None) for one in gold], list[float](), list[Floats]()
    for tagger in (ours, theirs):
        wanted = (_wanted(one, tagger.taxonomy) for one in gold)
        pairs = list(zip(wanted, (_found(one, tagger.taxonomy) for one in tagger.attempt(products)), strict=True))
        columns = np.array([(2 * len(want & have), len(want) + len(have)) for want, have in pairs], dtype=np.float64)
        sums = _drawn(columns, samples=samples, seed=seed)
        whole.append(float(columns[:, 0].sum() / max(columns[:, 1].sum(), 1)))
        drawn.append(sums[:, 0] / np.maximum(sums[:, 1], 1))
    difference = {"difference": round(whole[0] - whole[1], 5), "interval": interval(drawn[0] - drawn[1])}
    return {"ours": round(whole[0], 5), "theirs": round(whole[1], 5), **difference}


def _wanted(one: AnnotatedProduct, taxonomy: Taxonomy) -> set[str]:
    """Gold concepts with everything broader, and what stands for gold values without a concept."""
    found = closed(gold_concepts(one, taxonomy), taxonomy)
    for name, values in one.attributes.items():
        attribute = find_concept(taxonomy, name, "attribute")
        bare = replace(one, product=replace(one.product, category=None))
        unknown = (v for v in values if not gold_concepts(replace(bare, attributes={name: (v,)}), taxonomy))
        found |= {_new_value(attribute, value) for value in unknown}
    return found


def _found(tagging: Tagging | InputError, taxonomy: Taxonomy) -> set[str]:
    if not isinstance(tagging, Tagging):
        return set()
    new = {_new_value(nil.attribute, nil.surface) for nil in tagging.nil}
    return closed((tag.concept for tag in tagging.tags), taxonomy) | new


def _new_value(attribute: str | None, value: str) -> str:
    return f"\0{attribute or ''}\0{normalise(value)}"


def _tags(tagging: Tagging | InputError) -> Sequence[Tag]:
    return tagging.tags if isinstance(tagging, Tagging) else ()


def compare_tags(
    gold: Sequence[AnnotatedProduct],
    predicted: Sequence[Mapping[str, float]],
    taxonomy: Taxonomy,
    *,
    proposals: Sequence[Sequence[Proposal]] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare concepts with their probabilities, by product, with the annotators' concepts, both with everything
    broader; a broader concept is as probable as the most probable one below it.

    `macro` is over the concepts that gold or a prediction has, `weighted` the same by how often gold has them;
    `f1_at_5` and `ndcg_at_10` are means over products. `contradictions` counts products whose concepts contradict each
    other or the taxonomy, `proposals` of their taggings granted; `unknown` counts gold that the taxonomy lacks, which
    is left out.
    """
    granted = proposals if proposals is not None else [()] * len(gold)
    made = [_outcome(*one, taxonomy) for one in zip(gold, predicted, granted, strict=True)]
    counts = _per_concept(made)
    by_concept = {id: rates(of["correct"], of["predicted"], of["gold"]) for id, of in counts.items()}
    return {
        "n": len(gold),
        "micro": _micro(counts.values()),
        "macro": _mean(by_concept, dict.fromkeys(by_concept, 1)),
        "weighted": _mean(by_concept, {id: of["gold"] for id, of in counts.items()}),
        **_samples(made, samples=samples, seed=seed),
        "by_attribute": _by_home(counts, {id: _home(taxonomy, id) for id in counts}),
        "contradictions": sum(one.contradicts for one in made),
        "unknown": _unknown(gold, taxonomy),
    }


def _outcome(
    one: AnnotatedProduct, predicted: Mapping[str, float], proposals: Sequence[Proposal], taxonomy: Taxonomy
) -> _Outcome:
    gold = frozenset(closed(gold_concepts(one, taxonomy), taxonomy))
    probability: dict[str, float] = {}
    for concept, own in predicted.items():
        for id in (concept, *taxonomy.ancestors(concept)):
            probability[id] = max(probability.get(id, 0.0), own)
    ranked = sorted(probability, key=lambda id: (-probability[id], -taxonomy.depth(id), id))
    leaves = [_most_specific(ids, taxonomy) for ids in (ranked, sorted(gold))]
    leaf = None if leaves[1] is None else leaves[0] == leaves[1]
    return _Outcome(tuple(ranked), gold, leaf, bool(violations(probability, taxonomy, proposals=proposals)))


def _most_specific(ids: Sequence[str], taxonomy: Taxonomy) -> str | None:
    """The deepest category, the first of several."""
    return max((id for id in ids if taxonomy[id].kind == CATEGORY), key=taxonomy.depth, default=None)


def _home(taxonomy: Taxonomy, id: str) -> str:
    """The attribute of a value, else the kind."""
    return taxonomy.attribute_of(id) or taxonomy[id].kind


def _unknown(gold: Sequence[AnnotatedProduct], taxonomy: Taxonomy) -> dict[str, int]:
    """Gold categories and values without a concept."""
    missing = sum(
        find_concept(taxonomy, one.product.category, "category") is None for one in gold if one.product.category
    )
    values = 0
    for one in gold:
        bare = replace(one, product=replace(one.product, category=None))
        for name, given in one.attributes.items():
            values += sum(not gold_concepts(replace(bare, attributes={name: (value,)}), taxonomy) for value in given)
    return {"categories": missing, "values": values}


def _per_concept(made: Sequence[_Outcome]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in made:
        for id in one.ranked:
            counts[id].update(predicted=1, correct=id in one.gold)
        for id in one.gold:
            counts[id]["gold"] += 1
    return dict(sorted(counts.items()))


def _micro(counts: Any) -> dict[str, float]:
    total = sum(counts, Counter[str]())
    return rates(total["correct"], total["predicted"], total["gold"])


def _mean(by_concept: Mapping[str, Mapping[str, float]], weights: Mapping[str, int]) -> dict[str, float]:
    total = max(sum(weights.values()), 1)
    return {
        rate: sum(weights[id] * found[rate] for id, found in by_concept.items()) / total
        for rate in ("precision", "recall", "f1")
    }


def _by_home(per_concept: Mapping[str, Counter[str]], homes: Mapping[str, str]) -> dict[str, dict[str, float]]:
    grouped: dict[str, Counter[str]] = defaultdict(Counter)
    for id, counts in per_concept.items():
        grouped[homes[id]] += counts
    return {name: _micro([counts]) | {"support": counts["gold"]} for name, counts in sorted(grouped.items())}


def _samples(made: Sequence[_Outcome], *, samples: int, seed: int) -> dict[str, Any]:
    """The measures that are means or sums over products, and `intervals` of products drawn with replacement."""
    columns = np.array([_columns(one) for one in made], dtype=np.float64)
    whole, resampled = _measures(columns.sum(axis=0)[None]), _measures(_drawn(columns, samples=samples, seed=seed))
    point = {name: float(found[0]) for name, found in whole.items() if name != "micro_f1"}
    if not columns[:, 3].any():  # gold names no category
        point["leaf_category_accuracy"] = None  # type: ignore[assignment]
    return point | {"intervals": {name: interval(found) for name, found in resampled.items()}}


def _drawn(columns: Floats, *, samples: int, seed: int) -> Floats:
    """Sums, (samples, columns), of rows drawn with replacement; the same rows for the same seed."""
    rng, rows = np.random.default_rng(seed), len(columns)
    even = np.full(rows, 1 / rows)
    sizes = [min(_CHUNK, samples - start) for start in range(0, samples, _CHUNK)]
    found: Floats = np.concatenate([rng.multinomial(rows, even, size=size) @ columns for size in sizes])
    return found


def _columns(one: _Outcome) -> tuple[float, ...]:
    """2 · correct, predicted + gold, right category, with a gold category, F1 of the first five, NDCG, 1."""
    hits = [id in one.gold for id in one.ranked]
    top = hits[:_TOP]
    gain = sum(hit / np.log2(place + 2) for place, hit in enumerate(hits[:_RANKED]))
    ideal = sum(1 / np.log2(place + 2) for place in range(min(len(one.gold), _RANKED)))
    at_top = rates(sum(top), len(top), len(one.gold))["f1"]
    return (
        2 * sum(hits), len(hits) + len(one.gold), float(bool(one.leaf)), float(one.leaf is not None), at_top,
        float(gain / ideal) if ideal else 0.0, 1.0,
    )  # fmt: skip


def _measures(sums: Floats) -> dict[str, Floats]:
    """Of summed columns, (samples, 7)."""
    correct, total, right, named, at_top, gain, n = sums.T
    pairs = ((correct, total), (right, named), (at_top, n), (gain, n))
    return {
        name: np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        for name, (part, whole) in zip(_MEASURES, pairs, strict=True)
    }
