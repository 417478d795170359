"""Checks of an audit and the report of their findings."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from graph.errors import InputError
from graph.rows import AuditReport, FindingRow
from graph.taxonomy import Taxonomy

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
T = TypeVar("T")


def parse_severity(value: str) -> Severity:
    """The severity of that name. Raises InputError for another word."""
    for severity in SEVERITIES:
        if value == severity:
            return severity
    raise InputError(f"no severity {value!r}; there is {', '.join(SEVERITIES)}")


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that a check found.

    Args:
        concepts: Ids of the concepts concerned.
        message: What is wrong, with labels and ids.
        evidence: JSON that supports it.
        repair: JSON of an edit that repairs it (see `suggest`).
    """

    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    repair: Mapping[str, Any] | None = None


def suggest(op: str, words: str, **fields: Any) -> dict[str, Any]:
    """The repair of a defect as JSON.

    Args:
        op: The edit: "relabel", "merge", "move", "delete_relation", "put_relation", "deprecate", "retag" or, for a
            `statement` of the store's language, "run".
        words: An instruction for people.
        fields: The fields of the edit.
    """
    return {"op": op, **fields, "words": words}


@dataclass(frozen=True, slots=True)
class Check:
    """A named check of a taxonomy. Packages add theirs with an entry point of the group `kgtag.checks`.

    Args:
        name: The name for `kgtag audit --check NAME`.
        severity: "error", "warning" or "info".
        find: Yields the defects of a taxonomy in a fixed order.

    Example:
        >>> def shouting(taxonomy):
        ...     for concept in taxonomy:
        ...         if concept.label().isupper():
        ...             yield Defect((concept.id,), f"{concept.label()!r} is in capitals")
        >>> check = Check("shouting", "info", shouting)
    """

    name: str
    severity: Severity
    find: Callable[[Taxonomy], Iterable[Defect]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The duration of a check, in seconds, and the number of its findings."""

    name: str
    severity: Severity
    seconds: float
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect with the name and severity of its check."""

    check: str
    severity: Severity
    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any]
    repair: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit.

    Args:
        revision: The taxonomy's revision.
        checks: The checks that ran, in order.
        findings: All findings, errors first.
    """

    revision: str
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]

    def failing(self, threshold: Severity) -> list[Finding]:
        """Findings of at least the severity of the threshold."""
        grave = SEVERITIES[: SEVERITIES.index(threshold) + 1]
        return [finding for finding in self.findings if finding.severity in grave]

    def to_json(self) -> AuditReport:
        return {
            "revision": self.revision,
            "checks": [
                {"name": c.name, "severity": c.severity, "seconds": round(c.seconds, 6), "count": c.count}
                for c in self.checks
            ],
            "findings": list(map(_finding, self.findings)),
        }


def report(
    revision: str, checks: Iterable[tuple[str, Severity, Callable[[T], Iterable[Defect]]]], subject: T
) -> Report:
    """Run checks on their subject; findings are ordered by severity, then by check."""
    results: list[CheckResult] = []
    findings: list[Finding] = []
    for name, severity, find in checks:
        start = time.perf_counter()
        found = [Finding(name, severity, d.concepts, d.message, d.evidence, d.repair) for d in find(subject)]
        results.append(CheckResult(name, severity, time.perf_counter() - start, len(found)))
        findings += found
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(revision, tuple(results), tuple(findings))


def _finding(finding: Finding) -> FindingRow:
    row: FindingRow = {
        "check": finding.check,
        "severity": finding.severity,
        "concepts": list(finding.concepts),
        "message": finding.message,
        "evidence": dict(finding.evidence),
    }
    return row if finding.repair is None else {**row, "repair": dict(finding.repair)}
