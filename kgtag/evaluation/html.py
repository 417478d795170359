"""An evaluation as one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from kgtag.evaluation.plots import draw
from kgtag.evaluation.report import Table, report_notes, report_tables

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:34rem;width:100%}"
)


def write_report(answer: Mapping[str, Any], directory: Path, *, title: str) -> Path:
    """Write the plots and `report.html` of an `extraction_report` into a directory, which is created if missing.

    Returns:
        The path of the page.
    """
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
