"""The audits of a taxonomy and of a SKOS file: which checks there are, and which of them run."""

import difflib
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial, wraps
from operator import attrgetter
from pathlib import Path

from graph.audit import branches, labels, skos_checks, structure
from graph.audit.claims import ItemClaims
from graph.audit.fixes import Fixes, plan_fixes
from graph.audit.incremental import Earlier, Edit
from graph.audit.report import Check, Defect, Finding, Report, Severity, findings_of, report
from graph.audit.thesaurus import Thesaurus
from graph.columns.assemble import TaxonomyData
from graph.editing.concepts import Signature
from graph.errors import InputError
from graph.formats import rdf
from graph.model import TaggedItem
from graph.plugins import load_plugins
from graph.repairs.repairs import Dialect
from graph.taxonomy import Taxonomy

CHECKS: tuple[Check, ...] = (
    Check("quarantined", "error", structure.quarantined, fixes=True),
    Check("related_is_ancestor", "error", structure.related_is_ancestor, fixes=True, reach="first"),
    Check("redundant_broader", "warning", structure.redundant_broader, fixes=True, reach="first"),
    Check("orphan", "warning", structure.orphan),
    Check("single_child", "info", structure.single_child, reach="first"),
    Check("crowded", "info", structure.crowded, reach="first"),
    Check("sibling_duplicate_label", "warning", labels.sibling_duplicate_label, reach="labels"),
    Check("ambiguous_label", "warning", labels.ambiguous_label, reach="labels"),
    Check("same_level_label", "info", labels.same_level_label, reach="labels"),
    Check("untidy_label", "warning", labels.untidy_label, fixes=True, reach="first"),
    Check("repeated_label", "info", labels.repeated_label, fixes=True, reach="first"),
    Check("inconsistent_case", "info", labels.inconsistent_case, reach="siblings"),
    Check("missing_translation", "info", labels.missing_translation, fixes=True),
    Check("unknown_language", "warning", branches.unknown_language, fixes=True),
    Check("translations_disagree", "warning", branches.translations_disagree, reach="labels"),
    Check("near_duplicate_label", "info", branches.near_duplicate_label, reach="labels"),
    Check("category_repeats_value", "info", branches.category_repeats_value, reach="values"),
    Check("depth_outlier", "info", branches.depth_outlier),
    Check("fan_out_outlier", "info", branches.fan_out_outlier),
    Check("deprecated_without_successor", "warning", structure.deprecated_without_successor, reach="first"),
    Check("redirect_to_deprecated", "warning", structure.redirect_to_deprecated, fixes=True, reach="first"),
    Check("redirect_unclear", "error", structure.redirect_unclear, reach="first"),
    Check("active_under_deprecated", "warning", structure.active_under_deprecated, fixes=True, reach="first"),
    Check("attribute_without_values", "warning", structure.attribute_without_values),
    Check("attribute_applies_nowhere", "warning", structure.attribute_applies_nowhere),
    Check("attribute_applied_twice", "info", structure.attribute_applied_twice, fixes=True, reach="last"),
    Check("attribute_gap_among_siblings", "info", structure.attribute_gap_among_siblings, reach="first"),
)
"""The built-in checks in order. Those of tagged items are `structure.tag_checks`."""

_FEW = 100
"""Findings that are put into their place one by one."""
place = attrgetter("concepts")
"""What orders the findings of a check that has a reach."""

SkosCheck = tuple[str, Severity, Callable[[Thesaurus], Iterable[Defect]]]

SKOS_CHECKS: tuple[SkosCheck, ...] = (
    ("skos_no_concepts", "error", skos_checks.no_concepts),
    ("skos_relation_clash", "error", skos_checks.relation_clash),
    ("skos_mapping_clash", "error", skos_checks.mapping_clash),
    ("skos_cycle", "error", skos_checks.cycle),
    ("skos_several_pref_labels", "error", skos_checks.several_pref_labels),
    ("skos_label_clash", "error", skos_checks.label_clash),
    ("skos_empty_label", "warning", skos_checks.empty_label),
    ("skos_unlabelled", "warning", skos_checks.unlabelled),
    ("skos_untidy_label", "warning", skos_checks.untidy_label),
    ("skos_bad_language", "warning", skos_checks.bad_language),
    ("skos_shared_label", "warning", skos_checks.shared_label),
    ("skos_ambiguous_notation", "warning", skos_checks.ambiguous_notation),
    ("skos_undeclared_concept", "warning", skos_checks.undeclared_concept),
    ("skos_bad_iri", "warning", skos_checks.bad_iri),
    ("skos_no_top_concept", "warning", skos_checks.no_top_concept),
    ("skos_top_concept_with_broader", "warning", skos_checks.top_concept_with_broader),
    ("skos_redundant_broader", "warning", skos_checks.redundant_broader),
    ("skos_mapping_within_scheme", "warning", skos_checks.mapping_within_scheme),
    ("skos_transitive_only", "warning", skos_checks.transitive_only),
    ("skos_omitted_top_concept", "info", skos_checks.omitted_top_concept),
    ("skos_orphan", "info", skos_checks.orphan),
    ("skos_disconnected", "info", skos_checks.disconnected),
    ("skos_one_way_relation", "info", skos_checks.one_way_relation),
    ("skos_related_siblings", "info", skos_checks.related_siblings),
    ("skos_missing_language", "info", skos_checks.missing_language),
    ("skos_partial_language", "info", skos_checks.partial_language),
    ("skos_undocumented", "info", skos_checks.undocumented),
    ("skos_no_out_link", "info", skos_checks.no_out_link),
)


