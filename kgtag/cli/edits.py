"""The execution of edit requests: write, propose, preview; and how labels and relations are given and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.errors import InputError
from graph.model import LANGUAGE_TAG, RELATION_TYPES, Retag
from graph.rows import proposal_detail, review_row
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, login, open_store

if TYPE_CHECKING:
    from graph.model import ChangeSet, Proposal, RelationType
    from graph.store import TaxonomyStore
    from graph.taxonomy import Taxonomy

EditRequest = dict[str, Any]

_ROWS = 20


@dataclass(frozen=True, slots=True)
class EditOptions:
    """Options of every editing command."""

    reason: Annotated[str, typer.Option(help="The reason in the history.")] = ""
    author: Annotated[str | None, typer.Option(help="The author in the history; the login name by default.")] = None
    expect: Annotated[
        str | None,
        typer.Option(metavar="REVISION_OR_ETAG", help="Write nothing when this has changed: from `concept show`."),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False
    propose: Annotated[bool, typer.Option("--propose", help="Make a proposal for another person to accept.")] = False
    store: Store = None
    json: Json = False


def edit(id: str, request: EditRequest | Callable[[Taxonomy], EditRequest], options: EditOptions) -> None:
    """Plan an edit request on the present taxonomy, on which it may depend; write, propose or preview it."""
    from graph import editing
    from graph.editing import edit as writing
    from graph.proposals.workflow import Draft, Person, propose
    from graph.stores import load_taxonomy

    store, author = open_store(options.store), login(options.author)
    planned: list[ChangeSet] = []

    def made(taxonomy: Taxonomy) -> EditRequest:
        return request(taxonomy) if callable(request) else request

    def checked(taxonomy: Taxonomy) -> ChangeSet:
        if options.expect is not None:
            editing.require_expected(taxonomy, id, options.expect)
        planned.append(editing.plan(made(taxonomy), taxonomy, editing.Signature(author, options.reason)))
        return planned[-1]

    if options.dry_run:
        _preview(store, *writing.preview(store, checked), json=options.json)
    elif options.propose:
        taxonomy = load_taxonomy(store)
        checked(taxonomy)
        draft = Draft(operation=made(taxonomy), reason=options.reason)
        announce(propose(store, draft, Person(author)), json=options.json)
    else:
        result = writing.apply_with(store, checked)
        _written(store, result, planned[-1], id, json=options.json)


def given(**fields: Any) -> EditRequest:
    """The fields of a request that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def tagged(given: Sequence[str] | None) -> list[tuple[str, str]]:
    """`zh=鞋` → ("zh", "鞋"); text without a language is English."""
    found = []
    for text in given or ():
        tag, equals, label = text.partition("=")
        found.append((tag, label) if equals and LANGUAGE_TAG.fullmatch(tag) else ("en", text))
    return found


def lists(labels: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag, text in labels:
        found.setdefault(tag, []).append(text)
    return found


def relations(given: Sequence[str] | None) -> list[tuple[RelationType, str]]:
    """`related=boots` → ("related", "boots"). Raises InputError."""
    found: list[tuple[RelationType, str]] = []
    for text in given or ():
        name, _, id = text.partition("=")
        type = next((one for one in RELATION_TYPES if one == name), None)
        if type is None or not id:
            raise InputError(
                f"invalid relation {text!r}; TYPE=ID was expected, TYPE one of {', '.join(RELATION_TYPES)}"
            )
        found.append((type, id))
    return found


def shown(value: object) -> str:
    """Labels by language in one line: en: Kicks, Footwear; zh: 鞋."""
    if isinstance(value, Mapping):
        parts = ((tag, texts if isinstance(texts, str) else ", ".join(texts)) for tag, texts in sorted(value.items()))
        return "; ".join(f"{tag}: {text}" for tag, text in parts)
    return "" if value is None else str(value)


def show_diff(before: Taxonomy, after: Taxonomy) -> None:
    """Print the differences between two snapshots."""
    from graph.history.diff import diff, to_json

    for name, rows in to_json(diff(before, after)).items():
        for row in rows[:_ROWS]:
            log(f"  {name.replace('_', ' ')}: {_line(row)}")
        if len(rows) > _ROWS:
            log(f"  {name.replace('_', ' ')}: {len(rows) - _ROWS} more; see them all with --json")


def announce(proposal: Proposal, *, json: bool) -> None:
    if json:
        print_json(proposal_detail(proposal))
    else:
        version = f" as version {proposal.version}" if proposal.version is not None else ""
        log(f"proposal {proposal.id} ({proposal.title}) is {proposal.status}{version}; etag {proposal.etag}")


def _preview(store: TaxonomyStore, before: Taxonomy, changes: ChangeSet, after: Taxonomy, *, json: bool) -> None:
    from graph.history.diff import diff, to_json
    from graph.model.changes import change_to_json

    moving = [change for change in changes.changes if isinstance(change, Retag)]
    items = {source: len(store.items_of(source)) for source in sorted({retag.source for retag in moving})}
    rows = [change_to_json(change) for change in changes.changes]
    if json:
        print_json({"dry_run": True, "changes": rows, "diff": to_json(diff(before, after)), "items": items})
        return
    title = f"Nothing is written. {len(rows)} changes on revision {before.revision} would be:"
    print_table(title, ["change", "what"], [(name, _line(what)) for row in rows for name, what in row.items()])
    show_diff(before, after)
    for source, count in items.items():
        log(f"  {count} items have the tag {source!r}, which may move")


def _written(store: TaxonomyStore, taxonomy: Taxonomy, changes: ChangeSet, id: str, *, json: bool) -> None:
    left = store.items_of(id) if any(isinstance(change, Retag) for change in changes.changes) else []
    row: dict[str, Any] = {
        "concept": id,
        "etag": taxonomy.etag(id),
        "version": taxonomy.version,
        "revision": taxonomy.revision,
        "changes": len(changes.changes),
        "resolves_to": taxonomy.resolve(id),
        "review": review_row(left),
    }
    if json:
        print_json(row)
        return
    log(f"version {taxonomy.version}, revision {taxonomy.revision}; {id!r} has etag {row['etag']} now")
    if left:
        more = " …" if len(left) > _ROWS else ""
        log(f"{len(left)} items still have the tag {id!r}; review them: {', '.join(left[:_ROWS])}{more}")


def _line(row: Any) -> str:
    text = str(row)
    return text if len(text) <= 200 else text[:199] + "…"
