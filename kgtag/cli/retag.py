"""`kgtag retag`: stored items after a change of the taxonomy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table, row_bar
from kgtag.cli.options import Embeddings, Json, Precision, Store, open_store


def retag(
    since: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The version or release that the items were tagged with.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Tag every item again.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="From `train extractor`; as for `kgtag tag`.")
    ] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    precision: Precision = "fp32",
    products: Annotated[
        Path | None, typer.Option(help="The products as they are now, by id; else the stored titles are tagged.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and store nothing.")] = False,
    verify: Annotated[
        int, typer.Option(min=0, metavar="N", help="Tag N skipped items as well: would their tags change?")
    ] = 0,
    json: Json = False,
) -> None:
    """Tag again the stored items that a change of the taxonomy touches, and only those.

    Touched: with a tag that changed, moved, was deprecated or lies below what did; with words of labels that came, went
    or changed; tagged by another model. What was stored by hand stays. Run it again after an interruption: what is done
    is done.

    Example: `kgtag retag --since 12 --model models/shop --verify 200`
    """
    from graph.sources import snapshot_named
    from graph.stores import load_taxonomy
    from kgtag.data import read_products
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import assemble_tagger
    from kgtag.tag.retag import retag as tag_again

    if every == (since is not None):
        raise InputError("give --since VERSION, or --all")
    opened = open_store(store)
    models = open_models(read_settings(model=model, embeddings=embeddings, precision=precision))
    tagger = assemble_tagger(models, load_taxonomy(opened))
    before = snapshot_named(since, opened, open=open_store) if since is not None else None
    given = {product.id: product for _, product in read_products(products)} if products is not None else None
    with row_bar("tagging again", "items") as watch:
        report = tag_again(
            opened,
            tagger,
            since=before,
            products=given,
            dry_run=dry_run,
            verify=verify,
            watch=(lambda done: watch(done, None)) if watch is not None else lambda _: None,
        )
    if json:
        print_json(report.to_json())
    else:
        title = "What would be tagged again" if dry_run else "Tagged again"
        print_table(
            title, ["items", "count"], [(_NAMES[k], _shown(v)) for k, v in report.to_json().items() if k in _NAMES]
        )
    if report.no_text:
        log(f"{report.no_text} items have tags from a text that is not stored; give their file with --products FILE")
    if report.failed:
        raise typer.Exit(1)


_NAMES = {
    "items": "stored",
    "done": "done already",
    "touched": "touched",
    "skipped": "skipped: not touched",
    "entered": "skipped: stored by hand",
    "no_text": "skipped: their text is not stored",
    "retagged": "tagged again",
    "changed": "of these, with other tags",
    "failed": "failed",
    "checked": "skipped ones checked",
    "missed": "of these, would have other tags",
}


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} by {reason}" for reason, count in value.items()) or "0"
    return f"{value:,}"
