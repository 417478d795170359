"""`kgtag restructure`: tags to split, levels to add, tags to prune, combinations to promote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError, KgtagError
from kgtag.cli.console import err, log, print_json, print_table
from kgtag.cli.options import Embeddings, Json, Store, open_store

if TYPE_CHECKING:
    from kgtag.discover.restructure import What


def restructure(
    store: Store = None,
    embeddings: Embeddings = None,
    what: Annotated[
        list[str] | None, typer.Option(help="Only split, level, prune or combine; repeatable.", show_default="all")
    ] = None,
    scheme: Annotated[str | None, typer.Option(help="Only concepts of this scheme.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Suggestions of each kind at most.")] = 20,
    propose: Annotated[int, typer.Option(min=0, help="Propose the first so many of each kind, for review.")] = 0,
    json: Json = False,
) -> None:
    """Find where use no longer fits the taxonomy's shape, from the labels and the stored items.

    Crowded tags whose items fall into groups (split), many concepts beside each other that fall into groups (level),
    tags on no item while their siblings are used (prune), and values so frequent in a category that it could have a
    narrower one (combine). With --embeddings their sentence vectors are compared, otherwise words. Nothing is changed:
    --propose puts suggestions into the queue of `kgtag proposals`.

    Example: `kgtag restructure --embeddings models/graph --what level --propose 5`
    """
    from graph.stores import load_taxonomy
    from kgtag.discover.restructure import WHATS, restructurings
    from kgtag.tag.models import open_encoder

    kinds = [_kind(one, WHATS) for one in what or WHATS]
    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    if scheme is not None and scheme not in taxonomy.schemes:
        raise InputError(f"no scheme {scheme!r}; there is {', '.join(sorted(taxonomy.schemes))}")
    with err.status("reading items and labels …"):
        encoder = open_encoder(embeddings) if embeddings is not None else None
        encode = encoder.encode_uncached if encoder is not None else None
        found = restructurings(taxonomy, opened.items(), encode=encode, what=kinds, scheme=scheme)
    shown = [one for kind in kinds for one in [one for one in found if one.what == kind][:limit]]
    if json:
        print_json({"suggestions": [one.to_dict() for one in shown], "revision": taxonomy.revision})
    elif not shown:
        log("no suggestions")
    else:
        rows = [(one.what, one.draft.title, one.why) for one in shown]
        print_table("Suggestions, the best of each kind first", ["what", "suggestion", "why"], rows, whole=("what",))
    if propose:
        from graph.proposals.workflow import Person
        from graph.proposals.workflow import propose as put

        made, by = 0, Person("kgtag restructure")
        for one in [one for kind in kinds for one in [one for one in found if one.what == kind][:propose]]:
            try:
                put(opened, one.draft, by)
                made += 1
            except KgtagError as error:
                log(f"{one.draft.title}: not proposed: {error}")
        log(f"{made} proposed; see kgtag proposals list")


def _kind(given: str, kinds: tuple[What, ...]) -> What:
    for known in kinds:
        if known == given:
            return known
    raise InputError(f"no kind {given!r} of suggestion; there is {', '.join(kinds)}")
