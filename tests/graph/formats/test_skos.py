from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.formats import skos
from graph.formats.format import ExportOptions
from graph.formats.rdf import CONCEPT_BASE, from_iri, to_iri
from graph.formats.registry import export_file
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies

PREFIXES = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix xl: <http://www.w3.org/2008/05/skos-xl#> .
@prefix : <http://example.org/> .
"""
A, B, C = (f"http://example.org/{name}" for name in "abc")


def _file(folder: Path, content: str, name: str = "t.ttl") -> Path:
    file = folder / name
    file.write_text((PREFIXES if name.endswith(".ttl") else "") + content)
    return file


@pytest.mark.parametrize("xl", [False, True])
@pytest.mark.parametrize("suffix", ["ttl", "rdf", "jsonld", "ttl.gz"])
@settings(max_examples=12)
@given(data=taxonomies(max_size=4))
def test_what_is_written_reads_back_the_same(
    suffix: str, xl: bool, data: TaxonomyData, tmp_path_factory: pytest.TempPathFactory
) -> None:
    taxonomy = Taxonomy.of(data)
    file = tmp_path_factory.mktemp("skos") / f"t.{suffix}"
    try:
        skos.write(taxonomy, file, ExportOptions(xl=xl))
    except InputError as error:
        assert suffix == "rdf" and "XML can't carry" in str(error)
        return
    again = skos.read([file])
    assert (again.concepts, again.relations, again.notes) == (taxonomy.concepts, taxonomy.relations, ())


@pytest.mark.parametrize(
    "id",
    ["a b", "鞋", "shop:color.navy", "a/b%20c", "http://example.org/a", "http://bad id", "urn:kgtag:concept:x", "<>"],
)
def test_ids_survive_as_iris(id: str) -> None:
    iri = to_iri(id, CONCEPT_BASE)
    assert from_iri(iri, CONCEPT_BASE) == id
    assert not set(iri) & set(' <>"{}|\\^`')


def test_foreign_concepts_keep_their_iris_and_labels(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :s a skos:ConceptScheme ; skos:hasTopConcept :a .
        :a a skos:Concept ; skos:prefLabel "Shoes"@en, "Schuhe"@de, "plain" ; skos:altLabel "footwear"@en, "boots"@en ;
           skos:hiddenLabel "shose"@en ; skos:definition "On feet."@en ; skos:notation "A1" .
        :b a skos:Concept ; skos:prefLabel "Boots"@en ; skos:broader :a ; skos:related :c ; skos:inScheme :s .
        :c a skos:Concept ; skos:prefLabel "Laces"@en ; skos:inScheme :s .
        :a skos:narrower :c .
        :b skos:exactMatch <http://elsewhere.org/boots> .
        """,
    )
    found = skos.read([file], lang="fr")
    assert found.concepts[0] == Concept(
        A,
        "http://example.org/s",
        "category",
        {"en": "Shoes", "de": "Schuhe", "fr": "plain"},
        {"en": ("boots", "footwear")},
        {"en": ("shose",)},
        {"en": "On feet."},
        "A1",
    )
    assert found.relations == (
        Relation("broader", B, A, primary=True),
        Relation("broader", C, A, primary=True),
        Relation("exact_match", "http://elsewhere.org/boots", B),
        Relation("related", B, C),
    )
    assert {concept.scheme for concept in skos.read([file], scheme="mine").concepts} == {"mine"}


