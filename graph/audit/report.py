"""Checks of an audit and the report of their findings."""

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import chain, pairwise
from typing import Any, Literal, Self, TypeVar

import numpy as np

from graph.columns.hierarchy import Indices
from graph.errors import InputError
from graph.rows import AuditReport, FindingRow
from graph.taxonomy import Taxonomy

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
Reach = Literal["first", "last", "values", "labels", "siblings"]
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
        item: The id of the item concerned, where it is a single one.
    """

    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    repair: Mapping[str, Any] | None = None
    item: str | None = None


def suggest(op: str, words: str, *, safe: bool = False, **fields: Any) -> dict[str, Any]:
    """The repair of a defect as JSON.

    Args:
        op: The edit: "relabel", "prefer", "rename_language", "merge", "move", "delete_relation", "put_relation",
            "deprecate", "retag" or, for a `statement` of the store's language, "run".
        words: An instruction for people.
        safe: Whether it needs no decision: `kgtag audit --fix` carries it out (see `graph.audit.fixes`).
        fields: The fields of the edit.
    """
    return {"op": op, **fields, "words": words} | ({"safe": True} if safe else {})


@dataclass(frozen=True, slots=True)
class Check:
    """A named check of a taxonomy. Packages add theirs with an entry point of the group `kgtag.checks`.

    Args:
        name: The name for `kgtag audit --check NAME`.
        severity: "error", "warning" or "info".
        find: Yields the defects of a taxonomy in a fixed order.
        fixes: Whether some of its repairs are `safe` (see `suggest`).
        reach: What a finding depends on, for an audit after an edit: what is around its "first" or its "last" concept
            (the relations of that and of its siblings, all above it, its redirects), of its first and any "values"; its
            concepts and all that have "labels" like theirs; the "siblings" of its first concept. None: anything.

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
    fixes: bool = False
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The duration of a check, in seconds, the number of its findings, and what it looks for, in a sentence."""

    name: str
    severity: Severity
    seconds: float
    count: int
    about: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """Numbers of concepts by depth, by number of narrower ones, and by language of their preferred labels."""

    concepts: int = 0
    depths: tuple[tuple[str, int], ...] = ()
    fan_out: tuple[tuple[str, int], ...] = ()
    languages: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, depths: Indices, fan_out: Indices, languages: Mapping[str, int]) -> Self:
        """The shape of concepts whose depths and numbers of narrower ones these are, both (n,)."""
        bounds = [0, 1, 2, 6, 11, 21, 51, 101, 301]
        names = [f"{low}" if high == low + 1 else f"{low} to {high - 1}" for low, high in pairwise(bounds)]
        found = np.bincount(np.searchsorted(bounds, fan_out, side="right") - 1, minlength=len(bounds)).tolist()
        levels = np.bincount(depths).tolist()
        ordered = sorted(languages.items(), key=lambda item: (-item[1], item[0]))
        return cls(
            len(depths),
            tuple((str(depth), count) for depth, count in enumerate(levels)),
            tuple(zip([*names, "301 or more"], found, strict=True)),
            tuple(ordered),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect with the name and severity of its check; `new` says whether an earlier report had it (see `since`)."""

    check: str
    severity: Severity
    concepts: tuple[str, ...]
    message: str
    evidence: Mapping[str, Any]
    repair: Mapping[str, Any] | None = None
    new: bool | None = None
    item: str | None = None

    @property
    def key(self) -> tuple[str, tuple[str, ...], str]:
        """What tells it from other findings."""
        return self.check, self.concepts, self.message


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit.

    Args:
        revision: The taxonomy's revision.
        checks: The checks that ran, in order.
        findings: All findings, errors first.
        shape: Depths, fan-out and languages of what was checked.
    """

    revision: str
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    shape: Shape = Shape()

    def by_check(self) -> dict[str, Sequence[Finding]]:
        """The findings of each check that ran, in their order."""
        found: dict[str, Sequence[Finding]] = {}
        start = 0
        for severity in SEVERITIES:
            for check in self.checks:
                if check.severity == severity:
                    found[check.name] = self.findings[start : start + check.count]
                    start += check.count
        return found

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
            "findings": list(map(finding_row, self.findings)),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The report of `to_json`, without its shape. Raises InputError for other JSON."""
        try:
            checks = [CheckResult(c["name"], c["severity"], c["seconds"], c["count"]) for c in row["checks"]]
            findings = [
                Finding(
                    *(f["check"], f["severity"], tuple(f["concepts"]), f["message"], f["evidence"], f.get("repair")),
                    item=f.get("item"),
                )
                for f in row["findings"]
            ]
            order = {one.name: at for at, one in enumerate(checks)}
            findings.sort(key=lambda one: (SEVERITIES.index(one.severity), order[one.check]))
            count = Counter(one.check for one in findings)
            return cls(row["revision"], tuple(replace(c, count=count[c.name]) for c in checks), tuple(findings))
        except (KeyError, TypeError) as error:
            raise InputError(f"this is not a report of `kgtag audit --json`: {error!r} is missing in it") from None


