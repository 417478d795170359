"""`kgtag propose`, `kgtag proposals gold`: proposals of new values, and training data from accepted ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import Json, Store, log, print_json, print_line
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
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Score that a mention must have to count.")] = 0.5,
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
    from kgtag.discover import cluster, gather, propose_clusters

    found = cluster(gather(reading.json_rows(tags), least_score=min_score), alike=similarity)
    known = _products(products) if products is not None else {}
    report = propose_clusters(open_store(store), found, Person(login(author)), products=known, least=min_count)
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
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="The model that is to learn more: its attributes' names.")
    ] = None,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Less probable tags don't become gold.")] = 0.5,
    store: Store = None,
) -> None:
    """Export accepted proposals as training data: annotated products with the new values and links.

    Example: `kgtag proposals gold tags.jsonl --products products.jsonl --out new.jsonl`
    """
    import sys

    import orjson

    from graph.formats import reading
    from kgtag.cli.settings import open_store
    from kgtag.discover import accepted_gold
    from kgtag.extract.files import read_config

    names = {id: name for name, id in read_config(model)[0].attribute_concepts.items()} if model is not None else {}
    rows = list(
        accepted_gold(
            open_store(store), reading.json_rows(tags), _products(products), names=names, least=min_probability
        )
    )
    if out is not None:
        reading.write(out, (orjson.dumps(row) + b"\n" for row in rows))
    else:
        for row in rows:
            print_line(row)
        sys.stdout.buffer.flush()
    log(f"{len(rows)} annotated products")


def _products(path: Path) -> dict[str, Product]:
    from kgtag.data import attempt_products
    from kgtag.types import Product

    return {row.id: row for row in attempt_products(path) if isinstance(row, Product)}
