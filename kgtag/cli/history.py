"""Commands on the history: versions, show, diff, undo, release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import ConflictError, StoreUnavailable
from graph.rows import names_by_version, release_row, version_row
from kgtag.cli.console import log, notes, print_json, print_table
from kgtag.cli.edits import shown
from kgtag.cli.options import Json, Store, login, open_store

if TYPE_CHECKING:
    from graph.history.entries import Effect, Effects, RelationKey
    from graph.model import Concept, Relation
    from graph.stores import MigratableStore
    from kgtag.recommend.impact import Impact, TagImpact

_SHOWN = 60
_COLUMNS = ["what", "which", "field", "before", "after"]

VersionNumber = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A number from `kgtag versions`.")]


def versions(
    store: Store = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The number of newest versions; all by default.")] = None,
    json: Json = False,
) -> None:
    """The history of accepted changes, newest last: author, time, reason and effect.

    External edits of the database are included, found by comparing it with the history.

    Example: `kgtag versions --limit 20 --store sqlite:///shop.db`
    """
    opened = _caught_up(store)
    releases = names_by_version(opened.releases())
    found = [version_row(one, releases) for one in reversed(opened.versions(limit=limit))]
    if json:
        print_json(found)
        return
    columns = ["version", "at", "author", "origin", "summary", "reason", "release"]
    rows = [[dict(row, at=row["at"][:19])[name] for name in columns] for row in found]
    print_table("Versions", columns, rows)


def show(version: VersionNumber, store: Store = None, json: Json = False) -> None:
    """One version: author, time, reason, and each change with the state before and after.

    Example: `kgtag show 12 --store sqlite:///shop.db`
    """
    from graph.history.entries import effects, version_detail
    from graph.history.versions import entry_at

    opened = _caught_up(store)
    entry = entry_at(opened, version)
    row = version_detail(entry, names_by_version(opened.releases()))
    if json:
        print_json(row)
        return
    release = f", release {row['release']}" if row["release"] else ""
    made = "an external edit found" if entry.origin == "outside" else f"by {entry.author}"
    why = f": {entry.reason}" if entry.reason else ""
    print_effects(f"Version {version}{release}, {made} {entry.at[:19]}{why}", effects(entry.changes, entry.undo))


def diff(
    a: Annotated[
        str,
        typer.Argument(help="A version (5) or release (2026.08.0) of --store, a file, FORMAT:FILE, or a store URL."),
    ],
    b: Annotated[str, typer.Argument(help="The other one.")],
    store: Store = None,
    format: Annotated[str | None, typer.Option(help="Format of files with other suffixes, such as google.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language of labels without one.")] = None,
    impact: Annotated[
        bool, typer.Option("--impact", help="Also show tags, items of --store and neighbour lists that change.")
    ] = False,
    json: Json = False,
) -> None:
    """Differences from A to B. Exit code 1 when they differ.

    Examples: `kgtag diff 3 5`; `kgtag diff 2026.08.0 9 --impact`;
    `kgtag diff sqlite:///shop.db yesterday.jsonl --json`;
    `kgtag diff --format google 2015/taxonomy-with-ids.en-US.txt 2019/taxonomy-with-ids.en-US.txt`
    """
    from graph.history.diff import diff as compare
    from graph.history.diff import summary, to_json
    from graph.history.entries import effects_of
    from graph.sources import snapshot_named
    from kgtag.recommend.impact import impact as impact_of

    opened = _caught_up(store) if impact or any(map(_is_version, (a, b))) else None
    before, after = (snapshot_named(name, opened, format=format, lang=lang, open=open_store) for name in (a, b))
    found = compare(before, after)
    touched = impact_of(before, after, opened.items()) if opened is not None and impact else None
    if json:
        print_json(to_json(found) | ({"impact": touched.to_json()} if touched is not None else {}))
    else:
        print_effects(f"Differences from {a} to {b}", effects_of(found))
        for line in summary(found, before, after):
            log(f"  {line}")
        if touched is not None:
            _print_impact(touched)
    if found:
        raise typer.Exit(1)


def undo(
    version: VersionNumber,
    store: Store = None,
    reason: Annotated[str, typer.Option(help="The reason in the history; that of the version by default.")] = "",
    author: Annotated[str | None, typer.Option(help="The author in the history.")] = None,
    json: Json = False,
) -> None:
    """Undo a version by a new version, as a whole or, when later versions conflict, not at all.

    Tags that were deleted with a concept are not restored; undoing the creation of a concept deletes its tags.

    Example: `kgtag undo 12 --reason "wrong file" --store sqlite:///shop.db`
    """
    from graph.editing.edit import undo as undo_version

    taxonomy = undo_version(open_store(store), version, author=login(author), reason=reason)
    if json:
        print_json({"undone": version, "version": taxonomy.version, "revision": taxonomy.revision})
    log(f"version {version} is undone; the taxonomy is at version {taxonomy.version}")


def release(
    store: Store = None,
    notes: Annotated[str, typer.Option("--notes", help="Release notes for people.")] = "",
    author: Annotated[str | None, typer.Option(help="The author in the history.")] = None,
    json: Json = False,
) -> None:
    """Tag the present version as a release YYYY.MM.N (CalVer), for models, `diff` and people to refer to.

    Example: `kgtag release --notes "autumn assortment" --store sqlite:///shop.db`
    """
    from graph.history.versions import release as tag_version

    made = tag_version(open_store(store), author=login(author), notes=notes)
    if json:
        print_json(release_row(made))
    log(f"version {made.version} is release {made.name}")


def _caught_up(url: str | None) -> MigratableStore:
    """The store, with external edits recorded in its history if possible. Raises StoreError when it can't be read."""
    from graph.history.versions import reconciled

    opened = open_store(url)
    try:
        reconciled(opened)
    except (StoreUnavailable, ConflictError) as error:
        opened.token()  # Raises if the store can't be read.
        notes([f"external edits since the last version could not be recorded: {error}"])
    return opened


