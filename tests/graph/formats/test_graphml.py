from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.formats import graphml
from graph.formats.format import ExportOptions
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies

SHOP = Taxonomy.of(
    TaxonomyData.of(
        0,
        (
            Concept("boot", "s", "category", {"en": "Boots", "zh-Hans": "靴子"}, {"en": ("boot", "back\\slash\nline")}),
            Concept("color", "s", "attribute", {"en": "Color"}, choice="single", notation=" 7 "),
            Concept("other", "t", "category", {"en": "<Shoes> & 'socks'\r\t\"x\""}, definition={"en": "On\nfeet."}),
            Concept("shoe", "s", "category", {"en": "Shoes"}, status="deprecated"),
        ),
        (
            Relation("applies_to", "color", "shoe"),
            Relation("broader", "boot", "shoe", primary=True),
            Relation("exact_match", "other", "shoe"),
            Relation("related", "boot", "shoe"),
        ),
    )
)


@settings(max_examples=30)
@given(data=taxonomies(max_size=4))
def test_what_is_written_reads_back_the_same(data: TaxonomyData, tmp_path_factory: pytest.TempPathFactory) -> None:
    taxonomy = Taxonomy.of(data)
    file = tmp_path_factory.mktemp("graphml") / "t.graphml"
    try:
        assert graphml.write(taxonomy, file).notes == ()
    except InputError as error:
        assert "XML can't carry" in str(error)
        return
    again = graphml.read([file])
    assert (again.concepts, again.relations, again.notes) == (taxonomy.concepts, taxonomy.relations, ())


def test_awkward_text_survives(tmp_path: Path) -> None:
    graphml.write(SHOP, tmp_path / "t.graphml.gz")
    again = graphml.read([tmp_path / "t.graphml.gz"])
    assert (again.concepts, again.relations) == (SHOP.concepts, SHOP.relations)


def test_networkx_reads_it(tmp_path: Path) -> None:
    graphml.write(SHOP, tmp_path / "t.graphml")
    graph = nx.read_graphml(tmp_path / "t.graphml", force_multigraph=True)
    assert graph.is_directed() and set(graph) == set(SHOP.ids)
    assert graph.nodes["boot"]["label"] == "Boots"
    assert graph.nodes["boot"]["prefLabel@zh-Hans"] == "靴子"
    assert graph.nodes["color"]["choice"] == "single"
    edges = {(a, b, data["relation"], data.get("primary")) for a, b, data in graph.edges(data=True)}
    assert edges == {
        ("color", "shoe", "applies_to", None),
        ("boot", "shoe", "broader", True),
        ("other", "shoe", "exact_match", None),
        ("boot", "shoe", "related", None),
    }


def test_networkx_writes_it_back(tmp_path: Path) -> None:
    """What another program saves again is still the same taxonomy."""
    graphml.write(SHOP, tmp_path / "t.graphml")
    graph = nx.read_graphml(tmp_path / "t.graphml", force_multigraph=True)
    nx.write_graphml(graph, tmp_path / "again.graphml")
    again = graphml.read([tmp_path / "again.graphml"])
    assert again.relations == SHOP.relations
    assert {c.id: c.alt_label for c in again.concepts} == {c.id: c.alt_label for c in SHOP.concepts}


def test_one_scheme_leaves_out_what_leads_elsewhere(tmp_path: Path) -> None:
    notes = graphml.write(SHOP, tmp_path / "t.graphml", ExportOptions(scheme="t")).notes
    assert notes == ("1 relations lead out of the scheme and were left out, e.g. 'other' exact_match 'shoe'",)
    assert [concept.id for concept in graphml.read([tmp_path / "t.graphml"]).concepts] == ["other"]


def test_a_graph_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "trees.graphml"
    file.write_text(
        '<g:graphml xmlns:g="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">'
        '<g:key id="d0" for="node" attr.name="label"/><g:key id="d1" for="edge" attr.name="relation"/>'
        '<g:key id="d2" for="node" yfiles.type="nodegraphics"/>'
        '<g:graph><g:node id="a"><g:data key="d0">Tree</g:data><g:data key="d2"><y:Shape/></g:data></g:node>'
        '<g:node id="b"><g:data key="d0">Oak</g:data></g:node>'
        '<g:edge source="b" target="a"><g:data key="d1">broader</g:data></g:edge></g:graph></g:graphml>'
    )
    found = graphml.read([file], lang="en")
    assert found.concepts[0] == Concept("a", "trees", "category", {"en": "Tree"})
    assert found.relations == (Relation("broader", "b", "a", primary=True),)


NODE = '<node id="{}"><data key="l">X</data></node>'
KEYS = '<key id="l" for="node" attr.name="label"/><key id="r" for="edge" attr.name="relation"/>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("<graphml></graphml>", "no GraphML node"),
        ("<graphml>\n<node></graphml>", r":2:\d+: no valid XML: mismatched tag"),
        ('<!DOCTYPE g [<!ENTITY b SYSTEM "a.txt">]><graphml>&b;</graphml>', "XML entity 'b'"),
        ('<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/passwd">]><graphml>&x;</graphml>', "XML entity 'x'"),
        ("<graphml>\n<node id='a'/></graphml>", ":2: node 'a' has neither a label nor a prefLabel"),
        (f"<graphml>{KEYS}\n{NODE.format('a')}\n{NODE.format('a')}</graphml>", ":3: a second node 'a'"),
        (f"<graphml>{KEYS}\n{NODE.format('')}</graphml>", ":2: concept '' .*an id that is empty"),
        (f"<graphml>{KEYS}{NODE.format('a')}\n<edge source='a' target='a'/></graphml>", ":2: 'relation' is None"),
        (
            f"<graphml>{KEYS}{NODE.format('a')}<edge source='a' target='a'><data key='r'>is a</data></edge></graphml>",
            "'relation' is 'is a'; one of broader, related",
        ),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "t.graphml"
    file.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        graphml.read([file])


def test_control_characters_are_refused(tmp_path: Path) -> None:
    taxonomy = Taxonomy.of(TaxonomyData.of(0, (Concept("a", "s", "category", {"en": "bell\x07"}),), ()))
    with pytest.raises(InputError, match="XML can't carry"):
        graphml.write(taxonomy, tmp_path / "t.graphml")
    assert not (tmp_path / "t.graphml").exists()
