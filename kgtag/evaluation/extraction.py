"""How good an extractor is: strict spans, or values per (product, attribute) as ExtractGPT counts them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from kgtag.evaluation.offsets import as_documents
from kgtag.evaluation.rates import rates
from kgtag.text import clean_product
from kgtag.types import AnnotatedProduct, Extraction, Extractor, Mention

Protocol = Literal["spans", "extractgpt"]
LabelledSpan = tuple[int, int, str]
"""start, end (half-open characters), attribute."""


def evaluate_extractor(
    extractor: Extractor, data: Sequence[AnnotatedProduct], *, protocol: Protocol, batch: int = 256
) -> dict[str, Any]:
    """CONTRACT's `evaluate extractor` answer. Products are given to the extractor with their category."""
    products = [clean_product(item.product) for item in data]
    found: list[Extraction] = []
    for start in range(0, len(products), batch):
        found += extractor.extract(products[start : start + batch])
    return evaluate_found(data, found, protocol=protocol)


def evaluate_found(
    data: Sequence[AnnotatedProduct], found: Sequence[Extraction], *, protocol: Protocol
) -> dict[str, Any]:
    """The same of what was extracted before, one extraction for each product."""
    data, found = as_documents(data, found)
    if protocol == "spans":
        gold = [{(span.start, span.end, name) for name, span in item.spans} for item in data]
        return evaluate_spans(gold, [_labelled(extraction.mentions) for extraction in found])
    return evaluate_extractgpt(data, [best_values(extraction.mentions) for extraction in found])


def evaluate_spans(
    gold: Sequence[Iterable[LabelledSpan]], predicted: Sequence[Iterable[LabelledSpan]]
) -> dict[str, Any]:
    """Strict: a predicted span counts when start, end and label equal a gold one's."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for wanted, got in zip(gold, predicted, strict=True):
        want, have = set(wanted), set(got)
        right.update(label for _, _, label in want & have)
        wrong.update(label for _, _, label in have - want)
        missed.update(label for _, _, label in want - have)
    return {"n": len(gold), **_summary(right, wrong, missed), "protocol": "strict spans"}


def evaluate_extractgpt(data: Sequence[AnnotatedProduct], predicted: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """One value per (product, attribute). `predicted`: attribute → value, for each product.

    VC right (any of the gold values), VW wrong, NV a value where gold says absent, VN none where gold has one;
    precision = VC / (VC + VW + NV), recall = VC / (VC + VW + VN). Only attributes that gold lists count; in `strict`
    every predicted attribute that gold leaves out is an NV too.
    """
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    inventions: Counter[str] = Counter()
    for item, values in zip(data, predicted, strict=True):
        for name, gold in item.attributes.items():
            outcomes[name][_outcome(gold, values.get(name))] += 1
        inventions.update(name for name in values if name not in item.attributes)
    right = Counter({name: found["VC"] for name, found in outcomes.items()})
    wrong = Counter({name: found["VW"] + found["NV"] for name, found in outcomes.items()})
    missed = Counter({name: found["VW"] + found["VN"] for name, found in outcomes.items()})
    strict = _summary(right, wrong + inventions, missed)
    counts = {kind: sum(found[kind] for found in outcomes.values()) for kind in ("VC", "VW", "NV", "VN", "NN")}
    return {
        "n": len(data),
        **_summary(right, wrong, missed),
        "counts": counts,
        "strict": {"micro": strict["micro"], "macro": strict["macro"]},
        "protocol": "extractgpt",
    }


def category_accuracy(extractor: Extractor, data: Sequence[AnnotatedProduct], *, batch: int = 256) -> float | None:
    """Share of products whose category is the extractor's first guess from the title alone; None without gold."""
    from dataclasses import replace

    known = [item.product for item in data if item.product.category]
    right = 0
    for start in range(0, len(known), batch):
        part = known[start : start + batch]
        found = extractor.extract([replace(clean_product(product), category=None) for product in part])
        right += sum(
            bool(e.categories) and e.categories[0][0] == product.category
            for e, product in zip(found, part, strict=True)
        )
    return right / len(known) if known else None


def best_values(mentions: Sequence[Mention]) -> dict[str, str]:
    """One value per attribute; see `best_mentions`."""
    return {name: mention.surface for name, mention in best_mentions(mentions).items()}


def best_mentions(mentions: Sequence[Mention]) -> dict[str, Mention]:
    """One for each attribute: of the surface likeliest to be right somewhere, so that what is said twice counts more,
    the likeliest mention; of equals the first in the document."""
    ordered = sorted(mentions, key=lambda m: m.span.place)
    wrong: dict[str, dict[str, float]] = defaultdict(dict)
    for mention in ordered:
        odds = wrong[mention.attribute]
        odds[mention.surface] = odds.get(mention.surface, 1.0) * (1 - mention.probability)
    best = {name: min(odds, key=lambda surface: odds[surface]) for name, odds in wrong.items()}
    return {
        name: max((m for m in ordered if (m.attribute, m.surface) == (name, surface)), key=lambda m: m.probability)
        for name, surface in best.items()
    }


def _outcome(gold: Sequence[str], value: str | None) -> str:
    wanted = {one.strip() for one in gold if one != "n/a"}
    if value is None:
        return "VN" if wanted else "NN"
    if not wanted:
        return "NV"
    return "VC" if value.strip() in wanted else "VW"


def _labelled(mentions: Iterable[Mention]) -> set[LabelledSpan]:
    return {(mention.span.start, mention.span.end, mention.attribute) for mention in mentions}


def _summary(right: Counter[str], wrong: Counter[str], missed: Counter[str]) -> dict[str, Any]:
    said, wanted = right + wrong, right + missed
    per_label: dict[str, dict[str, float]] = {
        name: {**rates(right[name], said[name], wanted[name]), "support": wanted[name]}
        for name in sorted(said | wanted)
    }
    macro = {
        rate: sum(found[rate] for found in per_label.values()) / max(len(per_label), 1)
        for rate in ("precision", "recall", "f1")
    }
    micro = rates(right.total(), said.total(), wanted.total())
    return {"micro": micro, "macro": macro, "per_label": per_label}
