"""Enforcement: out of all candidate tags of one item, a set that contradicts neither itself nor the taxonomy."""

from kgtag.consistency.enforce import EnforceSettings, enforce
from kgtag.consistency.violations import Violation, violations

__all__ = ["EnforceSettings", "Violation", "enforce", "violations"]
