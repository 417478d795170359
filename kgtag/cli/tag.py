"""`kgtag link` and `kgtag tag`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Embeddings, Json, Precision, Store, log, print_line


def link(
    store: Store = None,
    scheme: Annotated[str | None, typer.Option(help="Only concepts of this scheme.")] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="Adds the trained linker's dense candidates.")
    ] = None,
    embeddings: Embeddings = None,
    json: Json = True,
) -> None:
    """Link mentions to concepts: JSONL on stdin, JSONL on stdout.

    In: `{"id", "text", "category"?, "attribute"?, "lang"?}`;
    out: `{"id", "links": [{"concept", "label", "score", "probability", "method"}], "nil"}`, or `{"id", "error"}` for a
    line that cannot be linked; the command exits with 1 then.

    Example: `echo '{"id":"1","text":"navy blue","attribute":"color"}' | kgtag link`
    """
    from kgtag.cli.settings import load_taxonomy
    from kgtag.link.batch import link_rows
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import assemble_linker

    taxonomy = load_taxonomy(store)
    linker = assemble_linker(open_models(read_settings(model=model, embeddings=embeddings)), taxonomy, scheme=scheme)
    failed = 0
    for row in link_rows(linker, taxonomy, sys.stdin.buffer):
        print_line(row)
        failed += "error" in row
    if failed:
        log(f"{failed} lines failed")
        raise typer.Exit(1)


def tag(
    source: Annotated[
        Path | None, typer.Argument(metavar="[IN]", help="Products: JSONL, CSV, TSV or Parquet; stdin when left out.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(envvar="KGTAG_MODEL", help="From `train extractor`; without it, the taxonomy's labels are found."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSONL file to write; stdout when left out.")] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    resume: Annotated[bool, typer.Option(help="Continue OUT after an interruption.")] = False,
    record: Annotated[
        bool, typer.Option(help="Keep the tags in the store as well, for neighbours and audits.")
    ] = False,
    precision: Precision = "fp32",
    lang: Annotated[str | None, typer.Option(help="Language of products that name none.")] = None,
) -> None:
    """Tag products: one row out for each product in, in order.

    Without a model, a dictionary baseline searches titles for the taxonomy's labels: precise, with low recall. A
    product that cannot be tagged gets `{"id", "error"}` in its place, and the command exits with 1.

    Example: `kgtag tag products.csv --model models/shop --out tags.jsonl`
    """
    from graph.stores import load_taxonomy
    from kgtag.cli.settings import open_store
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.batch import TagJob
    from kgtag.tag.models import assemble_tagger

    if model is None:
        log("no --model: dictionary baseline, the taxonomy's labels are searched for")

    opened = open_store(store)
    models = open_models(read_settings(model=model, embeddings=embeddings, precision=precision))
    tagger = assemble_tagger(models, load_taxonomy(opened))
    job = TagJob(tagger, store=opened if record else None, lang=lang)
    report = job.run(source, out, resume=resume)
    log(
        f"{report.tagged} products tagged, {report.failed} failed"
        + (f", {report.skipped} done before" if report.skipped else "")
        + f"; {report.seconds:.1f} s"
    )
    if report.failed:
        raise typer.Exit(1)
