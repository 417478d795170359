"""The audit of a taxonomy: built-in checks and those of other packages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import partial

from graph.audit import facets, integrity, labels, lifecycle, structure, usage
from graph.audit.report import Check, Report, report, timed
from graph.errors import InputError
from graph.model import TaggedItem
from graph.plugins import load_plugins
from graph.repairs.repairs import Dialect
from graph.taxonomy import Taxonomy

CHECKS: tuple[Check, ...] = (
    Check("quarantined", "error", integrity.quarantined),
    Check("related_is_ancestor", "error", integrity.related_is_ancestor),
    Check("redundant_broader", "warning", integrity.redundant_broader),
    Check("orphan", "warning", structure.orphan),
    Check("single_child", "info", structure.single_child),
    Check("crowded", "info", structure.crowded),
    Check("sibling_duplicate_label", "warning", labels.sibling_duplicate_label),
    Check("ambiguous_label", "warning", labels.ambiguous_label),
    Check("same_level_label", "info", labels.same_level_label),
    Check("untidy_label", "warning", labels.untidy_label),
    Check("repeated_label", "info", labels.repeated_label),
    Check("inconsistent_case", "info", labels.inconsistent_case),
    Check("missing_translation", "info", labels.missing_translation),
    Check("deprecated_without_successor", "warning", lifecycle.deprecated_without_successor),
    Check("redirect_to_deprecated", "warning", lifecycle.redirect_to_deprecated),
    Check("redirect_unclear", "error", lifecycle.redirect_unclear),
    Check("active_under_deprecated", "warning", lifecycle.active_under_deprecated),
    Check("attribute_without_values", "warning", facets.attribute_without_values),
    Check("attribute_applies_nowhere", "warning", facets.attribute_applies_nowhere),
    Check("attribute_applied_twice", "info", facets.attribute_applied_twice),
    Check("attribute_gap_among_siblings", "info", facets.attribute_gap_among_siblings),
)
"""The built-in checks in order. Those of tagged items are `usage.checks`."""


def check_names() -> tuple[str, ...]:
    """Names of all checks, those of other packages last."""
    own = tuple(check.name for check in (*CHECKS, *usage.checks(())))
    return own + tuple(check.name for check in _installed() if check.name not in own)


def _installed() -> list[Check]:
    """Checks of other packages. Raises InputError for an entry point that is not a Check."""
    return list(load_plugins("kgtag.checks", Check).values())


def audit(
    taxonomy: Taxonomy,
    *,
    items: Iterable[TaggedItem] | None = None,
    checks: Sequence[str] | None = None,
    extra: Sequence[Check] = (),
    dialect: Dialect = "cypher",
) -> Report:
    """Run checks on a taxonomy.

    Args:
        taxonomy: The snapshot to check.
        items: Tagged items, for the checks of tags; those are left out without.
        checks: Names of the checks to run; all by default.
        extra: Further checks, besides those that packages add (entry-point group `kgtag.checks`).
        dialect: The language of the store, for repairs of quarantined edits.

    Raises:
        InputError: An unknown check, one that needs `items`, or an entry point that is not a Check.

    Example:
        >>> report = audit(taxonomy, checks=["orphan"])
        >>> [finding.message for finding in report.findings]
        ["'Wellies' (wellies) stands alone: nothing is broader or narrower"]
    """
    quarantined = Check("quarantined", "error", partial(integrity.quarantined, dialect=dialect))
    own = [quarantined if check.name == quarantined.name else check for check in CHECKS]
    own += usage.checks(items) if items is not None else ()
    known = {check.name: check for check in own}
    for check in (*extra, *_installed()):
        known.setdefault(check.name, check)
    for name in checks or ():
        if name not in known:
            if name in check_names():
                raise InputError(f"check {name!r} needs tagged items, and there are none here")
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
            raise InputError(f"no check {name!r}; did you mean {', '.join(near)}?")
    wanted = known.values() if checks is None else [check for name, check in known.items() if name in checks]
    return report(taxonomy.revision, [timed(check.name, check.severity, check.find, taxonomy) for check in wanted])
