"""Every check of SKOS files fires on its defect, and is silent on a sound thesaurus."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.audit import Report, audit_skos
from graph.audit.run import SKOS_CHECKS
from graph.errors import FileFormatError, InputError

PREFIXES = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xl: <http://www.w3.org/2008/05/skos-xl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix : <http://example.org/> .
"""
SOUND = """
:s a skos:ConceptScheme ; rdfs:label "Things"@en ; skos:hasTopConcept :a .
:a a skos:Concept ; skos:inScheme :s ; skos:topConceptOf :s ; skos:prefLabel "Shoes"@en ; skos:altLabel "Footwear"@en ;
   skos:definition "On feet."@en ; skos:narrower :b, :c ; skos:notation "1" .
:b a skos:Concept ; skos:inScheme :s ; skos:prefLabel "Boots"@en ; skos:scopeNote "High."@en ; skos:broader :a .
:c a skos:Concept ; skos:inScheme :s ; skos:prefLabel "Sandals"@en ; skos:note "Open."@en ; skos:broader :a .
"""


def _audit(folder: Path, content: str, *, sound: bool = True) -> Report:
    file = folder / "t.ttl"
    file.write_text(PREFIXES + (SOUND if sound else "") + content)
    return audit_skos(file)


def _found(report: Report, check: str) -> list[tuple[str, ...]]:
    short = "http://example.org/"
    names = [finding for finding in report.findings if finding.check == f"skos_{check}"]
    return [tuple(concept.removeprefix(short) for concept in finding.concepts) for finding in names]


def test_a_sound_thesaurus_has_no_findings(tmp_path: Path) -> None:
    report = _audit(tmp_path, "")
    assert report.findings == ()
    assert [check.name for check in report.checks] == [name for name, _, _ in SKOS_CHECKS]


D = ":d a skos:Concept ; skos:inScheme :s ; skos:note 'n'@en ; skos:prefLabel 'Laces'@en . "


@pytest.mark.parametrize(
    ("check", "content", "concepts"),
    [
        ("relation_clash", ":b skos:related :a . :a skos:related :b .", ("b", "a")),
        ("relation_clash", D + ":d skos:broader :b ; skos:relatedMatch :a .", ("d", "a")),
        ("mapping_clash", ":b skos:exactMatch :x ; skos:broadMatch :x .", ("b", "x")),
        ("mapping_clash", ":b skos:exactMatch :x . :c skos:exactMatch :x ; skos:relatedMatch :b .", ("b", "c")),
        ("cycle", ":a skos:broader :b .", ("a", "b", "c")[:2]),
        ("several_pref_labels", ":b skos:prefLabel 'Bootees'@en .", ("b",)),
        ("label_clash", ":b skos:altLabel 'Boots'@en .", ("b",)),
        ("empty_label", ":b skos:altLabel ' '@en .", ("b",)),
        ("unlabelled", ":d a skos:Concept .", ("d",)),
        ("unlabelled", ":t a skos:ConceptScheme .", ("t",)),
        ("untidy_label", ":b skos:altLabel 'line\\nbreak'@en .", ("b",)),
        ("bad_language", ":b skos:altLabel 'x'@english .", ("b",)),
        ("shared_label", ":b skos:altLabel 'SANDALS'@en .", ("b", "c")),
        ("shared_label", ":b xl:altLabel :l . :l xl:literalForm 'Sandals'@en .", ("b", "c")),
        ("ambiguous_notation", ":b skos:notation '1' .", ("a", "b")),
        ("ambiguous_notation", ":b skos:notation '2', '3' .", ("b",)),
        ("undeclared_concept", ":b skos:narrower :x .", ("x",)),
        ("bad_iri", "<urn:isbn:1> a skos:Concept .", ("urn:isbn:1",)),
        ("bad_iri", "<d> a skos:Concept .", ("file:///d",)),
        ("no_top_concept", ":d skos:inScheme :t .", ("t",)),
        ("top_concept_with_broader", ":b skos:topConceptOf :s .", ("b", "a")),
        ("top_concept_with_broader", ":b skos:broaderTransitive :a . :s skos:hasTopConcept :b .", ("b", "a")),
        ("top_concept_with_broader", D + ":d skos:topConceptOf :s . :c skos:narrower :d .", ("d", "c")),
        ("top_concept_with_broader", D + ":d skos:topConceptOf :s ; skos:broadMatch :c .", ("d", "c")),
        ("top_concept_with_broader", ":a skos:broader :x .", ("a", "x")),
        ("bad_language", ":b skos:altLabel 'x'@xq .", ("b",)),
        ("bad_language", ":b skos:altLabel 'x'@en-Latx .", ("b",)),
        ("redundant_broader", D + ":d skos:broader :b, :a .", ("d", "a")),
        ("mapping_within_scheme", ":b skos:closeMatch :c .", ("b", "c")),
        ("transitive_only", ":b skos:broaderTransitive :c .", ("b", "c")),
        ("omitted_top_concept", D, ("d",)),
        ("orphan", D, ("d",)),
        ("disconnected", ":x skos:related :y .", ("a", "x")),
        ("one_way_relation", D + ":d skos:broader :b .", ("d", "b")),
        ("related_siblings", ":b skos:related :c .", ("b", "c")),
        ("related_siblings", D + ":d skos:broader :b, :c . :b skos:related :c .", ("b", "c")),
        ("missing_language", ":b skos:altLabel 'plain' .", ("b",)),
        ("partial_language", ":b skos:altLabel 'Stiefel'@de .", ("a", "c")),
        ("undocumented", ":d a skos:Concept .", ("d",)),
        ("no_out_link", ":b skos:exactMatch <http://elsewhere.org/x> .", ("a", "c")),
    ],
)
def test_a_defect_is_found(tmp_path: Path, check: str, content: str, concepts: tuple[str, ...]) -> None:
    assert concepts in _found(_audit(tmp_path, content), check)


