"""`kgtag concept`: show and edit concepts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.formats import reading
from graph.rows import concept_detail
from kgtag.cli.console import print_json, print_table
from kgtag.cli.edits import EditOptions, EditRequest, edit, given, lists, relations, shown, tagged
from kgtag.cli.options import Json, Store, grouped, open_store

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The concept's id.")]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="[LANG=]TEXT", help="Preferred label; without LANG in English.")
]
Alt = Annotated[list[str] | None, typer.Option("--alt", metavar="[LANG=]TEXT", help="An additional alternative label.")]
Hidden = Annotated[
    list[str] | None, typer.Option("--hidden", metavar="[LANG=]TEXT", help="An additional hidden label, for search.")
]
Definition = Annotated[list[str] | None, typer.Option("--definition", metavar="[LANG=]TEXT")]
Relate = Annotated[
    list[str] | None, typer.Option("--relate", metavar="TYPE=ID", help="An additional relation, like related=boots.")
]


@app.command()
def show(
    id: Id,
    store: Store = None,
    lang: Annotated[str | None, typer.Option(help="Language of the labels shown.")] = None,
    json: Json = False,
) -> None:
    """A concept with its labels, place, relations, ETag and number of items.

    Example: `kgtag concept show sneakers`
    """
    from graph.stores import load_taxonomy

    opened = open_store(store)
    row: dict[str, Any] = {**concept_detail(load_taxonomy(opened), id, lang), "items": len(opened.items_of(id))}
    if json:
        print_json(row)
        return
    named = ("id", "scheme", "kind", "status", "notation", "choice")
    plain = [(name, shown(row[name])) for name in (*named, "pref_label", "alt_label", "hidden_label", "definition")]
    plain.append(("path", " > ".join(f"{one['label']} ({one['concept']})" for one in row["path"])))
    for type, others in row["relations"].items():
        plain.append((type, ", ".join(f"{one['label']} ({one['concept']})" for one in others)))
    plain += [(name, shown(row[name])) for name in ("items", "etag", "revision")]
    print_table(row["label"], ["", ""], [(name, text) for name, text in plain if text])


@app.command()
@grouped
def add(
    id: Id,
    kind: Annotated[str, typer.Option(help="category, attribute or value.")],
    label: Label = None,
    alt: Alt = None,
    hidden: Hidden = None,
    definition: Definition = None,
    broader: Annotated[list[str] | None, typer.Option(help="May be repeated; the first is primary.")] = None,
    relate: Relate = None,
    scheme: Annotated[str | None, typer.Option(help="Required unless there is only one.")] = None,
    *,
    options: EditOptions,
) -> None:
    """Create a concept.

    Example: `kgtag concept add suede --kind value --label en=Suede --label zh=绒面革 --relate value_of=material`
    """
    request: EditRequest = {"operation": "create", "concept": id, "kind": kind, "pref_label": dict(tagged(label))}
    request |= given(
        scheme=scheme,
        alt_label=lists(tagged(alt)) or None,
        hidden_label=lists(tagged(hidden)) or None,
        definition=dict(tagged(definition)) or None,
        broader=broader or None,
    )
    for type, other in relations(relate):
        request.setdefault(type, []).append(other)
    edit(id, request, options)


@app.command("set")
@grouped
def set_(
    id: Id,
    label: Label = None,
    alt: Alt = None,
    hidden: Hidden = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="[LANG=]TEXT", help="Delete an alternative or hidden label.")
    ] = None,
    definition: Definition = None,
    notation: Annotated[str | None, typer.Option(help="A code; empty to delete it.")] = None,
    status: Annotated[str | None, typer.Option(help="active, candidate or deprecated.")] = None,
    choice: Annotated[str | None, typer.Option(help="For an attribute: single or multiple.")] = None,
    relate: Relate = None,
    unrelate: Annotated[list[str] | None, typer.Option(metavar="TYPE=ID", help="Delete a relation.")] = None,
    primary: Annotated[str | None, typer.Option(help="The broader concept that paths follow.")] = None,
    *,
    options: EditOptions,
) -> None:
    """Change a concept's labels, definition, status or relations; others stay.

    Examples: `kgtag concept set sneakers --alt en=kicks --drop en=trainers`; `kgtag concept set b --status candidate`
    """
    plain = given(status=status, choice=choice, primary=primary)
    if notation is not None:
        plain["notation"] = notation or None

    def request(taxonomy: Taxonomy) -> EditRequest:
        concept = taxonomy[id]
        found: EditRequest = {"operation": "set", "concept": id, **plain}
        if label:
            found["pref_label"] = {**concept.pref_label, **dict(tagged(label))}
        if definition:
            found["definition"] = {**concept.definition, **dict(tagged(definition))}
        going = tagged(drop)
        for name, now, more in (("alt_label", concept.alt_label, alt), ("hidden_label", concept.hidden_label, hidden)):
            kept = [(tag, text) for tag, texts in now.items() for text in texts if (tag, text) not in going]
            if more or going:
                found[name] = lists([*kept, *tagged(more)])
        for type, other in relations(relate):
            found.setdefault(type, taxonomy.out(id, type)).append(other)
        for type, other in relations(unrelate):
            found[type] = [one for one in found.get(type, taxonomy.out(id, type)) if one != other]
        return found

    edit(id, request, options)


@app.command()
@grouped
def rename(id: Id, label: Label = None, *, options: EditOptions) -> None:
    """Give a concept another preferred label; the old one becomes an alternative label.

    Example: `kgtag concept rename sneakers --label "en=Sports shoes"`
    """
    edit(id, {"operation": "rename", "concept": id, "pref_label": dict(tagged(label))}, options)


@app.command()
@grouped
def move(
    id: Id,
    broader: Annotated[list[str] | None, typer.Option(help="May be repeated; none makes a top concept.")] = None,
    primary: Annotated[str | None, typer.Option(help="The one that paths follow; the first by default.")] = None,
    *,
    options: EditOptions,
) -> None:
    """Move a concept, with its descendants, below these concepts and no others.

    Example: `kgtag concept move sandals --broader summer-shoes --broader shoes`
    """
    edit(id, {"operation": "move", "concept": id, "broader": broader or [], **given(primary=primary)}, options)


@app.command()
@grouped
def merge(
    id: Id, into: Annotated[str, typer.Argument(metavar="INTO", help="The concept that stays.")], options: EditOptions
) -> None:
    """Merge a concept into another, which takes over labels, relations and items; the first becomes a redirect.

    Example: `kgtag concept merge kicks sneakers --reason "the same thing"`
    """
    edit(id, {"operation": "merge", "concept": id, "into": into}, options)


@app.command()
@grouped
def split(
    id: Id,
    parts: Annotated[
        Path,
        typer.Argument(
            metavar="PARTS.json", help='A list: [{"id", "pref_label": {"en": …}, "alt_label"?, "takes"?: [ids]}, …]'
        ),
    ],
    options: EditOptions,
) -> None:
    """Split a concept into several; items move by their surface, and those left are shown.

    Each part lists under `takes` the narrower concepts, values and related concepts that it takes over.

    Example: `kgtag concept split bags parts.json --dry-run`
    """
    edit(id, {"operation": "split", "concept": id, "parts": reading.json_value(reading.text(parts), parts)}, options)


@app.command()
@grouped
def deprecate(
    id: Id,
    replaced_by: Annotated[str | None, typer.Option(help="The concept that takes over its items.")] = None,
    *,
    options: EditOptions,
) -> None:
    """Deprecate a concept; with `--replaced-by`, redirects and items move there.

    Example: `kgtag concept deprecate crimson --replaced-by red`
    """
    edit(id, {"operation": "deprecate", "concept": id} | given(replaced_by=replaced_by), options)
