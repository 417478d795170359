"""`kgtag concept`: look at a concept, and edit it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgtag.cli.console import Json, Store, print_json, print_table
from kgtag.cli.edit_options import Deed, Words, edit, lists, relations, shown, tagged

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The concept's id.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]
Author = Annotated[str | None, typer.Option(help="Who, for the history; else the login name.")]
Expect = Annotated[
    str | None,
    typer.Option(metavar="REVISION_OR_ETAG", help="Write nothing when this is no longer what `show` says."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")]
Propose = Annotated[bool, typer.Option("--propose", help="Make it a proposal for somebody else to accept.")]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="[LANG=]TEXT", help="Preferred label; without LANG in English.")
]
Alt = Annotated[list[str] | None, typer.Option("--alt", metavar="[LANG=]TEXT", help="One more alternative label.")]
Hidden = Annotated[
    list[str] | None, typer.Option("--hidden", metavar="[LANG=]TEXT", help="One more hidden label, for search alone.")
]
Definition = Annotated[list[str] | None, typer.Option("--definition", metavar="[LANG=]TEXT")]
Relate = Annotated[
    list[str] | None, typer.Option("--relate", metavar="TYPE=ID", help="One more relation, like related=boots.")
]


@app.command()
def show(
    id: Id,
    store: Store = None,
    lang: Annotated[str | None, typer.Option(help="Language of the labels shown.")] = None,
    json: Json = False,
) -> None:
    """A concept with its labels, place, relations, ETag, and how many items carry it.

    Example: `kgtag concept show sneakers`
    """
    from graph.rows import concept_detail
    from graph.stores import load_taxonomy
    from kgtag.cli.settings import open_store

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
def add(
    id: Id,
    kind: Annotated[str, typer.Option(help="category, attribute or value.")],
    label: Label = None,
    alt: Alt = None,
    hidden: Hidden = None,
    definition: Definition = None,
    broader: Annotated[list[str] | None, typer.Option(help="May be repeated; the first is primary.")] = None,
    relate: Relate = None,
    scheme: Annotated[str | None, typer.Option(help="Needed unless there is just one.")] = None,
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Create a concept.

    Example: `kgtag concept add suede --kind value --label en=Suede --label zh=绒面革 --relate value_of=material`
    """
    words: Words = {"operation": "create", "concept": id, "kind": kind, "pref_label": dict(tagged(label))}
    if scheme is not None:
        words["scheme"] = scheme
    for name, given in (("alt_label", alt), ("hidden_label", hidden)):
        if given:
            words[name] = lists(tagged(given))
    if definition:
        words["definition"] = dict(tagged(definition))
    if broader:
        words["broader"] = broader
    for type, other in relations(relate):
        words.setdefault(type, []).append(other)
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command("set")
def set_(
    id: Id,
    label: Label = None,
    alt: Alt = None,
    hidden: Hidden = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="[LANG=]TEXT", help="An alternative or hidden label to go.")
    ] = None,
    definition: Definition = None,
    notation: Annotated[str | None, typer.Option(help="A code; empty to take it off.")] = None,
    status: Annotated[str | None, typer.Option(help="active, candidate or deprecated.")] = None,
    choice: Annotated[str | None, typer.Option(help="Of an attribute: single or multiple.")] = None,
    relate: Relate = None,
    unrelate: Annotated[list[str] | None, typer.Option(metavar="TYPE=ID", help="A relation to go.")] = None,
    primary: Annotated[str | None, typer.Option(help="The broader concept that paths follow.")] = None,
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Change a concept's labels, definition, status or relations; what isn't named stays.

    Examples: `kgtag concept set sneakers --alt en=kicks --drop en=trainers`; `kgtag concept set b --status candidate`
    """
    plain: Words = {
        name: value
        for name, value in (("status", status), ("choice", choice), ("primary", primary))
        if value is not None
    }
    if notation is not None:
        plain["notation"] = notation or None

    def words(taxonomy: Taxonomy) -> Words:
        concept = taxonomy[id]
        found: Words = {"operation": "set", "concept": id, **plain}
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

    edit(id, words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command()
def rename(
    id: Id,
    label: Label = None,
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Give a concept another preferred label; the old one stays as an alternative label.

    Example: `kgtag concept rename sneakers --label "en=Sports shoes"`
    """
    words = {"operation": "rename", "concept": id, "pref_label": dict(tagged(label))}
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command()
def move(
    id: Id,
    broader: Annotated[list[str] | None, typer.Option(help="May be repeated; none puts it at the top.")] = None,
    primary: Annotated[str | None, typer.Option(help="The one that paths follow; else the first.")] = None,
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Put a concept, and all that is below it, below these and no others.

    Example: `kgtag concept move sandals --broader summer-shoes --broader shoes`
    """
    words: Words = {"operation": "move", "concept": id, "broader": broader or []}
    if primary is not None:
        words["primary"] = primary
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command()
def merge(
    id: Id,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The concept that stays.")],
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Let one concept stand for another: it takes over labels, relations and items; the other becomes a redirect.

    Example: `kgtag concept merge kicks sneakers --reason "the same thing"`
    """
    words = {"operation": "merge", "concept": id, "into": into}
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command()
def split(
    id: Id,
    parts: Annotated[
        Path,
        typer.Argument(
            metavar="PARTS.json", help='A list: [{"id", "pref_label": {"en": …}, "alt_label"?, "takes"?: [ids]}, …]'
        ),
    ],
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Replace a concept by several; items go where their words tell, and those left are shown.

    Each part names under `takes` the narrower concepts, values and other relations that are to be its own.

    Example: `kgtag concept split bags parts.json --dry-run`
    """
    from graph.formats import reading

    read = reading.json_value(reading.text(parts), parts)
    words = {"operation": "split", "concept": id, "parts": read}
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))


@app.command()
def deprecate(
    id: Id,
    replaced_by: Annotated[str | None, typer.Option(help="The concept that takes over its items.")] = None,
    reason: Reason = "",
    author: Author = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Take a concept out of use; with `--replaced-by`, what names it is led there.

    Example: `kgtag concept deprecate crimson --replaced-by red`
    """
    words: Words = {"operation": "deprecate", "concept": id}
    if replaced_by is not None:
        words["replaced_by"] = replaced_by
    edit(id, lambda _: words, Deed(store, reason, author, expect, dry_run, propose, json))
