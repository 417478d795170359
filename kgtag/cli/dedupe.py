"""`kgtag dedupe`: concepts that probably mean the same."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from graph.errors import InputError, KgtagError
from graph.model import KINDS
from kgtag.cli.console import err, log, print_json, print_table
from kgtag.cli.options import Embeddings, Json, Store, login, open_store


def dedupe(
    store: Store = None,
    embeddings: Embeddings = None,
    scheme: Annotated[str | None, typer.Option(help="Only concepts of this scheme.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only categories, attributes or values.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Pairs at most.")] = 100,
    propose: Annotated[int, typer.Option(min=0, help="Propose the first so many as merges, for review.")] = 0,
    json: Json = False,
) -> None:
    """Find near-duplicates: pairs of concepts of one scheme that probably mean the same, the most likely first.

    With thirty merged concepts or more it learns from them what makes two labels the same here (needs kgtag[train]),
    by letters and, with --embeddings, by meaning; with fewer, labels must be nearly equal. Nothing is merged: --propose
    puts merges into the queue of `kgtag proposals`.

    Example: `kgtag dedupe --kind value --embeddings models/graph --propose 20`
    """
    from graph.stores import load_taxonomy
    from kgtag.tag.models import open_encoder
    from kgtag.train.duplicates import Duplicates

    if kind is not None and kind not in KINDS:
        raise InputError(f"no kind {kind!r}; there is {', '.join(KINDS)}")
    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r}; there is {', '.join(sorted(taxonomy.schemes))}")
    usage = Counter(tag.concept for item in opened.items() for tag in item.tags if tag.status == "accepted")
    with err.status("comparing labels …"):
        encoder = open_encoder(embeddings) if embeddings is not None else None
        found = Duplicates(taxonomy, encoder=encoder, usage=usage).find(scheme=scheme, kind=kind, limit=limit)
    if json:
        print_json({"pairs": [one.to_dict() for one in found], "revision": taxonomy.revision})
    elif not found:
        log("no near-duplicates")
    else:
        rows = [(f"{one.score:.2f}", *one.labels, one.concept, one.into, one.why) for one in found]
        print_table("Probably the same, the most likely first", ["score", "label", "and", "id", "into", "why"], rows)
    if propose:
        from graph.proposals.workflow import Draft, Person
        from graph.proposals.workflow import propose as put

        made = 0
        for one in found[:propose]:
            row = one.to_dict()
            draft = Draft(row["change"], reason=one.why, evidence={"score": row["score"], **row["evidence"]})
            try:
                put(opened, draft, Person(login(None)))
                made += 1
            except KgtagError as error:
                log(f"{one.concept} into {one.into} is not proposed: {error}")
        log(f"{made} merges proposed; see kgtag proposals list")