def test_deprecated_concepts_and_subclasses_of_concept(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :Term rdfs:subClassOf skos:Concept .
        :a a :Term ; skos:prefLabel "New"@en .
        :b a :Term ; rdfs:label "Old"@en ; owl:deprecated true ; dct:isReplacedBy :a .
        """,
    )
    found = skos.read([file])
    assert [(concept.id, concept.status, concept.scheme) for concept in found.concepts] == [
        (A, "active", "t"),
        (B, "deprecated", "t"),
    ]
    assert found.relations == (Relation("replaced_by", B, A),)


def test_labels_as_nodes_are_read(tmp_path: Path) -> None:
    file = _file(tmp_path, ':a a skos:Concept ; xl:prefLabel :l . :l xl:literalForm "Love"@en .')
    assert skos.read([file]).concepts[0].pref_label == {"en": "Love"}


def test_labels_as_nodes_are_written(tmp_path: Path) -> None:
    concept = Concept("a", "s", "category", {"en": "Shoes"}, {"en": ("footwear",)})
    file = tmp_path / "t.ttl"
    skos.write(Taxonomy.of(TaxonomyData.of(0, (concept,), ())), file, ExportOptions(xl=True))
    text = file.read_text()
    assert text.count("skosxl:literalForm") == 2
    assert "skos:prefLabel" not in text and "skos:altLabel" not in text


def test_files_for_people_to_read(tmp_path: Path) -> None:
    concept = Concept("a", "s", "category", {"zh-CN": 'xml:lang="zh-cn"'}, {"en": ("y", "x")})
    taxonomy = Taxonomy.of(TaxonomyData.of(0, (concept,), ()))
    for suffix in ("ttl", "rdf", "jsonld"):
        skos.write(taxonomy, tmp_path / f"t.{suffix}")
    turtle = (tmp_path / "t.ttl").read_text()
    assert '    kgtag:altLabels ( "y"@en "x"@en ) ;\n' in turtle
    assert "<urn:kgtag:concept:a> a skos:Concept ;\n" in turtle
    assert '<skos:prefLabel xml:lang="zh-CN">xml:lang=' in (tmp_path / "t.rdf").read_text()
    assert '"@list"' in (tmp_path / "t.jsonld").read_text()


def test_several_schemes_in_one_file(tmp_path: Path) -> None:
    concepts = (Concept("a", "s", "category", {"en": "A"}), Concept("b", "other one", "category", {"en": "B"}))
    taxonomy = Taxonomy.of(TaxonomyData.of(0, concepts, (Relation("exact_match", "a", "b"),)))
    skos.write(taxonomy, tmp_path / "t.ttl")
    again = skos.read([tmp_path / "t.ttl"])
    assert (again.concepts, again.relations) == (taxonomy.concepts, taxonomy.relations)


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :s a skos:ConceptScheme ; dct:title "The scheme"@en ; skos:hasTopConcept :a, :b .
        :a a skos:Concept ; skos:inScheme :s ; skos:prefLabel "One"@en ; rdfs:label "One"@en, "Uno"@es ;
           skos:scopeNote "Only one."@en, "Nur eins."@de ; skos:definition [ skos:note "as a node" ] ;
           skos:broadMatch <http://elsewhere.org/x> ; skos:related "a text" .
        :b a skos:Concept ; skos:inScheme :s ; skos:prefLabel "Two"@en ; skos:broader :a ; xl:altLabel :l .
        :l a xl:Label ; xl:literalForm "Deux"@fr ; dct:created "2001" .
        :few a skos:Collection ; skos:member :a .
        """,
    )
    assert skos.read([file]).notes == (
        "1 concepts have no label; the end of their IRI stands for it, e.g. http://example.org/few",
        "1 groups (collections, arrays) became concepts that are related to their members, "
        "e.g. 'few' (http://example.org/few)",
        "1 values of rdfs:label have no place in a concept and were left out, e.g. 'Uno' of http://example.org/a",
        "1 values of skos:broadMatch have no place in a concept and were left out, "
        "e.g. http://elsewhere.org/x of http://example.org/a",
        "1 values of skos:definition have no place in a concept and were left out, "
        "e.g. a blank node of http://example.org/a",
        "1 values of skos:related have no place in a concept and were left out, e.g. 'a text' of http://example.org/a",
        "2 values of skos:scopeNote have no place in a concept and were left out, "
        "e.g. 'Nur eins.' of http://example.org/a; 'Only one.' of http://example.org/a",
        "1 labels with addresses or properties of their own (SKOS-XL) became plain labels, e.g. http://example.org/l",
        "2 statements about other things than concepts were left out, "
        "e.g. dct:title of http://example.org/s; skos:note of a blank node",
        "1 top concepts have something broader and will not be written as top concepts, e.g. http://example.org/b",
    )


