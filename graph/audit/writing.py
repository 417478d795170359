"""An audit's report as SARIF 2.1.0, as JUnit XML, and as one HTML page that can be sent round."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from xml.etree import ElementTree

from graph.audit.report import SEVERITIES, CheckResult, Finding, Report, Severity

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROWS = 200
"""Findings of a check that the page lists; a browser has trouble with much more."""
_BARS = 40
_COLORS = {"error": "#b3261e", "warning": "#a15c00", "info": "#3c6090"}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{padding:.25rem .6rem;text-align:left;"
    "border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}td.n,th.n{text-align:right}"
    ".checks th,.checks td:nth-child(-n+4){white-space:nowrap}"
    "summary{cursor:pointer;padding:.3rem 0}svg{max-width:100%;height:auto}.plots{display:grid;gap:1rem 2rem;"
    "grid-template-columns:repeat(auto-fit,minmax(24rem,1fr))}.error{color:#b3261e}.warning{color:#a15c00}"
    ".info{color:#3c6090}small{color:#555}@media print{body{margin:0;font-size:11px}tr,svg{break-inside:avoid}}"
)
_UNFOLD = "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>d.open=true))"


def to_sarif(report: Report, *, version: str, source: str | None = None) -> dict[str, Any]:
    """The report as a SARIF log.

    Args:
        report: The audit's report.
        version: The version of kgtag.
        source: The audited file as a relative URI, None for a store.
    """
    index = {check.name: i for i, check in enumerate(report.checks)}
    rules = [
        {
            "id": check.name,
            "shortDescription": {"text": check.about},
            "defaultConfiguration": {"level": _LEVELS[check.severity]},
        }
        for check in report.checks
    ]
    results = [_result(finding, index[finding.check], source) for finding in report.findings]
    driver = {"name": "kgtag", "version": version, "rules": rules}
    run = {"tool": {"driver": driver}, "results": results, "properties": {"revision": report.revision}}
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, rule: int, source: str | None) -> dict[str, Any]:
    named = [{"name": id, "fullyQualifiedName": id, "kind": "object"} for id in finding.concepts]
    location: dict[str, Any] = {"logicalLocations": named} if named else {}
    if source is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": source}}
    about = {"evidence": dict(finding.evidence)} | ({"repair": dict(finding.repair)} if finding.repair else {})
    print_of = hashlib.blake2b("\0".join((finding.check, *finding.concepts, finding.message)).encode(), digest_size=8)
    return {
        "ruleId": finding.check,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [location] if location else [],
        "partialFingerprints": {"finding/v1": print_of.hexdigest()},
        "properties": about,
    } | ({} if finding.new is None else {"baselineState": "new" if finding.new else "unchanged"})


def to_junit(report: Report, *, threshold: Severity) -> bytes:
    """One test suite with a test case for each check; each finding of at least the threshold is a failure of it."""
    failing = _by_check(report.failing(threshold))
    others = _by_check([finding for finding in report.findings if finding.check not in failing])
    counts = {
        "tests": str(len(report.checks)),
        "failures": str(len(failing)),
        "errors": "0",
        "time": f"{sum(check.seconds for check in report.checks):.3f}",
    }
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "kgtag audit", **counts})
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", {"name": "revision", "value": report.revision})
    for check in report.checks:
        fields = {"classname": f"audit.{check.severity}", "name": check.name, "time": f"{check.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", fields)
        for finding in failing.get(check.name, ()):
            message = _NOT_XML.sub("\ufffd", finding.message)
            failure = ElementTree.SubElement(case, "failure", {"type": finding.severity, "message": message})
            failure.text = _NOT_XML.sub("\ufffd", "\n".join((finding.message, *_repair(finding), *finding.concepts)))
        if check.name in others:
            lines = [_NOT_XML.sub("\ufffd", finding.message) for finding in others[check.name]]
            ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
    ElementTree.indent(suites)
    written: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def to_html(report: Report, *, title: str, at: datetime | None = None) -> str:
    """One page without anything from elsewhere: plots, checks, findings by check. `at`: its time, now by default."""
    found = _by_check(report.findings)
    checks = sorted(report.checks, key=lambda c: (not c.count, SEVERITIES.index(c.severity), -c.count, c.name))
    count = {severity: sum(c.count for c in checks if c.severity == severity) for severity in SEVERITIES}
    total = ", ".join(f"{severity} {count[severity]:,}" for severity in SEVERITIES)
    when = (at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    shape = report.shape
    coverage = [(lang, 100 * n / max(1, shape.concepts)) for lang, n in shape.languages]
    by_check = [(c.name, float(c.count)) for c in checks if c.count]
    colors = [_COLORS[c.severity] for c in checks if c.count]
    plots = [
        _bars("Findings by check", by_check, colors=colors),
        _bars("Concepts by depth", [(name, float(n)) for name, n in shape.depths]),
        _bars("Concepts by number of narrower ones", [(name, float(n)) for name, n in shape.fan_out]),
        _bars("Concepts with a preferred label, by language", coverage, unit="%"),
    ]
    rows = "".join(_check_row(check) for check in checks)
    head = "<tr><th>Check</th><th>Severity</th><th class=n>Findings</th><th class=n>Seconds</th><th>Looks for</th></tr>"
    parts = "".join(_findings(check, found[check.name]) for check in checks if check.count)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f'<meta name=viewport content="width=device-width"><style>{_STYLE}</style><script>{_UNFOLD}</script>'
        f"<h1>{escape(title)}</h1><p>{shape.concepts:,} concepts, revision {escape(report.revision)}, {when}. "
        f"{len(report.findings):,} findings of {len(checks)} checks: {total}.</p>"
        f"<div class=plots>{''.join(plots)}</div><h2>Checks</h2><table class=checks>{head}{rows}</table>"
        f"<h2>Findings</h2>{parts or '<p>None.</p>'}</html>\n"
    )


def _check_row(check: CheckResult) -> str:
    name = f'<a href="#{escape(check.name)}">{escape(check.name)}</a>' if check.count else escape(check.name)
    return (
        f"<tr><td>{name}<td class={check.severity}>{check.severity}<td class=n>{check.count:,}"
        f"<td class=n>{check.seconds:.2f}<td>{escape(check.about)}</tr>"
    )


def _findings(check: CheckResult, findings: Sequence[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(finding.message)}<td>{escape(' '.join(_repair(finding)))}</tr>"
        for finding in findings[:_ROWS]
    )
    more, opened = len(findings) - _ROWS, " open" if len(findings) <= 10 else ""
    rest = f"<p><small>{more:,} more are not listed here; --json has them all.</small></p>" if more > 0 else ""
    return (
        f'<details id="{escape(check.name)}"{opened}><summary><b>{escape(check.name)}</b> '
        f"<span class={check.severity}>{check.severity}</span>, {check.count:,} <small>{escape(check.about)}</small>"
        f"</summary><table><tr><th>Finding<th>What to do</tr>{rows}</table>{rest}</details>"
    )


def _bars(title: str, rows: Sequence[tuple[str, float]], *, colors: Sequence[str] = (), unit: str = "") -> str:
    """A bar chart as inline SVG, one bar a row, at most 40."""
    shown = list(rows[:_BARS])
    most = max((value for _, value in shown), default=0) or 1
    lines = []
    for i, (name, value) in enumerate(shown):
        y, width = 20 * i + 14, 220 * value / most
        number = f"{value:.1f}{unit}" if unit else f"{value:,.0f}"
        color = colors[i] if colors else "#3c6090"
        lines.append(
            f'<text x="168" y="{y}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="175" y="{y - 11}" width="{width:.1f}" height="14" fill="{color}"/>'
            f'<text x="{180 + width:.1f}" y="{y}">{number}</text>'
        )
    left = f" (the first {_BARS} of {len(rows)})" if len(rows) > _BARS else ""
    size = f'viewBox="0 0 460 {20 * max(1, len(shown)) + 6}" width="460" font-size="11" font-family="sans-serif"'
    return (
        f"<figure style=margin:0><figcaption><b>{escape(title)}</b>{left}</figcaption>"
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" {size}>{"".join(lines)}</svg>'
        "</figure>"
    )


def _by_check(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.check].append(finding)
    return dict(found)


def _repair(finding: Finding) -> list[str]:
    words = str(finding.repair.get("words", "")) if finding.repair else ""
    return [f"{words[:1].upper()}{words[1:]}."] if words else []
