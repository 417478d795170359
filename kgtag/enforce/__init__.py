"""Enforcement: the tags of one item, consistent with each other and with the taxonomy."""

from kgtag.enforce.enforce import Enforcer, EnforceSettings
from kgtag.enforce.violations import Violation, violations

__all__ = ["EnforceSettings", "Enforcer", "Violation", "violations"]
