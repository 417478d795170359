"""`kgtag feedback`: what people think of tags, and what follows from it."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict
from typing import Annotated

import typer

from graph.errors import InputError
from graph.model import VERDICTS, Feedback
from graph.model.feedback import new_feedback_id
from graph.rows import feedback_row
from kgtag.cli.console import log, print_json, print_table, write_rows
from kgtag.cli.options import Json, Rows, Store, login, open_store

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    verdict: Annotated[str, typer.Argument(help="right, wrong or missing.")],
    concept: Annotated[str, typer.Argument(help="The tag: a concept's id.")],
    item: Annotated[str | None, typer.Option(help="A stored item.")] = None,
    title: Annotated[str | None, typer.Option(help="A title, for a product that is not stored.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who; the login name by default.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    store: Store = None,
) -> None:
    """Say that a tag of an item is right, wrong or missing; the stored item's tag follows.

    Example: `kgtag feedback add wrong red --item sku-1 --reason "it is the brand"`
    """
    from graph.stores import load_taxonomy
    from kgtag.discover.feedback import masked_feedback, require_tag
    from kgtag.serve.settings import read_settings

    known = next((one for one in VERDICTS if one == verdict), None)
    if known is None:
        raise InputError(f"no verdict {verdict!r}; there is {', '.join(VERDICTS)}")
    if (item is None) == (title is None or not title.strip()):
        raise InputError("feedback is about a stored item or about a title; give --item or --title")
    opened = open_store(store)
    require_tag(load_taxonomy(opened), concept)
    if item is not None and opened.item(item) is None:
        raise InputError(f"no item {item!r} is stored; give --title, or store it with: kgtag tag --record")
    id, at = new_feedback_id()
    product = None if title is None else {"title": title}
    given = Feedback(id, at, login(reviewer or None), concept, known, item, product, None, reason)
    opened.put_feedback(masked_feedback(given) if read_settings().mask_personal else given)
    log(f"kept: {verdict} {concept}")


@app.command("list")
def list_(
    concept: Annotated[str | None, typer.Option(help="Only on this concept.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    store: Store = None,
    json: Json = False,
) -> None:
    """The latest feedback, oldest first.

    Example: `kgtag feedback list --concept red`
    """
    found = list(deque(open_store(store).feedback(concept=concept), maxlen=limit))
    if json:
        print_json(list(map(feedback_row, found)))
        return
    rows = [(one.at, one.reviewer, one.verdict, one.concept, _about(one), one.reason) for one in found]
    print_table("Feedback", ["when", "by", "verdict", "tag", "item or title", "why"], rows)


@app.command()
def summary(store: Store = None, json: Json = False) -> None:
    """How precise each tag is by feedback, with a 95% interval, and where people disagree.

    Example: `kgtag feedback summary --json`
    """
    from kgtag.discover.feedback import disagreements, precision_of_tags

    found = list(open_store(store).feedback())
    precise, apart = precision_of_tags(found), disagreements(found)
    if json:
        rows = [list(map(feedback_row, given)) for given in apart]
        print_json({"precision": list(map(asdict, precise)), "disagreements": rows})
        return
    columns = ["tag", "right", "wrong", "missing", "precision", "95% interval"]
    shown = [
        (p.concept, p.right, p.wrong, p.missing, p.precision, None if p.precision is None else f"{p.low} to {p.high}")
        for p in precise
    ]
    print_table("Precision of tags, the least precise first", columns, shown)
    if apart:
        rows_ = [(_about(g[0]), g[0].concept, ", ".join(f"{o.reviewer}: {o.verdict}" for o in g)) for g in apart]
        print_table("Disagreements", ["item or title", "tag", "verdicts"], rows_)


@app.command()
def export(out: Rows = None, store: Store = None) -> None:
    """Write the products that have feedback as annotated products, to train on or to look at.

    Example: `kgtag feedback export --out reviewed.jsonl`
    """
    from graph.stores import load_taxonomy
    from kgtag.data.annotated import gold_row
    from kgtag.discover.feedback import reviewed_products

    opened = open_store(store)
    rows = [gold_row(one) for one in reviewed_products(opened, load_taxonomy(opened))]
    write_rows(rows, out)
    log(f"{len(rows)} annotated products")


def _about(one: Feedback) -> str:
    return one.item or str((one.product or {}).get("title", ""))
