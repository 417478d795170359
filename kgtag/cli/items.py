"""`kgtag items`: what is kept of items, and what is personal in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from graph.rows import feedback_row
from kgtag.cli.console import log, print_json, print_line
from kgtag.cli.options import Store, open_store

if TYPE_CHECKING:
    from graph.model import ItemNil, TaggedItem

app = typer.Typer(no_args_is_help=True)
_BATCH = 500


@app.command()
def export(id: Annotated[str, typer.Argument(help="The item.")], store: Store = None) -> None:
    """All that is kept of an item, as JSON: its title, tags, and the feedback on it.

    Example: `kgtag items export sku-1`
    """
    from graph.stores import load_taxonomy
    from kgtag.tag.stored import item_row

    opened = open_store(store)
    item = opened.item(id)
    if item is None:
        raise InputError(f"no item {id!r} is stored")
    given = [feedback_row(one) for one in opened.feedback() if one.item == id]
    print_json({"item": item_row(item, load_taxonomy(opened)), "feedback": given})


@app.command()
def erase(ids: Annotated[list[str], typer.Argument(help="The items.")], store: Store = None) -> None:
    """Erase items, their tags, the feedback on them, and what proposals show of them.

    Example: `kgtag items erase sku-1 sku-2`
    """
    from graph.proposals.erase import erase_items

    log(f"items erased: {erase_items(open_store(store), ids):,}")


@app.command()
def purge(
    older_than: Annotated[str, typer.Option(metavar="365d", help="Since the last change of an item: 90d, 52w.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    store: Store = None,
) -> None:
    """Erase the items that have not been tagged or reviewed for so long; run it daily to keep a promise of retention.

    Items that were stored before kgtag noted changes count from the migration that began it.

    Example: `kgtag items purge --older-than 365d`
    """
    from graph.model.times import read_duration
    from graph.proposals.erase import erase_items

    opened = open_store(store)
    try:
        before = (datetime.now(UTC) - read_duration(older_than)).isoformat(timespec="microseconds")
    except OverflowError:
        raise InputError(f"{older_than} ago there was no calendar") from None
    ids = opened.old_items(before)
    erased = 0 if dry_run else sum(erase_items(opened, ids[at : at + _BATCH]) for at in range(0, len(ids), _BATCH))
    log(f"{len(ids)} items are unchanged since {before[:19]}Z" + ("" if dry_run else f"; {erased} erased"))


@app.command()
def check(
    source: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Products; the items of the store when left out.")
    ] = None,
    mask: Annotated[bool, typer.Option("--mask", help="Mask the titles of the store's items.")] = False,
    store: Store = None,
) -> None:
    """Find personal data in a file of products, or in the stored items: a row of JSON for each, masked.

    Mails, phone numbers, WeChat and QQ ids, Chinese id cards, bank cards. Exit code 1 when there is any left.

    Examples: `kgtag items check products.csv`; `kgtag items check --mask --store sqlite:///shop.db`
    """
    from kgtag.data import read_products
    from kgtag.text.personal import find_personal, mask_product
    from kgtag.text.personal import mask as masked
    from kgtag.types import Product

    if mask and source is not None:
        raise InputError("--mask is for the items of a store; leave the file out")
    opened = open_store(store) if source is None else None

    def products() -> Iterator[Product]:
        if source is not None:
            yield from (product for _, product in read_products(source))
        elif opened is not None:
            yield from (Product(item.id, item.title) for item in opened.items())

    found = 0
    for product in products():
        clean = mask_product(product)
        if clean is product:
            continue
        found += 1
        kinds = sorted({one.kind for text in (product.title, product.text) if text for one in find_personal(text)})
        print_line({"id": product.id, "kinds": kinds, "title": clean.title})
        if mask and opened is not None and (item := opened.item(product.id)) is not None:
            title = masked(item.title)
            tags = tuple(
                replace(tag, surface=title[tag.start : tag.end]) if tag.start is not None else tag for tag in item.tags
            )
            opened.put_items([replace(item, title=title, tags=tags, nil=_unmasked(item, title))])
    log(f"personal data in {found} products" + (", masked now" if mask and found else ""))
    if found and not mask:
        raise typer.Exit(1)


def _unmasked(item: TaggedItem, title: str) -> tuple[ItemNil, ...]:
    """The mentions without a concept that are not personal by themselves, nor by what stands around them."""
    from kgtag.text.personal import mask

    hidden = {one.surface for one in item.nil if one.surface in item.title and one.surface not in title}
    return tuple(one for one in item.nil if one.surface not in hidden and mask(one.surface) == one.surface)
