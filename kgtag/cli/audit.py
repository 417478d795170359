"""The command that checks the whole graph, and the files it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, open_store

if TYPE_CHECKING:
    from graph.audit import Report, Severity

_SHOWN = 20

_File = Path | None


def audit(
    store: Store = None,
    skos: Annotated[Path | None, typer.Option(help="Audit a SKOS file as it is, without a store.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    fail_on: Annotated[str, typer.Option(help="Least severity for exit code 1: error, warning or info.")] = "error",
    embeddings: Annotated[
        Path | None, typer.Option(envvar="KGTAG_EMBEDDINGS", help="Adds the learned check of implausible edges.")
    ] = None,
    html: Annotated[_File, typer.Option(metavar="FILE", help="Write one page with plots, to be sent round.")] = None,
    sarif: Annotated[_File, typer.Option(metavar="FILE", help="Write SARIF 2.1.0, for code hosts and editors.")] = None,
    junit: Annotated[
        _File, typer.Option(metavar="FILE", help="Write JUnit XML, a test case a check; failures by --fail-on.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the whole graph: findings with severity, evidence and a suggested repair.

    Examples: `kgtag audit --fail-on warning --json`; `kgtag audit --skos thesaurus.ttl`;
    `kgtag audit --html audit.html --sarif audit.sarif --junit audit.xml`
    """
    from graph.audit import audit_skos, parse_severity
    from kgtag.embed.audit import audit_store
    from kgtag.embed.scorer import Scorer

    threshold = parse_severity(fail_on)
    if skos is not None:
        report, source = audit_skos(skos, checks=check), skos.as_posix()
    else:
        scorer = Scorer.load(embeddings) if embeddings is not None else None
        report, source = audit_store(open_store(store), checks=check, scorer=scorer), None
    _write(report, threshold, source, html=html, sarif=sarif, junit=junit)
    if json:
        print_json(report.to_json())
    else:
        _print(report)
    if report.failing(threshold):
        raise typer.Exit(1)


def _write(report: Report, threshold: Severity, source: str | None, *, html: _File, sarif: _File, junit: _File) -> None:
    from urllib.parse import quote

    import orjson

    from graph.audit.writing import to_html, to_junit, to_sarif
    from graph.formats.reading import write
    from kgtag import __version__

    if html is not None:
        title = f"Audit of {Path(source).name}" if source else "Audit of the taxonomy"
        write(html, [to_html(report, title=title).encode()])
    if sarif is not None:
        log_of = to_sarif(report, version=__version__, source=quote(source) if source else None)
        write(sarif, [orjson.dumps(log_of, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)])
    if junit is not None:
        write(junit, [to_junit(report, threshold=threshold)])
    for file in (html, sarif, junit):
        if file is not None:
            log(f"{len(report.findings)} findings written to {file}")


def _print(report: Report) -> None:
    ran = [(c.severity, c.name, c.count) for c in report.checks if c.count]
    quiet = len(report.checks) - len(ran)
    title = f"Audit of revision {report.revision}: {quiet} of {len(report.checks)} checks found nothing"
    print_table(title, ["severity", "check", "findings"], ran)
    if found := [(f.severity, f.check, f.message) for f in report.findings[:_SHOWN]]:
        print_table("Findings", ["severity", "check", "message"], found)
    if len(report.findings) > _SHOWN:
        log(f"{len(report.findings) - _SHOWN} more; see them all with --json")
