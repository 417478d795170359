"""Everything there is to know of an extractor on gold data: rates, how sure they are, and what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph.taxonomy import Taxonomy
from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.confidence import (
    Resampled,
    bootstrap,
    interval,
    paired,
    thresholds_report,
    trade_off,
)
from kgtag.evaluation.decisions import Outcomes, outcomes, per_category
from kgtag.evaluation.errors import mistakes, table
from kgtag.evaluation.extraction import Protocol, evaluate_found
from kgtag.evaluation.hierarchical import evaluate_hierarchical
from kgtag.evaluation.offsets import as_documents
from kgtag.text import clean_product
from kgtag.types import AnnotatedProduct, Extraction, Extractor

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """How thoroughly: bootstrap `samples`, their `seed`, and `examples` of each attribute and kind of mistake."""

    samples: int = 1000
    seed: int = 0
    examples: int = 3


def evaluate_thoroughly(
    extractor: Extractor,
    data: Sequence[AnnotatedProduct],
    *,
    protocol: Protocol,
    taxonomy: Taxonomy | None = None,
    against: Extractor | None = None,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """CONTRACT's `evaluate extractor` answer and, besides: `confidence` (95% intervals of F1), `per_category`,
    `calibration`, `trade_off`, `thresholds`, `errors`; `hierarchical` with a taxonomy; with `against`, the other
    model's `micro` and the `paired` bootstrap of the difference."""
    asked = asked or Asked()
    given = data
    data, found = as_documents(given, extract_all(extractor, given))
    columns = outcomes(data, found, protocol=protocol)
    sampled = bootstrap(columns, samples=asked.samples, seed=asked.seed)
    answer = evaluate_found(data, found, protocol=protocol) | {
        "confidence": _confidence(columns, sampled),
        "per_category": per_category(columns),
        "calibration": reliability(columns.score, columns.right).to_json(),
        "trade_off": trade_off(columns),
        "thresholds": thresholds_report(columns, [one.product.title for one in data]),
        "errors": table(list(mistakes(data, found, protocol=protocol)), examples=asked.examples),
    }
    if taxonomy is not None:
        answer["hierarchical"] = evaluate_hierarchical(data, found, taxonomy)
    if against is not None:
        _, theirs = as_documents(given, extract_all(against, given))
        other = bootstrap(outcomes(data, theirs, protocol=protocol), samples=asked.samples, seed=asked.seed)
        answer["against"] = {
            "model": against.version,
            "micro": evaluate_found(data, theirs, protocol=protocol)["micro"],
            "paired": paired(sampled, other),
        }
    return answer


def extract_all(extractor: Extractor, data: Sequence[AnnotatedProduct]) -> list[Extraction]:
    """Of every product with its category, in order."""
    products = [clean_product(item.product) for item in data]
    found: list[Extraction] = []
    for start in range(0, len(products), _BATCH):
        found += extractor.extract(products[start : start + _BATCH])
    return found


def _confidence(columns: Outcomes, sampled: Resampled) -> dict[str, Any]:
    """95% intervals of F1 over products drawn with replacement."""
    seen = columns.wanted.sum(axis=0)
    labels = {
        name: interval(sampled.per_label[:, number]) for number, name in enumerate(columns.attributes) if seen[number]
    }
    return {"micro_f1": interval(sampled.micro), "macro_f1": interval(sampled.macro), "per_label_f1": labels}
