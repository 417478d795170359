"""Commands on the record: init, migrate, import, export, diff, versions, audit."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kgtag.cli.console import Json, Store, log, notes, print_json, print_table

_SHOWN = 20

Expand = Literal["both", "oneway"]
Scheme = Annotated[str | None, typer.Option(help="Concept scheme; each format has a default of its own.")]


def init(store: Store = None) -> None:
    """Create a store, ready for import.

    Example: `kgtag init --store sqlite:///shop.db`
    """
    from kgtag.bootstrap import open_store

    opened = open_store(store)
    applied = opened.migrate()
    log(f"{opened.url} is ready" + (f" ({', '.join(applied)})" if applied else " (nothing to do)"))


def migrate(
    store: Store = None,
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied and what is due.")] = False,
    json: Json = False,
) -> None:
    """Bring a store's schema up to date. Exit code 1 with `--status` when something is due.

    Example: `kgtag migrate --status --store sqlite:///shop.db`
    """
    from kgtag.bootstrap import open_store

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
    format: Annotated[str, typer.Argument(help="shopify, skos, gs1, graphml, jsonl or annotated")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="May be gzipped.")],
    store: Store = None,
    scheme: Scheme = None,
    lang: Annotated[str | None, typer.Option(help="Language of labels that name none.")] = None,
    rows: Annotated[str, typer.Option("--rows", help="For `annotated`: annotated, spans, extractgpt.")] = "annotated",
    author: Annotated[str | None, typer.Option(help="Who, for the history.")] = None,
    json: Json = False,
) -> None:
    """Bring a taxonomy into the store: all of it or, when something is wrong, nothing.

    Known concepts are merged, so several languages of one taxonomy can come one after the other.

    Examples: `kgtag import shopify en.json zh-CN.json`; `kgtag import skos thesaurus.ttl`;
    `kgtag import gs1 gs1Voc.ttl`; `kgtag import annotated titles.jsonl --scheme mine`
    """
    from kgtag.bootstrap import open_store
    from kgtag.transfer import import_files

    report = import_files(
        open_store(store), format, files, scheme=scheme, lang=lang, rows=rows, author=author or getpass.getuser()
    )
    counts = {
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "relations": report.relations,
        "concepts": len(report.taxonomy),
        "revision": report.taxonomy.revision,
    }
    notes(report.notes)
    if json:
        print_json({**counts, "notes": list(report.notes)})
    else:
        print_table(f"Imported {format}", list(counts), [tuple(counts.values())])


def export_file(
    format: Annotated[
        str, typer.Argument(help="skos (ttl, rdf, jsonld by the file's suffix), jsonl, synonyms, graphml or n10s")
    ],
    file: Annotated[Path, typer.Argument()],
    store: Store = None,
    scheme: Scheme = None,
    xl: Annotated[bool, typer.Option("--xl", help="For `skos`: labels as SKOS-XL.")] = False,
    lang: Annotated[str | None, typer.Option(help="For `synonyms`: only labels in this language.")] = None,
    expand: Annotated[
        Expand, typer.Option(help="For `synonyms`: labels equal each other, or all become the preferred one.")
    ] = "both",
    narrower: Annotated[
        int, typer.Option(min=0, metavar="LEVELS", help="For `synonyms`: a label finds those so many levels below it.")
    ] = 0,
) -> None:
    """Write the taxonomy to a file.

    Examples: `kgtag export skos shop.ttl`; `kgtag export graphml shop.graphml`; `kgtag export n10s uris.cypher`;
    `kgtag export synonyms synonyms.txt --lang en --narrower 1`
    """
    from kgtag.bootstrap import load_taxonomy, open_store
    from kgtag.transfer import ExportOptions
    from kgtag.transfer import export_file as write

    taxonomy = load_taxonomy(open_store(store))
    options = ExportOptions(xl=xl, lang=lang, expand=expand, narrower=narrower)
    written = write(taxonomy, format, file, scheme=scheme, options=options, tell=notes)
    log(f"{written} concepts written to {file}")


def diff(
    a: Annotated[
        str, typer.Argument(help="A store URL, a .jsonl, .ttl, .rdf, .jsonld or .graphml file, or FORMAT:FILE.")
    ],
    b: Annotated[str, typer.Argument(help="The other one.")],
    json: Json = False,
) -> None:
    """What changed from A to B. Exit code 1 when they differ.

    Examples: `kgtag diff sqlite:///shop.db yesterday.jsonl --json`; `kgtag diff gs1:v1_3.ttl gs1:v1_16.ttl`
    """
    from graph.versions import diff as compare
    from graph.versions import to_json
    from kgtag.transfer import taxonomy_from

    found = compare(taxonomy_from(a), taxonomy_from(b))
    plain = to_json(found)
    if json:
        print_json(plain)
    else:
        print_table("Differences", ["what", "count"], [(name, len(rows)) for name, rows in plain.items()])
        for name, rows in plain.items():
            for row in rows[:10]:
                log(f"  {name}: {_short(row)}")
    if any(plain.values()):
        raise typer.Exit(1)


def versions(store: Store = None, json: Json = False) -> None:
    """The history of accepted change sets.

    Example: `kgtag versions --store sqlite:///shop.db`
    """
    from kgtag.bootstrap import open_store

    found = list(open_store(store).history())
    rows = [(e.version, e.at, e.author, e.reason, len(e.changes)) for e in found]
    if json:
        names = ("version", "at", "author", "reason", "changes")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table("Versions", ["version", "at", "author", "reason", "changes"], rows)


def audit(
    store: Store = None,
    skos: Annotated[Path | None, typer.Option(help="Audit a SKOS file as it stands, without a store.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    fail_on: Annotated[str, typer.Option(help="Exit with 1 from this severity on: error, warning or info.")] = "error",
    embeddings: Annotated[
        Path | None, typer.Option(envvar="KGTAG_EMBEDDINGS", help="Adds the learned check of implausible edges.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the whole graph: named findings with severity, evidence and a suggested repair.

    Examples: `kgtag audit --fail-on warning --json`; `kgtag audit --skos thesaurus.ttl`
    """
    from graph.audit import audit_skos, parse_severity
    from kgtag.bootstrap import audit_store, open_store

    threshold = parse_severity(fail_on)
    if skos is not None:
        report = audit_skos(skos, checks=check)
    else:
        report = audit_store(open_store(store), checks=check, embeddings=embeddings)
    if json:
        print_json(report.to_json())
    else:
        ran = [(c.severity, c.name, c.count) for c in report.checks if c.count]
        quiet = len(report.checks) - len(ran)
        title = f"Audit of revision {report.revision}: {quiet} of {len(report.checks)} checks found nothing"
        print_table(title, ["severity", "check", "findings"], ran)
        found = [(f.severity, f.check, f.message) for f in report.findings[:_SHOWN]]
        if found:
            print_table("Findings", ["severity", "check", "message"], found)
        if len(report.findings) > _SHOWN:
            log(f"{len(report.findings) - _SHOWN} more; see them all with --json")
    if report.failing(threshold):
        raise typer.Exit(1)


def _short(row: Any) -> str:
    text = str(row)
    return text if len(text) <= 160 else text[:159] + "…"
