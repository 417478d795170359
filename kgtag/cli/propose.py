"""`kgtag propose`, `kgtag proposals gold`: proposals of new values, and training data from accepted ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import Json, Store, log, print_json, write_rows
from kgtag.cli.edit_options import login

if TYPE_CHECKING:
    from kgtag.types import Product

Tags = Annotated[Path, typer.Argument(metavar="TAGS.jsonl", help="Rows of `kgtag tag`.")]


def propose(
    tags: Tags,
    products: Annotated[
        Path | None, typer.Option(help="The tagged products, for languages and example titles.")
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Products that a value must be found in.")] = 2,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Less probable mentions don't count.")] = 0.5,
    similarity: Annotated[float, typer.Option(min=0, max=1, help="Least similarity of spellings of one value.")] = 0.6,
    author: Annotated[str | None, typer.Option(help="The proposer; the login name by default.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Propose new values for frequent NIL mentions.

    Each proposal has a name, other spellings, an attribute, a broader value, and products as evidence.
    `kgtag proposals list` shows them; accepted ones become concepts.

    Example: `kgtag propose tags.jsonl --products products.jsonl`
    """
    from graph.formats import reading
    from graph.proposals.workflow import Person
    from kgtag.cli.settings import open_store
    from kgtag.discover.mentions import cluster, group_mentions
    from kgtag.discover.propose import propose_values

    found = cluster(group_mentions(reading.json_rows(tags), min_probability=min_probability), similarity=similarity)
    known = _products(products) if products is not None else {}
    by = Person(login(author))
    report = propose_values(open_store(store), found, by, products=known, min_count=min_count)
    if json:
        print_json({"clusters": len(found), "proposed": list(report.made), "skipped": dict(report.skipped)})
    else:
        log(f"{len(report.made)} proposals made of {len(found)} new values")
        for why, count in report.skipped.items():
            log(f"  {count} left out: {why}")


def gold(
    tags: Tags,
    products: Annotated[Path, typer.Option(help="The products that were tagged.")],
    out: Annotated[Path | None, typer.Option(help="JSONL file to write; stdout when left out.")] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="The model to be trained further: names its attributes.")
    ] = None,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Less probable tags don't become gold.")] = 0.5,
    store: Store = None,
) -> None:
    """Export accepted proposals as training data: annotated products with the new values and links.

    Example: `kgtag proposals gold tags.jsonl --products products.jsonl --out new.jsonl`
    """
    from graph.formats import reading
    from kgtag.cli.settings import open_store
    from kgtag.discover.gold import accepted_gold
    from kgtag.extract.files import read_config

    names = {id: name for name, id in read_config(model)[0].attribute_concepts.items()} if model is not None else {}
    found = accepted_gold(
        open_store(store),
        reading.json_rows(tags),
        _products(products),
        names=names,
        min_probability=min_probability,
    )
    rows = list(found)
    write_rows(rows, out)
    log(f"{len(rows)} annotated products")


def _products(path: Path) -> dict[str, Product]:
    from kgtag.data import attempt_products
    from kgtag.types import Product

    return {row.id: row for row in attempt_products(path) if isinstance(row, Product)}