def test_what_does_not_fit_is_noted(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :a a skos:Concept ; skos:prefLabel "One"@en, "Two"@en ; skos:altLabel ""@en, "x"@english ; skos:broader :gone ;
           skos:notation "1", "2" ; skos:related :a .
        :b a skos:Concept .
        """,
    )
    found = skos.read([file])
    assert [concept.alt_label for concept in found.concepts] == [{"en": ("Two",), "und": ("x",)}, {}]
    assert found.concepts[1].pref_label == {"und": "b"}
    assert set(found.faults) < set(found.notes)
    assert found.relations == ()
    for part in (
        "surplus preferred labels in one language",
        "empty labels",
        "an invalid language tag",
        "concepts outside the file",
        "several notations",
        "to itself",
        "have no label",
    ):
        assert any(part in note for note in found.notes), part


def test_a_cycle_loses_one_relation(tmp_path: Path) -> None:
    concept = ":{} a skos:Concept ; skos:prefLabel 'X'@en ; skos:broader :{} ."
    found = skos.read([_file(tmp_path, "".join(concept.format(*pair) for pair in ("ab", "bc", "ca")))])
    assert found.relations == (Relation("broader", A, B, primary=True), Relation("broader", B, C, primary=True))
    assert found.faults == (f"1 broader relations close a cycle and were left out, e.g. {C} → {A}",)


def test_a_cycle_loses_what_one_side_alone_states(tmp_path: Path) -> None:
    content = ":a a skos:Concept ; skos:broader :b ; skos:narrower :b . :b a skos:Concept ; skos:narrower :a ."
    assert skos.read([_file(tmp_path, content)]).relations == (Relation("broader", A, B, primary=True),)


def test_concepts_in_several_schemes_keep_their_hierarchy(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :one a skos:ConceptScheme . :two a skos:ConceptScheme . :three a skos:ConceptScheme .
        :a a skos:Concept ; skos:prefLabel "A"@en ; skos:inScheme :one, :two .
        :b a skos:Concept ; skos:prefLabel "B"@en ; skos:inScheme :two, :three ; skos:broader :a .
        :c a skos:Concept ; skos:prefLabel "C"@en ; skos:broader :b .
        :d a skos:Concept ; skos:prefLabel "D"@en ; skos:inScheme :one .
        :e a skos:Concept ; skos:prefLabel "E"@en ; skos:inScheme :four ; skos:broader :a .
        """,
    )
    found = skos.read([file])
    schemes = [concept.scheme.removeprefix("http://example.org/") for concept in found.concepts]
    assert schemes == ["two", "two", "two", "one", "four"]
    assert found.relations == (Relation("broader", B, A, primary=True), Relation("broader", C, B, primary=True))
    assert "1 broader relations across schemes were left out" in found.faults[0]
    assert len(skos.read([file], scheme="all").relations) == 3


def test_sub_properties_count(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        @prefix isothes: <http://purl.org/iso25964/skos-thes#> .
        :partOf rdfs:subPropertyOf :under . :under rdfs:subPropertyOf skos:broader .
        :nick rdfs:subPropertyOf skos:altLabel .
        :a a skos:Concept ; skos:prefLabel "A"@en ; isothes:narrowerPartitive :b .
        :b a skos:Concept ; skos:prefLabel "B"@en ; :nick "Bee"@en .
        :c a skos:Concept ; skos:prefLabel "C"@en ; :partOf :b .
        """,
    )
    found = skos.read([file])
    assert found.relations == (Relation("broader", B, A, primary=True), Relation("broader", C, B, primary=True))
    assert found.concepts[1].alt_label == {"en": ("Bee",)}
    assert "http://example.org/partOf as skos:broader (1 times)" in found.notes[0]


def test_broader_transitive_alone(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :a a skos:Concept ; skos:prefLabel "A"@en ; skos:narrowerTransitive :c .
        :b a skos:Concept ; skos:prefLabel "B"@en ; skos:broaderTransitive :a .
        :c a skos:Concept ; skos:prefLabel "C"@en ; skos:broaderTransitive :b .
        """,
    )
    found = skos.read([file])
    assert found.relations == (Relation("broader", B, A, primary=True), Relation("broader", C, B, primary=True))