def check_names() -> tuple[str, ...]:
    """Names of all checks, those of other packages last."""
    own = tuple(check.name for check in (*CHECKS, *item_checks(())))
    return own + tuple(check.name for check in _installed() if check.name not in own)


def item_checks(items: Iterable[TaggedItem]) -> tuple[Check, ...]:
    """The checks of these items, which are read once: what they are then holds for several audits."""
    claims = ItemClaims()
    return (*structure.tag_checks(claims.through(items)), *claims.checks())


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
    earlier: Earlier | None = None,
) -> Report:
    """Run checks on a taxonomy.

    Args:
        taxonomy: The snapshot to check.
        items: Tagged items, for the checks of tags; those are left out without.
        checks: Names of the checks to run; all by default.
        extra: Further checks, besides those that packages add (entry-point group `kgtag.checks`).
        dialect: The language of the store, for repairs of quarantined edits.
        earlier: An earlier report of the same checks: where they can't find anything else, they do not look again.

    Raises:
        InputError: An unknown check, one that needs `items`, or an entry point that is not a Check.

    Example:
        >>> report = audit(taxonomy, checks=["orphan"])
        >>> [finding.message for finding in report.findings]
        ["'Wellies' (wellies) stands alone: nothing is broader or narrower"]
    """
    tag_checks = item_checks(items) if items is not None else ()
    wanted = _wanted((*_of_taxonomy(dialect), *tag_checks, *extra), checks)
    with rdf.uncollected():
        edit = Edit(earlier.taxonomy, taxonomy) if earlier is not None else None
        known = earlier.report.by_check() if earlier is not None else {}
        rows = [(check.name, check.severity, _ordered(check, edit, known.get(check.name))) for check in wanted]
        return report(taxonomy.revision, rows, taxonomy, shape=structure.shape(taxonomy))


def safe_fixes(
    data: TaxonomyData,
    by: Signature,
    *,
    items: Iterable[TaggedItem] = (),
    checks: Sequence[str] | None = None,
    dialect: Dialect = "cypher",
) -> Fixes:
    """Plan the repairs of findings that need no decision.

    Args:
        data: The content of a store.
        by: Author and reason of the changes.
        items: Tagged items, whose tags of deprecated concepts move to the successors.
        checks: Names of the checks whose findings are repaired; all by default.
        dialect: The language of the store.

    Raises:
        InputError: An unknown check, or an entry point that is not a Check.

    Example:
        >>> fixes = safe_fixes(store.read(), Signature("ann", "tidied up"))
        >>> [finding.check for finding in fixes.fixed]
        ['untidy_label']
        >>> apply(store, fixes.changes).version
        7
    """
    tag_checks = item_checks(items)
    wanted = _wanted((*_of_taxonomy(dialect), *tag_checks), checks)
    with rdf.uncollected():
        return plan_fixes(data, wanted, {check.name for check in tag_checks}, by)


def _ordered(check: Check, edit: Edit | None, earlier: Sequence[Finding] | None) -> Callable[[Taxonomy], list[Finding]]:
    """The check, which looks again only where the edit reaches, with its findings in one order either way."""
    whole = findings_of(check.name, check.severity, check.find)

    @wraps(whole)
    def find(taxonomy: Taxonomy) -> list[Finding]:
        again = edit.find(check, earlier) if edit is not None and earlier is not None else None
        if again is None:
            found = whole(taxonomy)
            return found if check.reach is None else sorted(found, key=place)
        kept, new = again
        for one in new if len(new) < _FEW else ():
            insort(kept, one, key=place)
        return kept if len(new) < _FEW else sorted(kept + new, key=place)

    return find


def _of_taxonomy(dialect: Dialect) -> list[Check]:
    """The built-in checks, with repairs of quarantined edits in the language of the store."""
    find = partial(structure.quarantined, dialect=dialect)
    return [replace(check, find=find) if check.name == "quarantined" else check for check in CHECKS]


def _wanted(own: Iterable[Check], names: Sequence[str] | None) -> list[Check]:
    """Those of the names, of all our own checks and those of other packages."""
    known: dict[str, Check] = {}
    for check in (*own, *_installed()):
        known.setdefault(check.name, check)
    for name in names or ():
        if name not in known:
            if name in check_names():
                raise InputError(f"check {name!r} needs tagged items, and there are none here")
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
            raise InputError(f"no check {name!r}; did you mean {', '.join(near)}?")
    return [check for name, check in known.items() if names is None or name in names]


def audit_skos(path: Path, *, checks: Sequence[str] | None = None) -> Report:
    """Run checks on the triples of a file, as they are.

    Args:
        path: A file in any RDF notation.
        checks: Names of the checks to run; all by default.

    Returns:
        The report; its revision is a hash of the triples.

    Raises:
        InputError: An unknown check.
        FileFormatError: The file does not read.
    """
    names = [name for name, _, _ in SKOS_CHECKS]
    for name in checks or ():
        if name not in names:
            raise InputError(f"no check {name!r} of SKOS files; there is {', '.join(names)}")
    wanted = [check for check in SKOS_CHECKS if checks is None or check[0] in checks]
    with rdf.uncollected():
        thesaurus = Thesaurus(rdf.load(path))
        rows = [(name, severity, findings_of(name, severity, find)) for name, severity, find in wanted]
        return report(thesaurus.revision, rows, thesaurus, shape=thesaurus.shape())
