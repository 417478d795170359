"""The audit: named checks of a taxonomy, whose findings have evidence and, where possible, a repair."""

from graph.audit.fixes import Fixes as Fixes
from graph.audit.incremental import Earlier as Earlier
from graph.audit.report import Check as Check
from graph.audit.report import CheckResult as CheckResult
from graph.audit.report import Defect as Defect
from graph.audit.report import Finding as Finding
from graph.audit.report import Report as Report
from graph.audit.report import Severity as Severity
from graph.audit.report import parse_severity as parse_severity
from graph.audit.report import since as since
from graph.audit.run import CHECKS as CHECKS
from graph.audit.run import audit as audit
from graph.audit.run import audit_skos as audit_skos
from graph.audit.run import check_names as check_names
from graph.audit.run import item_checks as item_checks
from graph.audit.run import safe_fixes as safe_fixes
