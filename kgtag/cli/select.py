"""`kgtag select`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Model, Precision, log, print_line, read_precision


def select(
    model: Model,
    source: Annotated[Path, typer.Argument(metavar="PRODUCTS", help="Products: JSONL, CSV, TSV or Parquet.")],
    count: Annotated[int, typer.Option(min=1, help="How many to propose: what there is time to annotate.")] = 100,
    annotated: Annotated[
        list[Path] | None,
        typer.Option(help="Annotated products (or products) that are done: left out, and not repeated by their like."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSONL file to write; stdout when left out.")] = None,
    precision: Precision = "fp32",
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
) -> None:
    """Propose which products to annotate next: those that the model is unsure of, unlike each other.

    One row for each, most worth it first: the product, `score`, and `reason`: how many of its attributes are expected
    to be read wrongly, which are the most doubtful, and how new it is. The same files give the same rows.

    Example: `kgtag select products.jsonl --model models/shop --annotated train.jsonl --count 50 --out next.jsonl`
    """
    import orjson

    from graph.formats import reading
    from kgtag.discover.active_learning.batch import select_products
    from kgtag.extract.sequence import SequenceExtractor

    extractor = SequenceExtractor.load(model, precision=read_precision(precision))
    report = select_products(extractor, source, count=count, annotated=annotated or (), lang=lang)
    rows = [choice.row() for choice in report.chosen]
    if out is not None:
        reading.write(out, (orjson.dumps(row) + b"\n" for row in rows))
    else:
        for row in rows:
            print_line(row)
        sys.stdout.buffer.flush()
    log(
        f"{len(rows)} of {report.looked_at} products proposed"
        + (f", {report.annotated} annotated ones left out" if report.annotated else "")
        + (f", {report.unreadable} unreadable ones passed over" if report.unreadable else "")
    )
