"""`kgtag describe`: descriptions from tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, write_rows
from kgtag.cli.options import Columns, Rows, Store, open_store

if TYPE_CHECKING:
    from graph.model import TaggedItem
    from graph.store import TaxonomyStore
    from graph.taxonomy import Taxonomy
    from kgtag.rows.tagging import DescriptionRow
    from kgtag.tag.tagger import Tagger

_BATCH = 256


def describe(
    items: Annotated[
        Path | None,
        typer.Argument(help="Rows of `kgtag tag`, or products, which are tagged first; stored items when left out."),
    ] = None,
    store: Store = None,
    lang: Annotated[list[str] | None, typer.Option(help="en or zh; repeatable.", show_default="en")] = None,
    item: Annotated[list[str] | None, typer.Option("--item", help="Only the item with this id; repeatable.")] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            help="A folder of Jinja templates CATEGORY.LANG.jinja and default.LANG.jinja, before the built-in."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="Tags products, and the texts again for --check.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Tag each text again: exit code 1 when one states too little or too much.")
    ] = False,
    column: Columns = None,
    out: Rows = None,
) -> None:
    """Write product descriptions from tags, English and Chinese: JSONL `{"id", "lang", "description", "concepts"}`.

    A description states tags and nothing else. `unused` are tags that a template leaves out, `missing` and `added` what
    --check finds.

    Examples: `kgtag describe --lang en --lang zh --item en-0535`; `kgtag describe tags.jsonl --check --out texts.jsonl`
    """
    from graph.stores import load_taxonomy
    from kgtag.describe.check import checked
    from kgtag.describe.describer import Describer

    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    describer = Describer(taxonomy, templates)
    tagger = cache(lambda: _tagger(model, taxonomy))
    unfaithful = 0

    def rows() -> Iterator[DescriptionRow]:
        nonlocal unfaithful
        found = _items(items, opened, tagger, column, item)
        while batch := list(islice(found, _BATCH)):
            made = [describer.describe(one, lang=each) for one in batch for each in lang or ["en"]]
            made = checked(made, tagger(), taxonomy) if check else made
            unfaithful += sum(bool(row.get("missing") or row.get("added")) for row in made)
            yield from made

    write_rows(rows(), out)
    if unfaithful:
        log(f"{unfaithful} texts do not give their tags when they are tagged again; see `missing` and `added`")
        raise typer.Exit(1)


def _items(
    file: Path | None,
    store: TaxonomyStore,
    tagger: Callable[[], Tagger],
    column: list[str] | None,
    wanted: list[str] | None,
) -> Iterator[TaggedItem]:
    """The items of the file, else of the store; only the wanted ones where ids are given."""
    from kgtag.data import read_columns
    from kgtag.evaluation.analytics.sources import items_of_file

    if file is not None:
        found = items_of_file(file, tagger, read_columns(column))
        yield from (one for one in found if not wanted or one.id in wanted)
        return
    if not wanted:
        yield from store.items()
        return
    for id in wanted:
        if (stored := store.item(id)) is None:
            raise InputError(f"no item {id!r} is stored; kgtag tag --record stores items")
        yield stored


def _tagger(model: Path | None, taxonomy: Taxonomy) -> Tagger:
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import assemble_tagger

    return assemble_tagger(open_models(read_settings(model=model)), taxonomy)