def _is_version(name: str) -> bool:
    from graph.history.versions import NAME

    return (name.isascii() and name.isdigit()) or NAME.fullmatch(name) is not None


def _print_impact(found: Impact) -> None:
    rows = [(t.concept, ", ".join(t.effects), t.items, _leads_to(t)) for t in found.tags[:_SHOWN]]
    print_table(f"Tags that change, on {found.items} items", ["concept", "effects", "items", "leads to"], rows)
    lists = [(one.concept, ", ".join(one.entered), ", ".join(one.left)) for one in found.lists[:_SHOWN]]
    title = f"Neighbour lists that change: {len(found.lists)} of {found.compared} compared"
    print_table(title, ["concept", "enter", "leave"], lists)
    if found.compared < found.reachable:
        log(f"{found.reachable - found.compared} more lists were not compared")


def _leads_to(found: TagImpact) -> str:
    """The successor; the counterpart in each scheme where that changed."""
    changed = [f"{scheme}: {id or 'none'}" for scheme, id in found.counterparts.items()]
    own = [found.now] if found.now is not None and found.effects != ("mapped",) else []
    return ", ".join([*own, *changed])


def print_effects(title: str, found: Effects) -> None:
    lines = list(_effect_lines(found))
    print_table(f"{title} ({len(lines)} changes)" if lines else f"{title}: none", _COLUMNS, lines[:_SHOWN])
    if len(lines) > _SHOWN:
        log(f"{len(lines) - _SHOWN} more; see them all with --json")


def _effect_lines(found: Effects) -> Iterator[tuple[str, str, str, str, str]]:
    """(what, which, field, before, after) of each change."""
    for concept in found.concepts:
        yield from _concept_lines(concept)
    for relation in found.relations:
        yield _relation_line(relation)
    for retag in found.retags:
        only = "" if retag.surfaces is None else f"only {', '.join(retag.surfaces)}"
        yield ("tags moved" if not retag.back else "tags moved back", "", only, retag.source, retag.target)


def _concept_lines(one: Effect[str, Concept]) -> Iterator[tuple[str, str, str, str, str]]:
    if one.before is None or one.after is None:
        old, new = (f"{c.kind} {c.label()}" if c is not None else "" for c in (one.before, one.after))
        yield ("concept removed" if one.after is None else "concept added", one.key, "", old, new)
        return
    for field in fields(one.before):
        old, new = (getattr(one.before, field.name), getattr(one.after, field.name))
        if old != new:
            yield ("concept changed", one.key, field.name, shown(old), shown(new))


def _relation_line(one: Effect[RelationKey, Relation]) -> tuple[str, str, str, str, str]:
    type, source, target = one.key
    what = "added" if one.before is None else "removed" if one.after is None else "changed"
    old, new = ("" if edge is None else "primary" if edge.primary else "yes" for edge in (one.before, one.after))
    return (f"relation {what}", f"{source} {type} {target}", "", old, new)
