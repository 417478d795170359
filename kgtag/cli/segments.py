"""`kgtag segments`: saved boolean queries over tags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, login, open_store

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The segment's name.")]


@app.command()
def save(
    name: Name,
    query: Annotated[str, typer.Argument(help="Tags by label or id, with AND, OR, NOT and brackets.")],
    replace: Annotated[bool, typer.Option("--replace", help="In place of the one with this name.")] = False,
    author: Annotated[str | None, typer.Option(help="Who saves it.", show_default="you")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Save a query: `waterproof AND (boots OR sandals) NOT kids`. A tag includes the narrower ones.

    Labels are of any language; those with AND, OR or NOT in them need quotes. Saved with ids: other labels and merges
    change nothing.

    Example: `kgtag segments save "red shoes" "shoes AND red NOT sandals"`
    """
    from graph.stores import load_taxonomy
    from kgtag.evaluation.analytics.segments import matching, save_segment

    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    row = save_segment(opened, taxonomy, name, query, author=login(author), replace=replace)
    found = len(matching(row["tree"], taxonomy, opened))
    if json:
        print_json({**row, "count": found, "revision": taxonomy.revision})
    log(f"{name!r} is saved as {row['reads']}; {found} items match")


@app.command("list")
def list_segments(store: Store = None, json: Json = False) -> None:
    """All segments with the items that match.

    Example: `kgtag segments list --json`
    """
    from graph.stores import load_taxonomy
    from kgtag.evaluation.analytics.segments import matching, segments

    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    rows = segments(opened, taxonomy)
    counts = [len(matching(row["tree"], taxonomy, opened)) for row in rows]
    if json:
        found = [{**row, "count": count} for row, count in zip(rows, counts, strict=True)]
        print_json({"segments": found, "revision": taxonomy.revision})
        return
    cells = [(r["name"], count, r["reads"], r["author"], r["at"][:10]) for r, count in zip(rows, counts, strict=True)]
    print_table("Segments", ["name", "items", "query", "by", "saved"], cells)


@app.command()
def count(
    name: Annotated[str | None, typer.Argument(help="A saved segment.")] = None,
    query: Annotated[str | None, typer.Option(help="A query in its place.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """How many items match a segment, or a query that is not saved.

    Examples: `kgtag segments count "red shoes"`; `kgtag segments count --query "鞋 AND 红色"`
    """
    reads, ids, revision = _asked(name, query, store)
    if json:
        print_json({"query": query or name, "reads": reads, "count": len(ids), "revision": revision})
    else:
        typer.echo(len(ids))


@app.command()
def export(
    name: Annotated[str | None, typer.Argument(help="A saved segment.")] = None,
    query: Annotated[str | None, typer.Option(help="A query in its place.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; stdout when left out.")] = None,
    store: Store = None,
) -> None:
    """The ids of the items that match, one a line.

    Example: `kgtag segments export "red shoes" --out ids.txt`
    """
    from graph.formats import reading

    _, ids, _ = _asked(name, query, store)
    if out is not None:
        reading.write(out, (f"{id}\n".encode() for id in ids))
        log(f"{len(ids)} ids in {out}")
    else:
        typer.echo("".join(f"{id}\n" for id in ids), nl=False)


@app.command()
def delete(name: Name, store: Store = None) -> None:
    """Delete a segment; its items stay.

    Example: `kgtag segments delete "red shoes"`
    """
    from kgtag.evaluation.analytics.segments import delete_segment

    if not delete_segment(open_store(store), name):
        raise InputError(f"no segment {name!r}; see kgtag segments list")
    log(f"{name!r} is deleted")


def _asked(name: str | None, query: str | None, url: str | None) -> tuple[str, list[str], str]:
    """The query as it reads, ids of the items that match, and the taxonomy's revision."""
    from graph.stores import load_taxonomy
    from kgtag.evaluation.analytics.segments import describe, matching, parse_segment, segment

    if (name is None) == (query is None):
        raise InputError("give the name of a segment, or --query")
    store = open_store(url)
    taxonomy = load_taxonomy(store)
    if name is not None:
        saved = segment(store, taxonomy, name)
        if saved is None:
            raise InputError(f"no segment {name!r}; see kgtag segments list")
        tree = saved["tree"]
    else:
        tree = list(parse_segment(query or "", taxonomy))
    return describe(tree, taxonomy), matching(tree, taxonomy, store), taxonomy.revision
