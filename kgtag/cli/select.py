"""`kgtag select`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Model, Precision, log, read_precision, write_rows


def select(
    model: Model,
    source: Annotated[Path, typer.Argument(metavar="PRODUCTS", help="Products: JSONL, CSV, TSV or Parquet.")],
    count: Annotated[int, typer.Option(min=1, help="Size of the batch.")] = 100,
    annotated: Annotated[
        list[Path] | None,
        typer.Option(help="Annotated products (or products): left out, and similar ones are avoided; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSONL file to write; stdout when left out.")] = None,
    precision: Precision = "fp32",
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
) -> None:
    """Active learning: select the products to annotate next, which the model is uncertain of and which differ.

    One row each, the most valuable first: the product, `score`, and `reason` with the expected errors, the most
    uncertain attributes and the novelty. The same files give the same rows.

    Example: `kgtag select products.jsonl --model models/shop --annotated train.jsonl --count 50 --out next.jsonl`
    """
    from kgtag.discover.selection import select_products
    from kgtag.extract.sequence import SequenceExtractor

    extractor = SequenceExtractor.load(model, precision=read_precision(precision))
    report = select_products(extractor, source, count=count, annotated=annotated or (), lang=lang)
    write_rows((one.to_dict() for one in report.selected), out)
    log(
        f"{len(report.selected)} of {report.products} products selected"
        + (f", {report.annotated} annotated ones left out" if report.annotated else "")
        + (f", {report.unreadable} unreadable ones skipped" if report.unreadable else "")
    )
