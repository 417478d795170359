"""Enforcement: out of all candidate tags of one item, a set that contradicts neither itself nor the taxonomy."""

from kgtag.enforce.enforce import Enforcer, EnforceSettings, enforce
from kgtag.enforce.violations import Violation, violations

__all__ = ["EnforceSettings", "Enforcer", "Violation", "enforce", "violations"]
