"""The whole evaluation of an extractor on gold data, and its tables, sentences, plots and HTML page for people."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.evaluation import calibration, extraction
from kgtag.evaluation.tagging import evaluate_hierarchical
from kgtag.types import AnnotatedProduct, Extractor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 30
"""Attributes drawn: those with the most gold values, or mistakes."""
_LIGHT, _DARK = "#9ecae1", "#08519c"
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:34rem;width:100%}"
)


def draw(answer: Mapping[str, Any], directory: Path) -> list[Path]:
    """Draw `calibration.png`, `trade_off.png`, `attributes.png` and `errors.png`; InputError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need matplotlib; install kgtag[report]") from error
    written = []
    for fill in (_calibration, _trade_off, _attributes, _errors):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        fill(figure.add_subplot(), answer)
        written.append(directory / f"{fill.__name__[1:]}.png")
        figure.savefig(written[-1], dpi=110)
    return written


def _calibration(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["calibration"]["bins"]
    middles = [(row["low"] + row["high"]) / 2 for row in rows]
    shares = [row["right"] for row in rows]
    axes.bar(middles, shares, width=0.09, color=_LIGHT, label="share right")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.plot([row["probability"] for row in rows], shares, marker="o", color=_DARK)
    for middle, row in zip(middles, rows, strict=True):
        axes.annotate(str(row["n"]), (middle, 0.01), ha="center", fontsize=7)
    title = f"ECE {answer['calibration']['ece']:.3f}"
    axes.set(xlabel="probability", ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=title)


def _trade_off(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["trade_off"]
    axes.plot([row["recall"] for row in rows], [row["precision"] for row in rows], marker=".", color=_DARK)
    for row in rows[::4]:
        axes.annotate(f"{row['threshold']:.2f}", (row["recall"], row["precision"]), fontsize=7)
    axes.set(xlabel="recall", ylabel="precision", title="By threshold, the same for all attributes")


def _attributes(axes: Axes, answer: Mapping[str, Any]) -> None:
    labels, bounds = answer["per_label"], answer["confidence"]["per_label_f1"]
    names = sorted(labels, key=lambda name: (-labels[name]["support"], name))[:_MOST][::-1]
    values = [labels[name]["f1"] for name in names]
    around = [(value, *bounds.get(name, (value, value))) for name, value in zip(names, values, strict=True)]
    error = [[max(v - low, 0.0) for v, low, _ in around], [max(high - v, 0.0) for v, _, high in around]]
    axes.barh(names, values, xerr=error, color=_LIGHT, ecolor=_DARK)
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="F1 with 95% interval", xlim=(0, 1))


def _errors(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["errors"]["by_attribute"]
    names = list(rows)[:_MOST][::-1]
    left = [0] * len(names)
    for kind in extraction.KINDS:
        counts = [rows[name][kind] for name in names]
        axes.barh(names, counts, left=left, label=kind)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="mistakes")
    if names:
        axes.legend(fontsize=7)


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
    protocol: extraction.Protocol,
    taxonomy: Taxonomy | None = None,
    against: Extractor | None = None,
    samples: int = 1000,
    seed: int = 0,
    examples: int = 3,
) -> dict[str, Any]:
    """Evaluate an extractor: rates, their uncertainty, calibration, thresholds and mistakes.

    The answer is that of `evaluate_extractor`, with `confidence` (95% intervals of F1), `per_category`, `calibration`,
    `trade_off`, `thresholds` and `errors`; a `taxonomy` adds `hierarchical` rates, over concepts, and another extractor
    `against`, its rates and the paired difference. `samples` and their `seed` are of the bootstrap, `examples` of each
    attribute and kind of mistake.
    """
    gold, predicted = extraction.as_documents(data, extraction.extract_all(extractor, data))
    made = calibration.decisions(gold, predicted, protocol=protocol)
    sampled = calibration.bootstrap(made, samples=samples, seed=seed)
    support = made.gold.sum(axis=0)
    interval = calibration.interval
    labels = {name: interval(sampled.per_label[:, i]) for i, name in enumerate(made.attributes) if support[i]}
    bounds = {"micro_f1": interval(sampled.micro), "macro_f1": interval(sampled.macro), "per_label_f1": labels}
    wrong = list(extraction.mistakes(gold, predicted, protocol=protocol))
    answer = extraction.evaluate_extractions(gold, predicted, protocol=protocol) | {
        "confidence": bounds,
        "per_category": calibration.per_category(made),
        "calibration": calibration.reliability(made.probability, made.correct).to_json(),
        "trade_off": calibration.trade_off(made),
        "thresholds": calibration.thresholds_report(made, [one.product.title for one in gold]),
        "errors": extraction.error_table(wrong, examples=examples),
    }
    if taxonomy is not None:
        answer["hierarchical"] = evaluate_hierarchical(gold, predicted, taxonomy)
    if against is not None:
        _, theirs = extraction.as_documents(data, extraction.extract_all(against, data))
        others = calibration.decisions(gold, theirs, protocol=protocol)
        other = calibration.bootstrap(others, samples=samples, seed=seed)
        answer["against"] = {
            "model": against.version,
            "micro": extraction.evaluate_extractions(gold, theirs, protocol=protocol)["micro"],
            "paired": calibration.paired(sampled, other),
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
    counts = tuple((name, *(row[kind] for kind in extraction.KINDS)) for name, row in errors["by_attribute"].items())
    fields = ("attribute", "kind", "predicted", "gold", "context", "product")
    examples = tuple(tuple(one[field] or "" for field in fields) for one in errors["examples"])
    shown = ("attribute", "kind", "predicted", "gold", "in the text: [predicted] {gold}", "product")
    return [*found, Table("Mistakes", ("attribute", *extraction.KINDS), counts), Table("Examples", shown, examples)]


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


def _bounds(interval: Sequence[float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _rates(row: Mapping[str, float]) -> tuple[float, float, float]:
    return float(row["precision"]), float(row["recall"]), float(row["f1"])


def write_report(answer: Mapping[str, Any], directory: Path, *, title: str) -> Path:
    """Write the plots and `report.html` of an `extraction_report` into a directory, made if missing."""
    directory.mkdir(parents=True, exist_ok=True)
    images = [
        f'<p><img alt="{path.stem}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"></p>'
        for path in draw(answer, directory)
    ]
    rates, *rest = map(_table, report_tables(answer))
    notes = [f"<p>{escape(note)}</p>" for note in report_notes(answer)]
    page = directory / "report.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{''.join([rates, *notes, *images, *rest])}</html>\n",
        encoding="utf-8",
    )
    return page


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in table.rows)
    return f"<h2>{escape(table.title)}</h2><table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        shown = f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
        return f'<td class="n">{shown}</td>'
    return f"<td>{escape(str(value))}</td>"
