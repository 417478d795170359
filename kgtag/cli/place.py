"""The command that finds places for new concepts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgtag.cli.console import log, print_line, print_table
from kgtag.cli.options import Embeddings, Json, Store, open_store

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy

_SHOWN = 3
_LISTED = 8


def place(
    store: Store = None,
    embeddings: Embeddings = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Place among concepts of this kind.", show_default="category, where there are any"),
    ] = None,
    scheme: Annotated[str | None, typer.Option(help="Place among concepts of this scheme.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=60, help="Places for each concept.")] = 10,
    json: Json = False,
) -> None:
    """Find a place for new concepts: JSONL on stdin, with --json JSONL on stdout.

    In: `{"id"?, "label", "definition"?, "lang"?}`;
    out: `{"id"?, "label", "places": [{"broader", "narrower", "score", "probability"}], "attributes"?, "values"?,
    "known"?}`, best first. `narrower` are children of `broader` that would move under the new concept; `attributes` and
    `values` are what concepts like it have, `[{"concept", "score"}]`; `known` names concepts that have the label
    already. A line that cannot be placed gets `{"id", "error"}`, and the command exits with 1.

    Without --embeddings, labels are compared by letters and words alone.

    Example: `echo '{"label":"Standing desks"}' | kgtag place --embeddings models/graph --json`
    """
    from graph import stores
    from kgtag.place import LikelyTags, Placer, place_rows
    from kgtag.recommend.items import ItemTags

    opened = open_store(store)
    taxonomy = stores.load_taxonomy(opened)
    model, encoder, cache = None, None, None
    if embeddings is not None:
        from kgtag.link.models import VECTORS
        from kgtag.place import read_place_model
        from kgtag.tag.models import open_encoder

        model, encoder, cache = read_place_model(embeddings), open_encoder(embeddings), embeddings / VECTORS
    if embeddings is None:
        log(
            "no --embeddings: labels are compared by letters and words, definitions are not read; better: "
            "kgtag train embeddings --out DIR"
        )
    placer = Placer(taxonomy, model=model, encoder=encoder, cache=cache, kind=kind, scheme=scheme)
    failed = 0
    counted = ItemTags.of(taxonomy, opened.items()).cooccurrence
    likely = LikelyTags(placer, count=counted.count, together=counted.together)
    for row in place_rows(placer, sys.stdin.buffer, limit=limit, likely=likely):
        failed += "error" in row
        if json:
            print_line(row)
        elif "error" in row:
            log(f"{row['id'] if row['id'] is not None else 'line ' + str(row['line'])}: {row['error']['detail']}")
        else:
            _show(taxonomy, row)
    if failed:
        log(f"{failed} lines failed")
        raise typer.Exit(1)


def _show(taxonomy: Taxonomy, row: dict[str, Any]) -> None:
    rows = [
        (
            f"{place['probability']:.2f}",
            " > ".join(taxonomy[id].label() for id in taxonomy.path(place["broader"])),
            place["broader"],
            ", ".join(taxonomy[id].label() for id in place["narrower"]),
        )
        for place in row["places"][:_SHOWN]
    ]
    known = f" (there is {', '.join(row['known'])})" if "known" in row else ""
    print_table(row["label"] + known, ("probability", "under", "id", "with, moved under it"), rows)
    own = set(taxonomy.attributes_for(row["places"][0]["broader"])) if row["places"] else set()
    for name in ("attributes", "values"):
        new = [taxonomy[one["concept"]].label() for one in row.get(name, ()) if one["concept"] not in own]
        if new:
            log(f"  {name} that it may have: {', '.join(new[:_LISTED])}")
