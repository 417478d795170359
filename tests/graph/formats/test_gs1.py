from __future__ import annotations

from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError
from graph.formats import gs1
from graph.history.diff import diff
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

HEAD = """
@prefix gs1: <{}> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix schema: <http://schema.org/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vs: <http://www.w3.org/2003/06/sw-vocab-status/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
OLD = """
gs1:Thing a owl:Class, rdfs:Class ; rdfs:label "Thing"@en ; rdfs:comment "What is sold."@en ;
    rdfs:subClassOf owl:Thing .
gs1:Cheese a owl:Class ; rdfs:label "Cheese"@en ; rdfs:subClassOf gs1:Thing, schema:Product .
gs1:TypeCode a owl:Class ; rdfs:label "Type Code"@en .
gs1:Firmness rdfs:subClassOf gs1:TypeCode ; rdfs:label "Firmness Code"@en .
gs1:Firmness-HARD a gs1:Firmness ; rdfs:label "Hard"@en, "Firm"@en ; skos:prefLabel "HARD" ;
    gs1:originalCodeValue "H1" .
gs1:Firmness-SOFT a gs1:Firmness ; rdfs:label "Soft"@en ; skos:prefLabel "SOFT" ; skos:exactMatch schema:soft .
gs1:about a rdf:Property ; rdfs:label "About"@en ; rdfs:domain owl:Thing ; rdfs:range xsd:string .
gs1:firmness a rdf:Property, owl:FunctionalProperty ; rdfs:label "Firmness"@en ; rdfs:subPropertyOf gs1:about ;
    rdfs:domain [ owl:unionOf ( gs1:Cheese schema:Fruit ) ] ; rdfs:range gs1:Firmness ; vs:term_status "unstable" .
gs1:unlabelled a rdf:Property .
<{}> a owl:Ontology ; owl:versionInfo "1" .
"""
NEW = """
gs1:Firmness-RIPE a gs1:Firmness ; rdfs:label "Ripe" ; skos:prefLabel "RIPE" .
gs1:Firmness-SOFT owl:deprecated gs1:Firmness-RIPE ; owl:sameAs <https://gs1.org/voc/Firmness-SOFT> .
gs1:Firmness-HARD owl:deprecated gs1:Firmness-HARD .
"""
VOC = "https://ref.gs1.org/voc/"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.ttl", tmp_path / "new.ttl"
    formerly = "https://gs1.org/voc/"
    old.write_text((HEAD + OLD).replace("{}", formerly))
    new.write_text((HEAD + OLD + NEW).replace("{}", VOC))
    return old, new


def test_classes_properties_and_code_lists(files: tuple[Path, Path]) -> None:
    found = gs1.read([files[0]])
    by_id = {concept.id.removeprefix(VOC): concept for concept in found.concepts}
    assert {id: concept.kind for id, concept in by_id.items()} == {
        "Cheese": "category",
        "Firmness": "attribute",
        "Firmness-HARD": "value",
        "Firmness-SOFT": "value",
        "Thing": "category",
        "TypeCode": "attribute",
        "about": "attribute",
        "firmness": "attribute",
    }
    assert by_id["Firmness-HARD"] == Concept(
        VOC + "Firmness-HARD", "gs1", "value", {"en": "Firm"}, {"en": ("Hard",)}, {"und": ("HARD",)}, notation="H1"
    )
    assert by_id["Thing"].definition == {"en": "What is sold."}
    assert (by_id["firmness"].choice, by_id["firmness"].status) == ("single", "candidate")
    edges = {(edge.type, edge.source.removeprefix(VOC), edge.target.removeprefix(VOC)) for edge in found.relations}
    assert edges == {
        ("applies_to", "Firmness", "Cheese"),
        ("applies_to", "firmness", "Cheese"),
        ("broader", "Cheese", "Thing"),
        ("broader", "Firmness", "TypeCode"),
        ("broader", "firmness", "about"),
        ("exact_match", "http://schema.org/soft", "Firmness-SOFT"),
        ("related", "Firmness", "firmness"),
        ("value_of", "Firmness-HARD", "Firmness"),
        ("value_of", "Firmness-SOFT", "Firmness"),
    }
    data = TaxonomyData.of(0, found.concepts, found.relations)
    assert [problem.code for problem in Taxonomy.of(data).problems] == ["dangling"]


def test_what_has_no_place_is_counted(files: tuple[Path, Path]) -> None:
    assert gs1.read([files[0]]).notes == (
        f"1 broader terms are not in the vocabulary and were left out, e.g. http://schema.org/Product of {VOC}Cheese",
        "2 domains are not classes of the vocabulary and were left out, "
        f"e.g. http://schema.org/Fruit of {VOC}firmness; owl:Thing of {VOC}about",
        "3 statements about other things than classes, properties and codes were left out, "
        f"e.g. owl:versionInfo of {VOC}; rdf:type of {VOC}; rdf:type of {VOC}unlabelled",
        f"1 terms have no label and were left out, e.g. {VOC}unlabelled",
        "1 values of rdfs:range have no place in a concept and were left out, "
        f"e.g. http://www.w3.org/2001/XMLSchema#string of {VOC}about",
    )


def test_releases_can_be_compared_though_the_address_moved(files: tuple[Path, Path]) -> None:
    old, new = (
        Taxonomy.of(TaxonomyData.of(0, found.concepts, found.relations)) for found in (gs1.read([f]) for f in files)
    )
    found = diff(old, new)
    assert [concept.id for concept in found.added] == [VOC + "Firmness-RIPE"]
    assert found.added[0].pref_label == {"en": "Ripe"}
    assert not found.removed
    assert [(change.id, change.fields) for change in found.changed] == [(VOC + "Firmness-SOFT", ("status",))]
    assert Relation("replaced_by", VOC + "Firmness-SOFT", VOC + "Firmness-RIPE") in found.relations_added


def test_a_term_that_replaces_itself_stays(files: tuple[Path, Path]) -> None:
    found = gs1.read([files[1]])
    assert {c.id: c.status for c in found.concepts}[VOC + "Firmness-HARD"] == "active"
    assert f"1 terms are replaced by themselves; they stay in use, e.g. {VOC}Firmness-HARD" in found.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("gs1:a <b> 'c' .", "no owl:Class, rdf:Property or code list"),
        ("gs1:a gs1:b", r":\d+: no valid Turtle"),
        ("gs1:A a owl:Class ; rdfs:label 'A' ; rdfs:subClassOf gs1:B . gs1:B a owl:Class ; rdfs:label 'B' ; "
         "rdfs:subClassOf gs1:A .", "broader than themselves"),
    ],
)  # fmt: skip
def test_bad_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.ttl").write_text(HEAD.replace("{}", VOC) + content)
    with pytest.raises(FileFormatError, match=message):
        gs1.read([tmp_path / "t.ttl"])
