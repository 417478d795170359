"""`kgtag status`: the state of the store at a glance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from kgtag.cli.console import Json, Store, log, out, print_json, print_table

if TYPE_CHECKING:
    from graph.stores import MigratableStore


def status(store: Store = None, json: Json = False) -> None:
    """Connectivity, schema, version, counts, the last change, and every quarantined edit with its repair.

    Exit code 1 when the store can't be reached, a migration is due or something is quarantined.

    Example: `kgtag status --store bolt://127.0.0.1:7687`
    """
    from graph.errors import StoreError
    from kgtag.cli.settings import open_store

    opened = open_store(store)
    row: dict[str, Any] = {"url": opened.url, "reachable": False}
    try:
        due = [migration.name for migration in opened.migrations() if migration.applied_at is None]
        row |= {"reachable": True, "due": due}
        if not due:
            row |= _content(opened)
    except StoreError as error:
        row["error"] = str(error)
    finally:
        opened.close()
    if json:
        print_json(row)
    else:
        _show(row)
    if "error" in row or row["due"] or row["quarantined"]:
        raise typer.Exit(1)


def _content(store: MigratableStore) -> dict[str, Any]:
    from graph.model import KINDS
    from graph.repairs.repairs import dialect_of, problem_rows
    from graph.stores import load_taxonomy

    taxonomy = load_taxonomy(store)
    kinds = Counter(concept.kind for concept in taxonomy)
    last = next(store.history(after=taxonomy.version - 1, limit=1), None)
    changed = {"version": last.version, "at": last.at, "author": last.author, "reason": last.reason} if last else None
    return {
        "version": taxonomy.version,
        "revision": taxonomy.revision,
        "concepts": {kind: kinds[kind] for kind in KINDS},
        "relations": len(taxonomy.relations),
        "last_change": changed,
        "quarantined": len(taxonomy.problems),
        "problems": problem_rows(taxonomy, dialect_of(store.url)),
    }


def _show(row: dict[str, Any]) -> None:
    lines = [("store", row["url"]), ("reachable", "yes" if row["reachable"] else f"no: {row['error']}")]
    if row["reachable"] and "error" in row:
        lines.append(("readable", f"no: {row['error']}"))
    if row.get("due"):
        lines.append(("schema", f"due: {', '.join(row['due'])}; run kgtag migrate"))
    if "revision" in row:
        last = row["last_change"]
        lines += [
            ("schema", "up to date"),
            ("version, revision", f"{row['version']}, {row['revision']}"),
            *((kind, f"{count:,}") for kind, count in row["concepts"].items()),
            ("relations", f"{row['relations']:,}"),
            ("last change", f"{last['at']} by {last['author']}: {last['reason']}" if last else "none through kgtag"),
            ("quarantined", f"{row['quarantined']:,}"),
        ]
    print_table("Status", ["", ""], lines)
    for problem in row.get("problems", ()):
        log(f"\n{problem['code']}: {problem['message']}\n  To repair it, {problem['repair']['words']}:")
        out.print(problem["repair"]["statement"], markup=False, soft_wrap=True)
