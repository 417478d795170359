from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError
from graph.formats import owl
from graph.model import Concept, Relation

HEAD = """
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix obo: <http://purl.obolibrary.org/obo/> .
@prefix syn: <http://www.geneontology.org/formats/oboInOwl#> .
@prefix schema: <https://schema.org/> .
@prefix : <http://example.org/> .
"""
BASE = "http://example.org/"


def _file(folder: Path, content: str, name: str = "t.ttl") -> Path:
    file = folder / name
    file.write_text(HEAD + content if name.endswith(".ttl") else content)
    return file


def test_classes_are_categories(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        : a owl:Ontology .
        :Drink a owl:Class ; rdfs:label "drink"@EN, "beverage"@en, "Getränk"@de ; syn:hasExactSynonym "liquid"@en ;
           syn:hasRelatedSynonym "refreshment"@en ; obo:IAO_0000115 "One drinks it."@en ; rdfs:comment "Wet."@en ;
           syn:id "X:1" ; rdfs:subClassOf owl:Thing .
        :Tea a rdfs:Class ; rdfs:label "tea" ; rdfs:subClassOf :Drink, [ a owl:Restriction ; owl:onProperty :from ] ;
           rdfs:comment "Leaves." ; skos:exactMatch <http://elsewhere.org/tea> .
        :Green a owl:Class ; rdfs:label "green tea"@en ;
           owl:equivalentClass [ a owl:Class ; owl:intersectionOf ( :Tea [ a owl:Restriction ] ) ] .
        :from a owl:ObjectProperty ; rdfs:label "made from" .
        :assam a :Tea ; rdfs:label "Assam" .
        """,
    )
    found = owl.read([file], lang="en")
    drink, green, tea = found.concepts
    assert drink == Concept(
        BASE + "Drink",
        BASE,
        "category",
        {"en": "beverage", "de": "Getränk"},
        {"en": ("drink", "liquid")},
        {"en": ("refreshment",)},
        {"en": "One drinks it."},
        "X:1",
    )
    assert (green.pref_label, tea.pref_label, tea.definition) == ({"en": "green tea"}, {"en": "tea"}, {"en": "Leaves."})
    assert found.relations == (
        Relation("broader", BASE + "Green", BASE + "Tea", primary=True),
        Relation("broader", BASE + "Tea", BASE + "Drink", primary=True),
        Relation("exact_match", "http://elsewhere.org/tea", BASE + "Tea"),
    )
    assert found.notes == (
        "1 individuals were left out, e.g. http://example.org/assam",
        "1 properties were left out, e.g. http://example.org/from",
        "3 restrictions and other expressions were left out, e.g. a blank node",
        "1 superclasses are restrictions or other expressions and were left out, e.g. http://example.org/Tea",
        "1 values of rdfs:comment have no place in a concept and were left out, e.g. 'Wet.' of http://example.org/Drink",
    )


def test_deprecated_classes_and_their_successors(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :New a owl:Class ; rdfs:label "new" . obo:X_1 a owl:Class ; rdfs:label "x" .
        :A a owl:Class ; rdfs:label "a" ; owl:deprecated true ; obo:IAO_0100001 "X:1" .
        :B a owl:Class ; rdfs:label "b" ; owl:deprecated true ; obo:IAO_0100001 :New .
        :C a rdfs:Class ; rdfs:label "c" ; schema:supersededBy :New .
        :D a owl:DeprecatedClass ; rdfs:label "d" ; obo:IAO_0100001 "http://elsewhere.org/d" .
        """,
    )
    found = owl.read([file])
    assert [concept.id[-1] for concept in found.concepts if concept.status == "deprecated"] == ["A", "B", "C", "D"]
    assert found.relations == (
        Relation("replaced_by", BASE + "A", "http://purl.obolibrary.org/obo/X_1"),
        Relation("replaced_by", BASE + "B", BASE + "New"),
        Relation("replaced_by", BASE + "C", BASE + "New"),
    )
    assert "1 successors are not classes of the file" in found.notes[-1]


def test_what_is_wrong_is_noted(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :A a owl:Class ; rdfs:subClassOf :B, :A, :Gone . :B a owl:Class ; rdfs:label "b" ; rdfs:subClassOf :A .
        """,
    )
    found = owl.read([file])
    found_labels = [(concept.pref_label, concept.scheme) for concept in found.concepts]
    assert found_labels == [({"und": "A"}, "t"), ({"und": "b"}, "t")]
    assert found.relations == (Relation("broader", BASE + "A", BASE + "B", primary=True),)
    assert len(found.faults) == 3
    assert "1 superclasses are not in the file and were left out, e.g. http://example.org/Gone" in found.notes[-1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.ttl", ":a :b :c .", "no owl:Class or rdfs:Class"),
        ("t.owl", "<Ontology xmlns='http://www.w3.org/2002/07/owl#'/>", "OWL/XML"),
        ("t.owl", "Prefix(:=<http://example.org/>)\nOntology()", "functional syntax"),
    ],
)
def test_files_without_classes_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        owl.read([_file(tmp_path, content, name)])


def test_a_class_without_a_label_is_called_by_the_words_of_its_name(tmp_path: Path) -> None:
    head = "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix ex: <http://ex.org/> .\n"
    content = head + "".join(f"ex:{name} a owl:Class . " for name in ("RainBoot", "USBHub", "wool_sock"))
    found = owl.read([_file(tmp_path, content)])
    assert sorted(one.label() for one in found.concepts) == ["Rain Boot", "USBHub", "wool sock"]
