"""The whole evaluation of an extractor on gold data, and its tables and sentences for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.taxonomy import Taxonomy
from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.confidence import Resampled, bootstrap, interval, paired, thresholds_report, trade_off
from kgtag.evaluation.decisions import Decisions, decisions, per_category
from kgtag.evaluation.errors import KINDS, error_table, mistakes
from kgtag.evaluation.extraction import Protocol, as_documents, evaluate_extractions, extract_all
from kgtag.evaluation.hierarchical import evaluate_hierarchical
from kgtag.types import AnnotatedProduct, Extractor


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Bootstrap `samples` and their `seed`; `examples` of each attribute and kind of mistake."""

    samples: int = 1000
    seed: int = 0
    examples: int = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the report. Cells are numbers and texts; rates are floats."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def extraction_report(
    extractor: Extractor,
    data: Sequence[AnnotatedProduct],
    *,
    protocol: Protocol,
    taxonomy: Taxonomy | None = None,
    against: Extractor | None = None,
    options: ReportOptions | None = None,
) -> dict[str, Any]:
    """Evaluate an extractor: rates, their uncertainty, calibration, thresholds and mistakes.

    Args:
        extractor: The extractor.
        data: Products with gold.
        protocol: How predictions count.
        taxonomy: Adds `hierarchical` rates, over concepts.
        against: Another extractor; adds `against`, its rates and the paired difference.
        options: Of the bootstrap and the examples.

    Returns:
        The answer of `evaluate_extractor`, with `confidence` (95% intervals of F1), `per_category`, `calibration`,
        `trade_off`, `thresholds` and `errors`.
    """
    options = options or ReportOptions()
    gold, predicted = as_documents(data, extract_all(extractor, data))
    made = decisions(gold, predicted, protocol=protocol)
    sampled = bootstrap(made, samples=options.samples, seed=options.seed)
    answer = evaluate_extractions(gold, predicted, protocol=protocol) | {
        "confidence": _confidence(made, sampled),
        "per_category": per_category(made),
        "calibration": reliability(made.probability, made.correct).to_json(),
        "trade_off": trade_off(made),
        "thresholds": thresholds_report(made, [one.product.title for one in gold]),
        "errors": error_table(list(mistakes(gold, predicted, protocol=protocol)), examples=options.examples),
    }
    if taxonomy is not None:
        answer["hierarchical"] = evaluate_hierarchical(gold, predicted, taxonomy)
    if against is not None:
        _, theirs = as_documents(data, extract_all(against, data))
        other = bootstrap(decisions(gold, theirs, protocol=protocol), samples=options.samples, seed=options.seed)
        answer["against"] = {
            "model": against.version,
            "micro": evaluate_extractions(gold, theirs, protocol=protocol)["micro"],
            "paired": paired(sampled, other),
        }
    return answer


def report_tables(answer: Mapping[str, Any]) -> list[Table]:
    """Rates, categories (where gold has them), counts of mistakes, and examples of mistakes."""
    bounds, chosen = answer["confidence"], answer["thresholds"]["by_attribute"]
    rows = [(name, *_rates(answer[name]), _bounds(bounds[f"{name}_f1"]), "", "") for name in ("micro", "macro")]
    if "hierarchical" in answer:
        rows.append(("hierarchical", *_rates(answer["hierarchical"]), "", "", ""))
    rows += [
        (name, *_rates(row), _bounds(bounds["per_label_f1"].get(name)), row["support"], chosen.get(name, ""))
        for name, row in sorted(answer["per_label"].items(), key=lambda pair: (-pair[1]["support"], pair[0]))
    ]
    columns = ("label", "P", "R", "F1", "95% interval", "support", "threshold")
    found = [Table(f"{answer['n']} products, {answer['protocol']}", columns, tuple(rows))]
    if categories := answer["per_category"]:
        by_category = tuple((name, *_rates(row), row["support"], row["products"]) for name, row in categories.items())
        found.append(Table("By category", ("category", "P", "R", "F1", "support", "products"), by_category))
    errors = answer["errors"]
    counts = tuple((name, *(row[kind] for kind in KINDS)) for name, row in errors["by_attribute"].items())
    fields = ("attribute", "kind", "predicted", "gold", "context", "product")
    examples = tuple(tuple(one[field] or "" for field in fields) for one in errors["examples"])
    shown = ("attribute", "kind", "predicted", "gold", "in the text: [predicted] {gold}", "product")
    return [*found, Table("Mistakes", ("attribute", *KINDS), counts), Table("Examples", shown, examples)]


def report_notes(answer: Mapping[str, Any]) -> list[str]:
    """One sentence each on calibration, thresholds and the comparison."""
    found = [f"calibration error {answer['calibration']['ece']:.3f}"]
    thresholds = answer["thresholds"]
    if thresholds["by_attribute"]:
        chosen = ", ".join(f"{name} {least}" for name, least in thresholds["by_attribute"].items())
        found.append(f"thresholds that raise F1 here: {chosen}; {thresholds['gain']:+.3f} F1 to be expected elsewhere")
    if "against" in answer:
        other, difference = answer["against"], answer["against"]["paired"]
        low, high = difference["interval"]
        found.append(
            f"against {other['model']}: {difference['difference']:+.3f} F1, [{low:+.3f}, {high:+.3f}], "
            f"p = {difference['p']:.3f}"
        )
    return found


def _confidence(made: Decisions, sampled: Resampled) -> dict[str, Any]:
    """95% intervals of F1 over products drawn with replacement."""
    gold = made.gold.sum(axis=0)
    labels = {name: interval(sampled.per_label[:, i]) for i, name in enumerate(made.attributes) if gold[i]}
    return {"micro_f1": interval(sampled.micro), "macro_f1": interval(sampled.macro), "per_label_f1": labels}


def _bounds(interval: Sequence[float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _rates(row: Mapping[str, float]) -> tuple[float, float, float]:
    return float(row["precision"]), float(row["recall"]), float(row["f1"])
