"""What a check is, and what an audit reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from graph.errors import InputError
from graph.rows import AuditReport, FindingRow
from graph.taxonomy import Taxonomy

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def parse_severity(value: str) -> Severity:
    """Raises InputError for a word that is no severity."""
    for severity in SEVERITIES:
        if value == severity:
            return severity
    raise InputError(f"no severity {value!r}; there is {', '.join(SEVERITIES)}")


@dataclass(frozen=True, slots=True)
class Defect:
    """What a check found, before the audit stamps its name on it. `evidence` and `repair` are JSON.

    A repair says in `words` what to do and in `op` which edit that is: "relabel", "merge", "move", "delete_relation",
    "put_relation", "deprecate", "retag", "run" (the `statement`, on the record).
    """

    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    repair: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A named question to a taxonomy. Its defects come in a fixed order."""

    name: str
    severity: Severity
    find: Callable[[Taxonomy], Iterable[Defect]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check went: seconds it took, findings it had."""

    name: str
    severity: Severity
    seconds: float
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    severity: Severity
    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any]
    repair: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All checks that ran, in order, and their findings, the gravest first."""

    revision: str
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]

    def failing(self, threshold: Severity) -> list[Finding]:
        """Findings at least as grave as the threshold."""
        grave = SEVERITIES[: SEVERITIES.index(threshold) + 1]
        return [finding for finding in self.findings if finding.severity in grave]

    def to_json(self) -> AuditReport:
        return {
            "revision": self.revision,
            "checks": [
                {"name": c.name, "severity": c.severity, "seconds": round(c.seconds, 6), "count": c.count}
                for c in self.checks
            ],
            "findings": [_finding(finding) for finding in self.findings],
        }


def report(revision: str, results: Sequence[tuple[CheckResult, Sequence[Defect]]]) -> Report:
    """Stamp the defects and order them by severity, else as the checks and their defects come."""
    findings = [
        Finding(result.name, result.severity, d.concepts, d.message, d.evidence, d.repair)
        for result, defects in results
        for d in defects
    ]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(revision, tuple(result for result, _ in results), tuple(findings))


def _finding(finding: Finding) -> FindingRow:
    row: FindingRow = {
        "check": finding.check,
        "severity": finding.severity,
        "concepts": list(finding.concepts),
        "message": finding.message,
        "evidence": dict(finding.evidence),
    }
    return row if finding.repair is None else {**row, "repair": dict(finding.repair)}
