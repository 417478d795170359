"""`kgtag ask`: questions about stored items and concepts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, open_store

if TYPE_CHECKING:
    from kgtag.rows.ask import CitationRow


def ask(
    question: Annotated[str, typer.Argument(help="A question in English or Chinese.")],
    store: Store = None,
    recommender: Annotated[
        Path | None,
        typer.Option(envvar="KGTAG_RECOMMENDER", help="From `train recommender`, for what goes with an item."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="Language of the answer: en or zh; that of the question.")] = None,
    json: Json = False,
) -> None:
    """Answer a question about stored items from their tags and the graph, with citations, or say what is not known.

    Values of an item or a shelf, yes or no, which items and how many, differences, what goes with it, what a concept
    is. No language model is used.

    Examples: `kgtag ask "What colour is en-0535?"`; `kgtag ask "哪些双肩包是帆布的？" --json`
    """
    from kgtag.pipeline import load

    pipeline = load(store=open_store(store), recommender=recommender)
    found = pipeline.ask(question, lang=lang)
    if json:
        print_json({**found, "revision": pipeline.taxonomy.revision})
        return
    typer.echo(found["answer"])
    if found["citations"]:
        rows = [_row(one) for one in found["citations"]]
        print_table("from", ["item or concept", "tag or relation", "in the title"], rows)
    if not found["known"]:
        log("not known")


def _row(one: CitationRow) -> tuple[str, str, str]:
    if "item" in one:
        tag = f"{one.get('label', '')} ({one['concept']})" if "concept" in one else "no concept"
        return one["item"], tag + (", rejected" if "status" in one else ""), one.get("surface", "")
    if "definition" in one:
        return one["concept"], "definition", ""
    return one["concept"], f"{one['relation']} {one['target_label']} ({one['target']})", ""