def since(before: Report, after: Report, touched: Set[str]) -> tuple[Report, tuple[Finding, ...]]:
    """What a change of the taxonomy did to its audit.

    Args:
        before: The report on the earlier snapshot.
        after: The report on the later one, by the same checks.
        touched: Ids of concepts that differ, or whose relations do.

    Returns:
        The later report with findings alone that are new or about concepts that were touched, and the findings that are
        gone.

    Example:
        >>> report, gone = since(audit(old), audit(new), set(diff(old, new).touched()))
        >>> [(finding.check, finding.new) for finding in report.findings]
        [('orphan', True), ('single_child', False)]
    """
    known = {finding.key for finding in before.findings}
    found = [replace(finding, new=finding.key not in known) for finding in after.findings]
    found = [finding for finding in found if finding.new or not touched.isdisjoint(finding.concepts)]
    count = Counter(finding.check for finding in found)
    checks = tuple(replace(check, count=count[check.name]) for check in after.checks)
    left = {finding.key for finding in after.findings}
    gone = tuple(finding for finding in before.findings if finding.key not in left)
    return replace(after, checks=checks, findings=tuple(found)), gone


def findings_of(name: str, severity: Severity, find: Callable[[T], Iterable[Defect]]) -> Callable[[T], list[Finding]]:
    """The check's findings on a subject."""

    @wraps(find)
    def found(subject: T) -> list[Finding]:
        return [
            Finding(name, severity, d.concepts, d.message, d.evidence, d.repair, item=d.item) for d in find(subject)
        ]

    return found


def report(
    revision: str, checks: Iterable[tuple[str, Severity, Callable[[T], list[Finding]]]], subject: T, *, shape: Shape
) -> Report:
    """Run checks on their subject; findings are ordered by severity, then by check."""
    results: list[CheckResult] = []
    findings: dict[Severity, list[Finding]] = {severity: [] for severity in SEVERITIES}
    for name, severity, find in checks:
        start = time.perf_counter()
        found = find(subject)
        results.append(CheckResult(name, severity, time.perf_counter() - start, len(found), _about(name, find)))
        findings[severity] += found
    return Report(revision, tuple(results), tuple(chain.from_iterable(findings.values())), shape)


def _about(name: str, find: Callable[..., object]) -> str:
    """The first sentence of what a check says of itself, its name in words when it says nothing."""
    find = inspect.unwrap(find)
    text = inspect.cleandoc(getattr(find, "func", find).__doc__ or name.replace("_", " "))
    return " ".join(text.split("\n\n")[0].split())


def finding_row(finding: Finding) -> FindingRow:
    """The finding as JSON."""
    row: FindingRow = {
        "check": finding.check,
        "severity": finding.severity,
        "concepts": list(finding.concepts),
        "message": finding.message,
        "evidence": dict(finding.evidence),
    }
    if finding.repair is not None:
        row["repair"] = dict(finding.repair)
    if finding.item is not None:
        row["item"] = finding.item
    if finding.new is not None:
        row["new"] = finding.new
    return row
