"""The audit of a SKOS file: defects that an import would tidy up or refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from graph.audit import skos_labels, skos_relations, skos_schemes
from graph.audit.report import Defect, Report, Severity, report, timed
from graph.audit.thesaurus import Thesaurus
from graph.errors import InputError
from graph.formats import rdf

SkosCheck = tuple[str, Severity, Callable[[Thesaurus], Iterable[Defect]]]

SKOS_CHECKS: tuple[SkosCheck, ...] = (
    ("skos_no_concepts", "error", skos_schemes.no_concepts),
    ("skos_relation_clash", "error", skos_relations.relation_clash),
    ("skos_mapping_clash", "error", skos_relations.mapping_clash),
    ("skos_cycle", "error", skos_relations.cycle),
    ("skos_several_pref_labels", "error", skos_labels.several_pref_labels),
    ("skos_label_clash", "error", skos_labels.label_clash),
    ("skos_empty_label", "warning", skos_labels.empty_label),
    ("skos_unlabelled", "warning", skos_labels.unlabelled),
    ("skos_untidy_label", "warning", skos_labels.untidy_label),
    ("skos_bad_language", "warning", skos_labels.bad_language),
    ("skos_shared_label", "warning", skos_labels.shared_label),
    ("skos_ambiguous_notation", "warning", skos_labels.ambiguous_notation),
    ("skos_undeclared_concept", "warning", skos_schemes.undeclared_concept),
    ("skos_bad_iri", "warning", skos_schemes.bad_iri),
    ("skos_no_top_concept", "warning", skos_schemes.no_top_concept),
    ("skos_top_concept_with_broader", "warning", skos_schemes.top_concept_with_broader),
    ("skos_redundant_broader", "warning", skos_relations.redundant_broader),
    ("skos_mapping_within_scheme", "warning", skos_relations.mapping_within_scheme),
    ("skos_transitive_only", "warning", skos_relations.transitive_only),
    ("skos_omitted_top_concept", "info", skos_schemes.omitted_top_concept),
    ("skos_orphan", "info", skos_schemes.orphan),
    ("skos_disconnected", "info", skos_schemes.disconnected),
    ("skos_one_way_relation", "info", skos_relations.one_way_relation),
    ("skos_related_siblings", "info", skos_relations.related_siblings),
    ("skos_missing_language", "info", skos_labels.missing_language),
    ("skos_partial_language", "info", skos_labels.partial_language),
    ("skos_undocumented", "info", skos_labels.undocumented),
)


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
    triples = rdf.load(path)
    thesaurus = Thesaurus(triples)
    wanted = [check for check in SKOS_CHECKS if checks is None or check[0] in checks]
    return report(_revision(triples), [timed(*check, thesaurus) for check in wanted])


def _revision(triples: Sequence[rdf.Triple]) -> str:
    total = 0
    for triple in triples:
        if not any(isinstance(part, str) and part.startswith("_:") for part in triple):
            digest = hashlib.blake2b(repr(triple).encode(), digest_size=8).digest()
            total = (total + int.from_bytes(digest, "big")) % (1 << 64)
    return f"{total:016x}"
