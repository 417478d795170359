"""Options of the editing commands, and the execution of edit requests: write, propose, preview."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgtag.cli.console import log, print_json, print_table

if TYPE_CHECKING:
    from graph.model import ChangeSet, Proposal, RelationType
    from graph.store import TaxonomyStore
    from graph.taxonomy import Taxonomy

EditRequest = dict[str, Any]

_ROWS = 20


@dataclass(frozen=True, slots=True)
class EditOptions:
    """Options of every editing command."""

    store: str | None
    reason: str
    author: str | None
    expect: str | None
    dry_run: bool
    propose: bool
    json: bool

    @property
    def author_name(self) -> str:
        return login(self.author)


def login(author: str | None) -> str:
    return author or getpass.getuser()


def edit(id: str, request: Callable[[Taxonomy], EditRequest], options: EditOptions) -> None:
    """Plan an edit request on the present taxonomy; write, propose or preview it."""
    from graph.editing import Signature, plan, require_expected
    from graph.editing import edit as writing
    from kgtag.cli.settings import open_store

    store = open_store(options.store)
    planned: list[ChangeSet] = []

    def checked(taxonomy: Taxonomy) -> ChangeSet:
        if options.expect is not None:
            require_expected(taxonomy, id, options.expect)
        planned.append(plan(request(taxonomy), taxonomy, Signature(options.author_name, options.reason)))
        return planned[-1]

    if options.dry_run:
        _preview(store, *writing.preview(store, checked), json=options.json)
    elif options.propose:
        _propose(store, request, checked, options)
    else:
        result = writing.apply_with(store, checked)
        _written(store, result, planned[-1], id, json=options.json)


def tagged(given: Sequence[str] | None) -> list[tuple[str, str]]:
    """`zh=鞋` → ("zh", "鞋"); text without a language is English."""
    from graph.model import LANGUAGE_TAG

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
    from graph.errors import InputError
    from graph.model import RELATION_TYPES

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
    from graph.rows import proposal_detail

    if json:
        print_json(proposal_detail(proposal))
    else:
        version = f" as version {proposal.version}" if proposal.version is not None else ""
        log(f"proposal {proposal.id} ({proposal.title}) is {proposal.status}{version}; etag {proposal.etag}")


def _preview(store: TaxonomyStore, before: Taxonomy, changes: ChangeSet, after: Taxonomy, *, json: bool) -> None:
    from graph.history.diff import diff, to_json
    from graph.model import Retag
    from graph.model.changes import change_to_json

    moving = [change for change in changes.changes if isinstance(change, Retag)]
    items = {source: len(store.items_of(source)) for source in sorted({retag.source for retag in moving})}
    rows = [change_to_json(change) for change in changes.changes]
    if json:
        print_json({"dry_run": True, "changes": rows, "diff": to_json(diff(before, after)), "items": items})
        return
    print_table(
        f"Nothing is written. {len(rows)} changes on revision {before.revision} would be:",
        ["change", "what"],
        [(name, _line(what)) for row in rows for name, what in row.items()],
    )
    show_diff(before, after)
    for source, count in items.items():
        log(f"  {count} items have the tag {source!r}, which may move")


def _propose(
    store: TaxonomyStore,
    request: Callable[[Taxonomy], EditRequest],
    checked: Callable[[Taxonomy], ChangeSet],
    options: EditOptions,
) -> None:
    from graph.proposals.workflow import Draft, Person, propose
    from graph.stores import load_taxonomy

    taxonomy = load_taxonomy(store)
    checked(taxonomy)
    made = propose(store, Draft(operation=request(taxonomy), reason=options.reason), Person(options.author_name))
    announce(made, json=options.json)


def _written(store: TaxonomyStore, taxonomy: Taxonomy, changes: ChangeSet, id: str, *, json: bool) -> None:
    from graph.model import Retag
    from graph.rows import review_row

    retags = [change for change in changes.changes if isinstance(change, Retag)]
    left = store.items_of(id) if retags else []
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
