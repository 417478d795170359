"""The command that checks the whole graph, and the files it writes."""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, grouped, login, open_store

if TYPE_CHECKING:
    from graph.audit import Check, Earlier, Report, Severity
    from graph.store import TaxonomyStore
    from kgtag.embed.scorer import Scorer

_SHOWN = 20
_FEWEST = 3
"""Findings of a check that are shown at least."""
_TAGS = "implausible_tag"

_File = Path | None


@dataclass(frozen=True, slots=True)
class FixOptions:
    """What happens to findings that can be repaired without a decision."""

    fix: Annotated[bool, typer.Option("--fix", help="Repair what needs no decision, as one version.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --fix: show the repairs, and write nothing.")] = False
    changes: Annotated[
        _File, typer.Option(metavar="FILE", help="With --fix: write its changes, as for `kgtag proposals add`.")
    ] = None
    author: Annotated[str | None, typer.Option(help="With --fix: the author; the login name by default.")] = None
    reason: Annotated[str, typer.Option(help="With --fix: the reason in the history.")] = "safe repairs of the audit"


@grouped
def audit(
    store: Store = None,
    skos: Annotated[Path | None, typer.Option(help="Audit a SKOS file as it is, without a store.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    fail_on: Annotated[str, typer.Option(help="Least severity for exit code 1: error, warning or info.")] = "error",
    embeddings: Annotated[
        Path | None,
        typer.Option(envvar="KGTAG_EMBEDDINGS", help="Adds the learned checks of broader edges and of tags."),
    ] = None,
    budget: Annotated[
        float, typer.Option(help="Findings of each learned check at most, as a share of the edges or tags.")
    ] = 0.01,
    *,
    fixing: FixOptions,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Only what is new or about concepts changed since a version, a release or a file."
        ),
    ] = None,
    against: Annotated[
        _File,
        typer.Option(
            metavar="REPORT",
            help="A whole report of this store from before (--json): what can't have changed is taken from it.",
        ),
    ] = None,
    html: Annotated[_File, typer.Option(metavar="FILE", help="Write one page with plots, to be sent round.")] = None,
    sarif: Annotated[_File, typer.Option(metavar="FILE", help="Write SARIF 2.1.0, for code hosts and editors.")] = None,
    junit: Annotated[
        _File, typer.Option(metavar="FILE", help="Write JUnit XML, a test case a check; failures by --fail-on.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the whole graph: findings with severity, evidence and a suggested repair.

    With `--fix`, those whose repair needs no decision are repaired, and the report is about those that are left.
    `--check implausible_tag` needs no embeddings: it learns from the items' titles and tags.

    Examples: `kgtag audit --fail-on warning --json`; `kgtag audit --skos thesaurus.ttl`;
    `kgtag audit --html audit.html --sarif audit.sarif --junit audit.xml`;
    `kgtag audit --against yesterday.json --json`; `kgtag audit --since 2026.08.0 --fail-on warning`;
    `kgtag audit --check implausible_tag --budget 0.03 --json`;
    `kgtag audit --fix --dry-run`; `kgtag audit --fix --check untidy_label --author ann`
    """
    from graph.audit import audit_skos, parse_severity
    from graph.history.versions import reconciled
    from kgtag import __version__
    from kgtag.embed.audit import audit_store
    from kgtag.embed.scorer import Scorer

    threshold = parse_severity(fail_on)
    if not fixing.fix and (fixing.dry_run or fixing.changes is not None):
        raise InputError("--dry-run and --changes are for --fix: an audit without it changes nothing")
    if fixing.fix and check is not None and _TAGS in check:
        raise InputError(
            f"what {_TAGS!r} finds needs a decision, and --fix repairs what needs none; leave one of them out"
        )
    if skos is not None and fixing.fix:
        raise InputError("--fix repairs a store; import the file first: kgtag import skos FILE")
    if since is not None and (skos is not None or fixing.fix):
        raise InputError("--since compares a store with its past; it goes with neither --skos nor --fix")
    if against is not None and (skos is not None or fixing.fix or since is not None):
        raise InputError(
            "--against takes findings from a report of the store; it goes without --skos, --fix and --since"
        )
    scorer = Scorer.load(embeddings) if embeddings is not None and skos is None else None
    row: dict[str, Any] | None = None
    if skos is not None:
        report, source = audit_skos(skos, checks=check), skos.as_posix()
    elif fixing.fix:
        (report, row), source = _fix(open_store(store), check, scorer, fixing, quiet=json), None
    elif since is not None:
        (report, row), source = _since(open_store(store), since, check, scorer, budget), None
    else:
        opened = open_store(store)
        extra = _learned_from_items(opened, check, scorer, budget)
        now = reconciled(opened) if against is not None else None
        earlier = _earlier(opened, against) if against is not None else None
        report = audit_store(
            opened, taxonomy=now, checks=check, scorer=scorer, budget=budget, extra=extra, earlier=earlier
        )
        row, source = {"kgtag": __version__}, None
    _write(report, threshold, source, html=html, sarif=sarif, junit=junit)
    if json:
        print_json({**(row or {}), **({"left": report.to_json()} if fixing.fix else report.to_json())})
    else:
        _print(report)
    if report.failing(threshold):
        raise typer.Exit(1)


def _learned_from_items(
    store: TaxonomyStore, checks: list[str] | None, scorer: Scorer | None, budget: float
) -> list[Check]:
    """The check of tags, where it is asked for or comes with embeddings; what it trains with may not be installed."""
    asked = checks is not None and _TAGS in checks
    if not asked and (checks is not None or scorer is None):
        return []
    if importlib.util.find_spec("sklearn") is None:
        if asked:
            raise InputError(f"the check {_TAGS!r} needs scikit-learn: pip install 'kgtag[train]'")
        return []
    from kgtag.train.wrong_tags import implausible_tag

    return [implausible_tag(store.items, budget=budget)]


def _earlier(store: TaxonomyStore, file: Path) -> Earlier | None:
    """The report in a file with the taxonomy that it is on; None where the store can't tell that, or another release
    of kgtag made it, so that all must be looked at."""
    from graph.audit import Earlier, Report
    from graph.formats.reading import json_object, text
    from graph.history.versions import at_version, version_with
    from kgtag import __version__

    row = json_object(text(file), file)
    if "since" in row or "fixed" in row:
        raise InputError(f"{str(file)!r} has a part of the findings; --against takes the report of a whole audit")
    found = Report.from_json(row)
    version = version_with(store, found.revision)
    if row.get("kgtag") != __version__ or version is None:
        why = "no version of the store has its revision" if version is None else "another release of kgtag made it"
        log(f"{file.name} is of no use here: {why}; everything is looked at")
        return None
    return Earlier(at_version(store, version), found)


def _since(
    store: TaxonomyStore, name: str, checks: list[str] | None, scorer: Scorer | None, budget: float
) -> tuple[Report, dict[str, Any]]:
    """The report of what is new or was touched since a version, and as JSON what is gone."""
    from graph import audit
    from graph.audit.report import finding_row
    from graph.history.diff import diff
    from graph.history.versions import reconciled
    from graph.sources import snapshot_named
    from kgtag.embed.audit import audit_store

    now = reconciled(store)
    before = snapshot_named(name, store, open=open_store)
    old = audit_store(store, taxonomy=before, checks=checks, scorer=scorer, budget=budget)
    earlier = audit.Earlier(before, old)
    new = audit_store(store, taxonomy=now, checks=checks, scorer=scorer, budget=budget, earlier=earlier)
    touched = set(diff(before, now).touched())
    report, gone = audit.since(old, new, touched)
    fresh = sum(finding.new is True for finding in report.findings)
    log(f"since {name}: {len(touched)} concepts touched, {fresh} findings new, {len(gone)} gone")
    return report, {"since": name, "touched": len(touched), "gone": list(map(finding_row, gone))}


def _fix(
    store: TaxonomyStore, checks: list[str] | None, scorer: Scorer | None, options: FixOptions, *, quiet: bool
) -> tuple[Report, dict[str, Any]]:
    """Repair what is safe; the report of what is left, and the repairs as JSON. Without `quiet`, print them."""
    from graph.audit.report import finding_row
    from graph.editing import Signature
    from graph.editing.edit import apply
    from graph.formats.reading import write
    from graph.history.diff import diff, to_json
    from graph.history.entries import effects_of
    from graph.model import Retag
    from graph.model.changes import change_to_json
    from kgtag.cli.history import print_effects
    from kgtag.embed.audit import audit_store, fixes_of_store

    fixes = fixes_of_store(store, Signature(login(options.author), options.reason), checks=checks)
    rows = [change_to_json(change) for change in fixes.changes.changes]
    if options.changes is not None:
        document = {"title": "Safe repairs of the audit", "reason": options.reason, "changes": rows}
        write(options.changes, [orjson.dumps(document, option=orjson.OPT_INDENT_2)])
    if options.dry_run:
        after, version = fixes.after, fixes.before.version
        report = audit_store(store, taxonomy=after, items=fixes.items(store.items()), checks=checks, scorer=scorer)
    else:
        after = apply(store, fixes.changes, expect_version=fixes.before.version)
        version, report = after.version, audit_store(store, taxonomy=after, checks=checks, scorer=scorer)
    found = diff(fixes.before, after)
    if not quiet:
        done = "Nothing is written. Findings that would be repaired" if options.dry_run else "Findings repaired"
        by_check = Counter((finding.severity, finding.check) for finding in fixes.fixed)
        print_table(
            f"{done}: {len(fixes.fixed)}", ["severity", "check", "findings"], [(*key, n) for key, n in by_check.items()]
        )
        moves = [change for change in fixes.changes.changes if isinstance(change, Retag)]
        print_effects("Changes", effects_of(found, moves))
        if version > fixes.before.version:
            log(f"version {version}; to take it back: kgtag undo {version}")
        log(f"findings that are left for people to decide: {len(report.findings)}")
    return report, {
        "dry_run": options.dry_run,
        "version": version,
        "fixed": list(map(finding_row, fixes.fixed)),
        "changes": rows,
        "diff": to_json(found),
    }


def _write(report: Report, threshold: Severity, source: str | None, *, html: _File, sarif: _File, junit: _File) -> None:
    from urllib.parse import quote

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
            log(f"{len(report.findings):,} findings written to {file}")


def _print(report: Report) -> None:
    """The checks that found something, and the first findings of each."""
    from graph.audit.report import SEVERITIES

    ran = [(c.severity, c.name, c.count) for c in report.checks if c.count]
    quiet = len(report.checks) - len(ran)
    title = f"Audit of revision {report.revision}: {quiet} of {len(report.checks)} checks found nothing"
    print_table(title, ["severity", "check", "findings"], ran)
    each = max(_FEWEST, _SHOWN // max(1, len(ran)))
    shown = [finding for of_check in report.by_check().values() for finding in of_check[:each]]
    shown = sorted(shown, key=lambda finding: SEVERITIES.index(finding.severity))[:_SHOWN]
    if found := [(f.severity, f.check, ("new: " if f.new else "") + f.message) for f in shown]:
        print_table("Findings", ["severity", "check", "message"], found)
    if len(report.findings) > len(shown):
        log(f"{len(report.findings) - len(shown):,} more; see them all with --json")
