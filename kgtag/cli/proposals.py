"""`kgtag proposals`: edits proposed, discussed and decided on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Json, Store, log, print_json, print_table
from kgtag.cli.edit_options import announce, login, show_diff

app = typer.Typer(no_args_is_help=True)

Id = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The proposal's number.")]
Author = Annotated[str | None, typer.Option(help="Who does this; else the login name.")]
Expect = Annotated[
    str | None, typer.Option(metavar="ETAG", help="Do nothing when the proposal is no longer what `show` says.")
]
Text = Annotated[str, typer.Option("--comment", help="A comment to go with it.")]
Force = Annotated[bool, typer.Option("--force", help="Do what is for the other side to do; a comment says so.")]


@app.command("list")
def list_(
    status: Annotated[str, typer.Option(help="open, accepted, rejected, withdrawn or all.")] = "open",
    concept: Annotated[str | None, typer.Option(help="Those about this concept.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only older ones than this number.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Proposals, newest first.

    Example: `kgtag proposals list --status open --concept sneakers`
    """
    from graph.errors import InputError
    from graph.model import PROPOSAL_STATUSES
    from graph.rows import proposal_detail
    from kgtag.cli.settings import open_store

    wanted = next((one for one in PROPOSAL_STATUSES if one == status), None)
    if wanted is None and status != "all":
        raise InputError(f"{status!r} is no status; there is {', '.join(PROPOSAL_STATUSES)}, all")
    found = open_store(store).proposals(status=wanted, concept=concept, before=before, limit=limit)
    if json:
        print_json([{n: v for n, v in proposal_detail(one).items() if n != "changes"} for one in found])
    else:
        rows = [(one.id, one.status, one.title, one.author, one.created[:16], len(one.comments)) for one in found]
        print_table("Proposals", ["number", "status", "what", "by", "when", "comments"], rows)


@app.command()
def show(id: Id, store: Store = None, json: Json = False) -> None:
    """A proposal: what it would change today, and what was said about it.

    Example: `kgtag proposals show 3`
    """
    from graph.editing import edit
    from graph.errors import KgtagError
    from graph.model import ChangeSet
    from graph.proposals.workflow import find, outdated
    from graph.stores import load_taxonomy
    from kgtag.cli.settings import open_store

    opened = open_store(store)
    found = find(opened, id)
    if json:
        announce(found, json=True)
        return
    rows: list[tuple[str, object]] = [
        ("number", found.id),
        ("status", found.status),
        ("by", found.author),
        ("when", found.created),
    ]
    rows += [("reason", found.reason), ("concepts", ", ".join(found.concepts)), ("evidence", found.evidence or "")]
    rows += [("decided", f"{found.decided_by}, {found.decided_at}" if found.decided_by else ""), ("etag", found.etag)]
    print_table(found.title, ["", ""], [(name, str(value)) for name, value in rows if value])
    for comment in found.comments:
        log(f"  {comment.at[:16]} {comment.author}: {comment.text}")
    if found.status != "open":
        return
    moved = outdated(load_taxonomy(opened), found)
    if moved:
        log(f"  outdated: {', '.join(moved)} changed since; `kgtag proposals rebase {id}`, by {found.author}")
        return
    try:
        before, _, after = edit.preview(opened, lambda _: ChangeSet(found.changes, found.author))
    except KgtagError as error:
        log(f"  it can't be accepted as it is: {error}")
    else:
        show_diff(before, after)


@app.command()
def add(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="EDIT.json", help='{"operation": "merge", "concept": …, "into": …} or {"changes": […]}'),
    ] = None,
    from_tags: Annotated[
        Path | None, typer.Option(help="Rows of `kgtag tag`: what they took for plausible, one proposal a relation.")
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="With --from-tags: items that a relation must be on.")] = 1,
    title: Annotated[str, typer.Option(help="Made up when it is missing.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    author: Author = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Propose an edit. `kgtag concept merge … --propose` and its like do the same, without a file.

    Examples: `kgtag proposals add merge.json --reason "the same thing"`; `kgtag proposals add --from-tags tags.jsonl`
    """
    from graph.errors import InputError
    from graph.formats import reading
    from graph.proposals.workflow import Person, propose, read_draft
    from kgtag.cli.settings import open_store
    from kgtag.discover.relations import gather_relations, propose_relations

    if (file is None) == (from_tags is None):
        raise InputError("give a file with an edit, or --from-tags")
    opened, by = open_store(store), Person(login(author))
    if file is not None:
        draft = read_draft(reading.json_object(reading.text(file), file), title=title, reason=reason)
        announce(propose(opened, draft, by), json=json)
        return
    assert from_tags is not None
    report = propose_relations(opened, gather_relations(reading.json_rows(from_tags)), by, min_count=min_count)
    if json:
        print_json({"proposed": list(report.made), "skipped": dict(report.skipped)})
    else:
        log(f"{len(report.made)} proposals made")
        for why, count in report.skipped.items():
            log(f"  {count} relations left out: {why}")


@app.command()
def comment(
    id: Id,
    text: Annotated[str, typer.Argument()],
    author: Author = None,
    expect: Expect = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Say something about a proposal.

    Example: `kgtag proposals comment 3 "and the Chinese label?"`
    """
    from graph.proposals import workflow as proposals
    from kgtag.cli.settings import open_store

    by = proposals.Person(login(author))
    announce(proposals.comment(open_store(store), id, text, by, expect=_seen(expect)), json=json)


@app.command()
def accept(
    id: Id,
    text: Text = "",
    author: Author = None,
    expect: Expect = None,
    force: Force = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Write a proposal's changes. Not your own: that takes somebody else, or --force.

    Example: `kgtag proposals accept 3 --expect 0f1e2d3c4b5a6978`
    """
    from graph.proposals import workflow as proposals
    from kgtag.cli.settings import open_store

    by = proposals.Person(login(author))
    done = proposals.accept(open_store(store), id, by, text=text, expect=_seen(expect), force=force)
    announce(done, json=json)


@app.command()
def reject(
    id: Id, text: Text = "", author: Author = None, expect: Expect = None, store: Store = None, json: Json = False
) -> None:
    """Turn a proposal down.

    Example: `kgtag proposals reject 3 --comment "they differ in the sole"`
    """
    from graph.proposals import workflow as proposals
    from kgtag.cli.settings import open_store

    by = proposals.Person(login(author))
    announce(proposals.reject(open_store(store), id, by, text=text, expect=_seen(expect)), json=json)


@app.command()
def withdraw(
    id: Id,
    text: Text = "",
    author: Author = None,
    expect: Expect = None,
    force: Force = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Take your own proposal back.

    Example: `kgtag proposals withdraw 3`
    """
    from graph.proposals import workflow as proposals
    from kgtag.cli.settings import open_store

    by = proposals.Person(login(author))
    done = proposals.withdraw(open_store(store), id, by, text=text, expect=_seen(expect), force=force)
    announce(done, json=json)


@app.command()
def rebase(
    id: Id,
    author: Author = None,
    expect: Expect = None,
    force: Force = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Work your own proposal out anew, when what it touches has changed since.

    Example: `kgtag proposals rebase 3`
    """
    from graph.proposals import workflow as proposals
    from kgtag.cli.settings import open_store

    by = proposals.Person(login(author))
    announce(proposals.rebase(open_store(store), id, by, expect=_seen(expect), force=force), json=json)


def _seen(expect: str | None) -> list[str] | None:
    return None if expect is None else [expect]
