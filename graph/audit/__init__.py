"""The audit: named checks of a taxonomy, whose findings have evidence and, where possible, a repair."""

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
