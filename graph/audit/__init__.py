"""The audit: named checks over a whole taxonomy, each finding with its evidence and, where there is one, a repair."""

from graph.audit.report import Check, CheckResult, Defect, Finding, Report, Severity, parse_severity
from graph.audit.run import CHECKS, audit, check_names
from graph.audit.skos import audit_skos

__all__ = [
    "CHECKS",
    "Check",
    "CheckResult",
    "Defect",
    "Finding",
    "Report",
    "Severity",
    "audit",
    "audit_skos",
    "check_names",
    "parse_severity",
]
