"""`kgtag search`: a search query parsed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import print_json, print_table
from kgtag.cli.options import Json, QueryModel, Store, open_store

if TYPE_CHECKING:
    from kgtag.search.parsed import QuerySpan


def search(
    query: Annotated[str, typer.Argument(help="A search query, as customers type it.")],
    store: Store = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", envvar="KGTAG_MODEL", help="A model directory; without one, labels alone are read."),
    ] = None,
    query_model: QueryModel = None,
    lang: Annotated[
        str | None, typer.Option(help="Language of the labels shown; that of the query by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Parse a search query: concepts, category, bounds, exclusions, expansions, facets, a body for Elasticsearch.

    Example: `kgtag search "wool socks men under $20 no polyester"`
    """
    from kgtag.pipeline import load

    pipeline = load(model, store=open_store(store), query_model=query_model)
    found = pipeline.search(query, lang=lang)
    if json:
        print_json({**found.to_dict(), "revision": pipeline.taxonomy.revision})
        return
    category = found.category
    title = f"{category.label} ({category.concept}, {category.probability:.2f})" if category else "no category"
    columns = ("part", "type", "concepts", "")
    print_table(f"{query}: {title}", columns, [_row(span) for span in found.spans])
    if found.remainder:
        print_table("other words", ["words"], [(found.remainder,)])
    if found.expansions:
        rows = [(one.text, f"{one.weight:.2f}", one.why) for one in found.expansions]
        print_table("expansions", ["text", "weight", "why"], rows)
    if found.facets:
        shown = [(one.label, ", ".join(label for _, label, _ in one.values[:6])) for one in found.facets]
        print_table("facets", ["attribute", "values"], shown)


def _row(span: QuerySpan) -> tuple[str, str, str, str]:
    concepts = ", ".join(f"{one.label} ({one.concept}) {one.probability:.2f}" for one in span.concepts)
    bounds = span.amount.to_dict() if span.amount is not None else {}
    notes = [span.rule.replace("_", " ")] if span.rule is not None else []
    notes += [f"{name} {value:g}" if isinstance(value, float) else str(value) for name, value in bounds.items()]
    return span.surface, span.type, concepts, ", ".join(notes)
