"""An evaluation as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kgtag.evaluation.errors import KINDS
from kgtag.evaluation.plots import draw

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:34rem;width:100%}"
    "mark{background:#fdd}mark.gold{background:#dfd}"
)


def write_report(answer: Mapping[str, Any], directory: Path, *, title: str) -> Path:
    """Writes the plots and `report.html` into the directory, which is made when it isn't there; names the page."""
    directory.mkdir(parents=True, exist_ok=True)
    pictures = draw(answer, directory)
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{answer['n']} products; protocol: {escape(str(answer['protocol']))}.</p>",
        _rates(answer),
        _compared(answer),
        *(f'<p><img alt="{path.stem}" src="{_embedded(path)}"></p>' for path in pictures),
        _by_label(answer),
        _by_category(answer),
        _mistakes(answer),
    ]
    page = directory / "report.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>{''.join(body)}</html>\n",
        encoding="utf-8",
    )
    return page


def _rates(answer: Mapping[str, Any]) -> str:
    bounds = answer["confidence"]
    rows: list[list[object]] = []
    for name in ("micro", "macro"):
        found, (low, high) = answer[name], bounds[f"{name}_f1"]
        rows.append([name, found["precision"], found["recall"], found["f1"], f"{low:.3f} to {high:.3f}"])
    if "hierarchical" in answer:
        found = answer["hierarchical"]
        rows.append(["hierarchical", found["precision"], found["recall"], found["f1"], ""])
    return _table(["", "P", "R", "F1", "95% interval"], rows)


def _compared(answer: Mapping[str, Any]) -> str:
    if "against" not in answer:
        return ""
    other, sure = answer["against"], answer["against"]["paired"]
    low, high = sure["interval"]
    return (
        f"<p>Against model {escape(other['model'])} (F1 {other['micro']['f1']:.3f}): {sure['difference']:+.3f}, 95% "
        f"interval {low:+.3f} to {high:+.3f}, p = {sure['p']:.3f} (paired bootstrap over products).</p>"
    )


def _by_label(answer: Mapping[str, Any]) -> str:
    bounds, chosen = answer["confidence"]["per_label_f1"], answer["thresholds"]["by_attribute"]
    rows: list[list[object]] = []
    for name, row in sorted(answer["per_label"].items(), key=lambda pair: (-pair[1]["support"], pair[0])):
        low, high = bounds.get(name, (0.0, 0.0))
        interval = f"{low:.3f} to {high:.3f}" if name in bounds else ""
        rows.append([name, row["precision"], row["recall"], row["f1"], interval, row["support"], chosen.get(name, "")])
    gain = answer["thresholds"]["gain"]
    note = f"<p>Thresholds that pay on this data; what they gain on data that didn't choose them: {gain:+.4f} F1.</p>"
    columns = ["attribute", "P", "R", "F1", "95% interval", "support", "threshold"]
    return "<h2>Attributes</h2>" + _table(columns, rows) + note


def _by_category(answer: Mapping[str, Any]) -> str:
    found = answer["per_category"]
    if not found:
        return ""
    rows: list[list[object]] = [
        [name, row["precision"], row["recall"], row["f1"], row["support"], row["products"]]
        for name, row in found.items()
    ]
    return "<h2>Categories</h2>" + _table(["category", "P", "R", "F1", "support", "products"], rows)


def _mistakes(answer: Mapping[str, Any]) -> str:
    found = answer["errors"]
    counts: list[list[object]] = [[name, *(row[kind] for kind in KINDS)] for name, row in found["by_attribute"].items()]
    shown: list[list[object]] = [
        [one["attribute"], one["kind"], one["predicted"] or "", one["gold"] or "", one["context"], one["product"]]
        for one in found["examples"]
    ]
    columns = ["attribute", "kind", "found", "gold", "in the text: [found] {gold}", "product"]
    return "<h2>Mistakes</h2>" + _table(["attribute", *KINDS], counts) + _table(columns, shown)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        shown = f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
        return f'<td class="n">{shown}</td>'
    return f"<td>{escape(str(value))}</td>"


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
