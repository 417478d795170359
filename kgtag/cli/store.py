"""Commands on the store: init, migrate, import, export, status, keys."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from graph.errors import InputError, StoreError
from graph.model import KINDS
from kgtag.cli.console import log, notes, out, print_json, print_table, working
from kgtag.cli.options import Json, Store, load_taxonomy, login, open_store

if TYPE_CHECKING:
    from graph.importing import ImportReport
    from graph.model import ApiKey
    from graph.stores import MigratableStore

_COUNTS = ("created", "updated", "unchanged", "relations", "moved", "back", "deprecated")
_GONE = ("labels_removed", "definitions_removed", "notations_removed", "relations_removed", "kept_local")

keys = typer.Typer(no_args_is_help=True)

Expand = Literal["both", "oneway"]
Scheme = Annotated[str | None, typer.Option(help="Concept scheme; each format has a default of its own.")]


def init(store: Store = None) -> None:
    """Create a store, ready for import.

    Example: `kgtag init --store sqlite:///shop.db`
    """
    opened = open_store(store)
    applied = opened.migrate()
    log(f"{opened.url} is ready" + (f" ({', '.join(applied)})" if applied else " (nothing to do)"))


def migrate(
    store: Store = None,
    status: Annotated[bool, typer.Option("--status", help="Only show applied and due migrations.")] = False,
    json: Json = False,
) -> None:
    """Bring a store's schema up to date. Exit code 1 with `--status` when a migration is due.

    Example: `kgtag migrate --status --store sqlite:///shop.db`
    """
    opened = open_store(store)
    if not status:
        opened.migrate()
    found = opened.migrations()
    if json:
        print_json([{"name": m.name, "checksum": m.checksum, "applied_at": m.applied_at} for m in found])
    else:
        rows = [(m.name, m.checksum[:12], m.applied_at or "due") for m in found]
        print_table(opened.url, ["migration", "checksum", "applied"], rows)
    if status and any(m.applied_at is None for m in found):
        raise typer.Exit(1)


def import_file(
    format: Annotated[str, typer.Argument(help="One of the formats above.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="May be gzipped.")],
    store: Store = None,
    scheme: Scheme = None,
    lang: Annotated[str | None, typer.Option(help="Language of labels without one.")] = None,
    rows: Annotated[str, typer.Option("--rows", help="For `annotated`: annotated, spans, extractgpt.")] = "annotated",
    id_prefix: Annotated[str, typer.Option(help="Prefix of every id, for schemes that number from 1.")] = "",
    replacing: Annotated[
        bool,
        typer.Option("--replace", help="The file is the whole truth about its scheme: what it no longer has goes."),
    ] = False,
    keep_local: Annotated[
        bool, typer.Option("--keep-local", help="With --replace: keep what editors added since.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a file with something wrong in it, in place of a note.")
    ] = False,
    syntax: Annotated[
        str | None,
        typer.Option(help="For RDF whose suffix misleads: turtle, ntriples, nquads, trig, rdfxml or jsonld."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=HEADER", help="For `csv`: what a column holds, e.g. label@de=Bezeichnung; repeatable."
        ),
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help="For `csv`: what separates the levels of paths.", show_default="' > '")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, and write nothing.")] = False,
    author: Annotated[str | None, typer.Option(help="The author in the history.")] = None,
    json: Json = False,
) -> None:
    """Import a taxonomy into the store, as a whole or not at all.

    Known concepts are merged, so that several languages of a taxonomy can be imported one after the other.
    Formats (see docs/reference/formats.md):

    - `shopify`: `kgtag import shopify en.json zh-CN.json`
    - `google`: `kgtag import google taxonomy-with-ids.en-US.txt taxonomy-with-ids.zh-CN.txt`
    - `gpc` (GS1, tab-separated): `kgtag import gpc gpc-hier.tsv gpc-attType.tsv`
    - `openfoodfacts`: `kgtag import openfoodfacts categories.txt`
    - `bestbuy`: `kgtag import bestbuy categories.json`
    - `whatnot`: `kgtag import whatnot taxonomy.json --id-prefix whatnot:`
    - `skos` (any RDF): `kgtag import skos thesaurus.ttl`
    - `owl` (classes of RDFS and OWL): `kgtag import owl ontology.owl`
    - `gs1` (GS1 Web Vocabulary): `kgtag import gs1 gs1Voc.ttl`
    - `graphml`: `kgtag import graphml shop.graphml`
    - `csv` (CSV or TSV): `kgtag import csv shop.csv --lang en`
    - `jsonl` (kgtag's own): `kgtag import jsonl taxonomy.jsonl`
    - `annotated` (products): `kgtag import annotated titles.jsonl --scheme mine`

    A newer release: `kgtag import google new.en-US.txt --replace --dry-run`, then without `--dry-run`
    A table with other headers: `kgtag import csv shop.csv --column label=Bezeichnung --column parent=Obergruppe`
    """
    from graph.history.diff import diff, summary
    from graph.history.entries import effects_of
    from kgtag.cli.history import print_effects
    from kgtag.data.importing import import_files

    if keep_local and not replacing:
        raise InputError("--keep-local is for --replace: an import without it removes nothing")
    opened = open_store(store)
    with working(f"importing {', '.join(file.name for file in files)}"):
        report = import_files(
            opened,
            format,
            files,
            scheme=scheme,
            lang=lang,
            rows=rows,
            id_prefix=id_prefix,
            replacing=replacing,
            keep_local=keep_local,
            strict=strict,
            options={"syntax": syntax, "columns": _columns(column), "separator": separator},
            dry_run=dry_run,
            author=login(author),
        )
    counts = {name: getattr(report, name) for name in (*_COUNTS, *(_GONE if replacing else ()))}
    counts |= {"concepts": len(report.taxonomy), "revision": report.taxonomy.revision}
    notes(report.notes)
    if json:
        print_json({**counts, "words": report.words(), "notes": list(report.notes), **_planned(report, dry_run)})
    else:
        title = f"Plan for {format}; nothing was written" if dry_run else f"Imported {format}"
        print_table(title, ["what", "count"], counts.items())
        out.print(report.words(), markup=False, soft_wrap=True)
        if dry_run:
            found = diff(report.before, report.taxonomy)
            print_effects("Differences", effects_of(found))
            for line in summary(found, report.before, report.taxonomy):
                log(f"  {line}")


def _planned(report: ImportReport, dry_run: bool) -> dict[str, Any]:
    """The differences that a dry run found, as `kgtag diff --json` has them."""
    from graph.history.diff import diff, to_json

    return {"diff": to_json(diff(report.before, report.taxonomy))} if dry_run else {}


def _columns(given: list[str] | None) -> dict[str, str] | None:
    """Headers by role, from `ROLE=HEADER`. Raises InputError."""
    pairs = [one.partition("=") for one in given or ()]
    for role, equals, header in pairs:
        if not (role.strip() and equals and header.strip()):
            raise InputError(f"--column {role}{equals}{header}: ROLE=HEADER was expected, such as label=Name")
    return {role.strip(): header.strip() for role, _, header in pairs} or None


def export_file(
    format: Annotated[str, typer.Argument(help="skos, jsonl, csv, shopify, synonyms, graphml or n10s")],
    file: Annotated[
        Path,
        typer.Argument(
            help="skos: the suffix (.ttl, .rdf, .jsonld) selects the notation; shopify: a directory or en.json."
        ),
    ],
    store: Store = None,
    scheme: Scheme = None,
    xl: Annotated[bool, typer.Option("--xl", help="For `skos`: labels as SKOS-XL.")] = False,
    lang: Annotated[str | None, typer.Option(help="For `synonyms` and `shopify`: only this language.")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="For `shopify`: leave out what it can't hold.")] = False,
    expand: Annotated[
        Expand, typer.Option(help="For `synonyms`: labels equal each other, or all become the preferred one.")
    ] = "both",
    narrower: Annotated[
        int, typer.Option(min=0, metavar="LEVELS", help="For `synonyms`: labels find those up to so many levels below.")
    ] = 0,
) -> None:
    """Write the taxonomy to a file.

    Examples: `kgtag export skos shop.ttl`; `kgtag export csv shop.csv`; `kgtag export graphml shop.graphml`;
    `kgtag export shopify translations/`; `kgtag export n10s uris.cypher`;
    `kgtag export synonyms synonyms.txt --lang en --narrower 1`
    """
    from graph.formats.format import ExportOptions
    from graph.formats.registry import export_file as write

    taxonomy = load_taxonomy(store)
    options = ExportOptions(scheme=scheme, xl=xl, lang=lang, lossy=lossy, expand=expand, narrower=narrower)
    with working(f"writing {file}"):
        written = write(taxonomy, format, file, options=options)
    notes(written.notes)
    log(f"{written.concepts} concepts written to {file}")


def status(store: Store = None, json: Json = False) -> None:
    """Connectivity, schema, version, counts, the last change, and every quarantined edit with its repair.

    Exit code 1 when the store can't be reached, a migration is due or something is quarantined.

    Example: `kgtag status --store bolt://127.0.0.1:7687`
    """
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
    from graph import stores
    from graph.repairs.repairs import dialect_of, problem_rows

    taxonomy = stores.load_taxonomy(store)
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


@keys.command("create")
def create_key(
    scope: Annotated[str, typer.Option(help="Comma-separated: read, tag, propose, edit, approve, admin.")] = "",
    role: Annotated[str, typer.Option(help="In place of scopes: proposer, editor or approver.")] = "",
    name: Annotated[str, typer.Option(help="The owner's name, for the list.")] = "",
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="90d", help="How long it opens anything: 30m (minutes), 12h, 90d, 52w.", show_default="always"
        ),
    ] = None,
    store: Store = None,
) -> None:
    """Create a key and print it, once: the store has only its hash.

    Examples: `kgtag keys create --scope read,tag --name shop-frontend --expires 90d`;
    `kgtag keys create --role approver --name ann`
    """
    from graph import api_keys
    from graph.model.times import read_duration

    scopes = [part.strip() for part in scope.split(",") if part.strip()]
    if role:
        if role not in api_keys.ROLES:
            raise InputError(f"no role {role!r}; there is {', '.join(api_keys.ROLES)}")
        scopes += api_keys.ROLES[role]
    lasts = None if expires is None else read_duration(expires)
    _show_key(*api_keys.create_key(open_store(store), name=name, scopes=scopes, lasts=lasts))


def _show_key(key: ApiKey, secret: str) -> None:
    from graph.model.times import duration_text

    until = ""
    if key.expires is not None:
        until = f", which expires at {_time(key.expires)} UTC, in {duration_text(key.created, key.expires)}"
    log(f"key {key.id} with scope {', '.join(key.scopes)}{until}; keep it now, it can't be shown again:")
    out.print(secret, soft_wrap=True)


def _time(at: str | None) -> str:
    return "" if at is None else at[:19].replace("T", " ")


@keys.command("rotate")
def rotate_key(
    id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    grace: Annotated[str, typer.Option(metavar="7d", help="How long the old key still opens.")] = "7d",
    store: Store = None,
) -> None:
    """Replace a key by a new one with its name, scopes and lifetime; the old one opens for a while yet.

    Example: `kgtag keys rotate 0f2a4c6e8b1d --grace 7d`
    """
    from graph import api_keys
    from graph.model.times import read_duration

    _show_key(*api_keys.rotate_key(open_store(store), id, grace=read_duration(grace)))
    log(f"key {id} expires in {grace} at the latest")


@keys.command("list")
def list_keys(store: Store = None, json: Json = False) -> None:
    """All keys, without their secrets.

    Example: `kgtag keys list --json`
    """
    found = open_store(store).keys()
    if json:
        names = ("id", "name", "scopes", "created", "expires")
        print_json([{name: getattr(key, name) for name in names} for key in found])
    else:
        rows = [(k.id, k.name, ", ".join(k.scopes), _time(k.created), _time(k.expires)) for k in found]
        print_table("Keys", ["id", "name", "scopes", "created", "expires"], rows, whole=("id", "created", "expires"))


@keys.command("revoke")
def revoke_key(
    id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")], store: Store = None
) -> None:
    """Revoke a key; running servers refuse it within seconds.

    Example: `kgtag keys revoke 0f2a4c6e8b1d`
    """
    if not open_store(store).delete_key(id):
        raise InputError(f"no key {id!r}; see: kgtag keys list")
    log(f"key {id} is revoked")