def test_groups_survive(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        @prefix isothes: <http://purl.org/iso25964/skos-thes#> .
        :a a skos:Concept ; skos:prefLabel "Shoes"@en .
        :b a skos:Concept ; skos:prefLabel "Boots"@en ; skos:broader :a .
        :c a isothes:ThesaurusArray ; skos:prefLabel "by height"@en ; isothes:superOrdinate :a ; skos:member :b .
        :d a skos:OrderedCollection ; rdfs:label "picks"@en ; skos:memberList ( :b :c ) .
        """,
    )
    found = skos.read([file])
    d = "http://example.org/d"
    assert [concept.pref_label["en"] for concept in found.concepts] == ["Shoes", "Boots", "by height", "picks"]
    assert found.relations == (
        Relation("broader", B, A, primary=True),
        Relation("broader", C, A, primary=True),
        Relation("broader", C, d),
        Relation("related", B, C),
        Relation("related", B, d),
    )
    assert found.notes == (
        "2 groups (collections, arrays) became concepts that are related to their members, "
        "e.g. 'by height' (http://example.org/c); 'picks' (http://example.org/d)",
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.ttl", ':a a skos:Concept ; skos:prefLabel "x"@EN, "y"@en_US, "z"@zh-hans-cn ; skos:notation 007 .'),
        (
            "t.rdf",
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
            'xmlns:skos="http://www.w3.org/2004/02/skos/core#"><skos:Concept rdf:about="http://example.org/a">'
            '<skos:prefLabel xml:lang="EN">x</skos:prefLabel><skos:prefLabel xml:lang="en_US">y</skos:prefLabel>'
            '<skos:prefLabel xml:lang="zh-hans-cn">z</skos:prefLabel>'
            '<skos:notation rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">007</skos:notation>'
            "</skos:Concept></rdf:RDF>",
        ),
    ],
)
def test_language_tags_by_bcp_47_and_notations_as_text(tmp_path: Path, name: str, content: str) -> None:
    (concept,) = skos.read([_file(tmp_path, content, name)]).concepts
    assert concept.pref_label == {"en": "x", "en-US": "y", "zh-Hans-CN": "z"}
    assert concept.notation == "007"


def test_a_label_from_elsewhere(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        :a a skos:Concept ; skos:altLabel "Schuh"@de, "Fussbekleidung"@de .
        :b a skos:Concept ; skos:broader :a .
        :c a skos:Concept ; dct:title "Boots"@en .
        """,
    )
    found = skos.read([file])
    assert [concept.pref_label for concept in found.concepts] == [
        {"de": "Fussbekleidung"},
        {"und": "b"},
        {"en": "Boots"},
    ]
    assert found.concepts[0].alt_label == {"de": ("Schuh",)}
    assert len(found.faults) == 2


def test_stray_text_in_rdf_xml(tmp_path: Path) -> None:
    content = f"{RDF[:-1]} xmlns:s='http://www.w3.org/2004/02/skos/core#'><s:Concept rdf:about='{A}'><s:prefLabel>x"
    content += "</s:prefLabel> ; <!-- <a/> : <b/> --><s:altLabel>y</s:altLabel>, <!-- z --></s:Concept></rdf:RDF>"
    (concept,) = skos.read([_file(tmp_path, content, "t.rdf")]).concepts
    assert (concept.pref_label, concept.alt_label) == ({"und": "x"}, {"und": ("y",)})


def test_one_bad_concept_is_a_note(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        """
        @prefix k: <urn:kgtag:ns#> .
        :a a skos:Concept ; skos:prefLabel "A"@en ; k:kind "wheel" .
        <http://example.org/b b> a skos:Concept ; skos:prefLabel "B"@en .
        <http://example.org/\u0085> a skos:Concept ; skos:prefLabel "C"@en .
        :c a skos:Concept ; skos:prefLabel "C"@en ; k:kind "value" ; skos:broader :a .
        """.replace("b b", "b"),
    )
    found = skos.read([file])
    assert [concept.kind for concept in found.concepts] == ["category", "category", "value"]
    assert found.relations == () and len(found.faults) == 3


