"""`kgtag profiles`: what is kept of visitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, open_store

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The profile.")]


@app.command()
def show(
    id: Id, lang: Annotated[str | None, typer.Option(help="Of labels.")] = None, store: Store = None, json: Json = False
) -> None:
    """All that is kept of a visitor: the events, the latest first, and the tags that they come to.

    Example: `kgtag profiles show visitor-1`
    """
    from graph.stores import load_taxonomy
    from kgtag.recommend.items import ItemTags
    from kgtag.recommend.profile import MOST_EVENTS, profile_row

    opened = open_store(store)
    events = opened.events(id, limit=MOST_EVENTS)
    taxonomy = load_taxonomy(opened)
    row = profile_row(id, events, ItemTags.of(taxonomy, opened.items()), taxonomy, lang)
    if json:
        print_json(row)
        return
    print_table("Tags, the strongest first", ["tag", "kind", "weight"],
                [(tag["label"], tag["kind"], round(tag["weight"], 3)) for tag in row["tags"][:20]])  # fmt: skip
    print_table("Events, the latest first", ["when", "item or concept", "weight"],
                [(event.at, event.item or event.concept or "", event.weight) for event in events])  # fmt: skip


@app.command()
def erase(id: Id, store: Store = None) -> None:
    """Erase all that is kept of a visitor.

    Example: `kgtag profiles erase visitor-1`
    """
    log(f"{open_store(store).delete_events(profile=id)} events erased")


@app.command()
def prune(older_than: Annotated[int, typer.Option(min=1, help="Days.")], store: Store = None) -> None:
    """Erase the events of all visitors that are older than so many days; run it daily to keep a promise of retention.

    Example: `kgtag profiles prune --older-than 365`
    """
    from graph.model.times import utc_text

    try:
        before = utc_text(datetime.now(UTC) - timedelta(days=older_than))
    except OverflowError:
        raise InputError(f"{older_than} days ago there was no calendar") from None
    log(f"{open_store(store).delete_events(before=before)} events from before {before} erased")