def test_an_empty_thesaurus_is_a_finding(tmp_path: Path) -> None:
    report = _audit(tmp_path, ":a :b :c .", sound=False)
    assert [(finding.check, finding.severity) for finding in report.findings] == [("skos_no_concepts", "error")]


def test_notes_by_subproperty_count(tmp_path: Path) -> None:
    silent = ":d a skos:Concept ; :hint 'x' . "
    assert _found(_audit(tmp_path, silent), "undocumented") == [("d",)]
    assert _found(_audit(tmp_path, silent + ":hint rdfs:subPropertyOf skos:scopeNote ."), "undocumented") == []


def test_mappings_to_other_sites_need_no_inverse(tmp_path: Path) -> None:
    report = _audit(tmp_path, ":b skos:exactMatch <http://elsewhere.org/x> .")
    assert {finding.check for finding in report.findings} == {"skos_no_out_link"}


def test_cycles_do_not_hang(tmp_path: Path) -> None:
    ring = " ".join(f":n{i} skos:broader :n{(i + 1) % 50} ; skos:related :n{(i + 7) % 50} ." for i in range(50))
    (members,) = _found(_audit(tmp_path, ring, sound=False), "cycle")
    assert len(members) == 50


def test_checks_can_be_chosen_and_bad_input_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.ttl"
    file.write_text(PREFIXES + SOUND)
    assert [check.name for check in audit_skos(file, checks=["skos_cycle"]).checks] == ["skos_cycle"]
    with pytest.raises(InputError, match="no check 'cycle' of SKOS files"):
        audit_skos(file, checks=["cycle"])
    file.write_text("<a")
    with pytest.raises(FileFormatError, match=r"t\.ttl"):
        audit_skos(file)


def test_the_revision_follows_the_triples(tmp_path: Path) -> None:
    once, again = _audit(tmp_path, ""), _audit(tmp_path, "# nothing new")
    assert once.revision == again.revision != _audit(tmp_path, D).revision