@pytest.mark.parametrize("name", ["t.txt", "t.json", "t.xml", "t.owl", "t"])
@pytest.mark.parametrize(
    "content",
    [
        '<http://a.b/c> <http://www.w3.org/2004/02/skos/core#prefLabel> "C" .\n'
        "<http://a.b/c> <http://www.w3.org/2004/02/skos/core#inScheme> <http://a.b/s> .\n",
        '# quads\n<http://a.b/c> <http://www.w3.org/2004/02/skos/core#prefLabel> "C" <http://a.b/g> .\n'
        "<http://a.b/c> <http://www.w3.org/2004/02/skos/core#inScheme> <http://a.b/s> _:g .\n",
        PREFIXES + '<http://a.b/g> { <http://a.b/c> a skos:Concept ; skos:prefLabel "C" }',
        PREFIXES + '[] a skos:ConceptScheme . <http://a.b/c> a skos:Concept ; skos:prefLabel "C" .',
        '{"@id": "http://a.b/g", "@graph": [{"@id": "http://a.b/c", "@type": "http://www.w3.org/2004/02/skos/core#Concept",'
        ' "http://www.w3.org/2004/02/skos/core#prefLabel": "C"}]}',
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://www.w3.org/2004/02/skos/core#">'
        '<Concept r:about="http://a.b/c"><prefLabel>C</prefLabel></Concept></r:RDF>',
    ],
    ids=["ntriples", "nquads", "trig", "turtle", "jsonld", "rdfxml"],
)
def test_the_content_tells_where_the_suffix_does_not(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    assert [concept.id for concept in skos.read([file]).concepts] == ["http://a.b/c"]


def test_the_syntax_may_be_given(tmp_path: Path) -> None:
    file = _file(tmp_path, PREFIXES + ':a a skos:Concept ; skos:prefLabel "A" .', "t.rdf.bak")
    assert skos.read([file], syntax="turtle").concepts[0].id == A
    with pytest.raises(InputError, match="no RDF syntax 'n3'; there is turtle, ntriples"):
        skos.read([file], syntax="n3")


RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.ttl", "\n\n:a :b", r":\d+: no valid Turtle"),
        ("t.ttl", ":a <b> 'c' .", "no skos:Concept"),
        ("t.ttl", ":a nope:b 'c' .", r":\d+: no valid Turtle"),
        ("t.rdf", RDF, r":1:\d+: no valid XML: no element found"),
        ("t.rdf", "<a>\n<b></a>", r":2:\d+: no valid XML: mismatched tag"),
        ("t.rdf", '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + RDF + "&x;</rdf:RDF>", "XML entity 'x'"),
        ("t.jsonld", "{", r":1:\d+: no valid JSON-LD"),
        ("t.jsonld", '{"@context": "http://127.0.0.1:9/c", "@id": "x"}', "lies outside the file"),
        (
            "t.jsonld",
            '{"@context": [{"a": {"@id": "b:c", "@context": "http://127.0.0.1:9/c"}}]}',
            "lies outside the file",
        ),
        ("t.rdf", '<?xml version="1.0" encoding="utQ-8"?>' + RDF + "</rdf:RDF>", "no skos:Concept"),
        ("t.rdf", "", "the file is empty"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        skos.read([_file(tmp_path, content, name)])


def test_other_suffixes_and_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the suffix '.doc' names no RDF syntax"):
        skos.read([_file(tmp_path, "a", "t.doc")])
    taxonomy = Taxonomy.of(TaxonomyData.of(0, (Concept("a", "s", "category", {"en": "A"}),), ()))
    with pytest.raises(InputError, match="no scheme 'x' in this taxonomy; there is s"):
        export_file(taxonomy, "skos", tmp_path / "t.ttl", options=ExportOptions(scheme="x"))
