"""Reading column by column equals reading node by node, whatever stands in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import neo4j
import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graph.columns.assemble import columns_of
from graph.columns.columns import Columns
from graph.model import RELATION_TYPES, Relation, UnknownEdge
from graph.neo4j import cypher
from graph.neo4j.read import LOST, concept_part, edge_part, join, read_columns, split_tags, text_part, unknown_part
from graph.neo4j.store import Neo4jStore
from tests import neo4j_reference as reference
from tests.strategies import texts

PROPERTIES = ("scheme", "name", "nameOf", "prefLabel", "altLabel", "hiddenLabel", "definition", "notation")
CHOSEN = ("status", "choice")


class Node(NamedTuple):
    number: int
    labels: frozenset[str]
    properties: Mapping[str, Any]


class Edge(NamedTuple):
    type: str
    source: int
    target: int
    primary: Any


_tagged = st.builds("{}@{}".format, texts, st.sampled_from(("en", "zh-CN", "und", "no tag", "", "EN", "x", "de-")))
_text = st.one_of(texts, _tagged, st.sampled_from(("", " ", "@en", "a@b@en", "active", "multiple", "one\ntwo@en")))
_scalars = st.one_of(_text, st.booleans(), st.integers(-9, 9), st.floats(-9, 9, allow_nan=False))
_lists = st.one_of(st.lists(_text, max_size=4), st.lists(st.integers(0, 9), max_size=2))
_values = st.one_of(_lists, _scalars)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    """Nodes numbered ascending with gaps, most of them concepts, with any property in any shape."""
    nodes, number = [], 0
    for _ in range(draw(st.integers(0, 6))):
        number += draw(st.integers(1, 5))
        labels = draw(st.sets(st.sampled_from(("Category", "Attribute", "Value", "Product")), max_size=2))
        if draw(st.integers(0, 7)):
            labels |= {"Concept"}
        found = {name: draw(_values) for name in (*PROPERTIES, *CHOSEN) if draw(st.booleans())}
        if draw(st.booleans()) and isinstance(found.get("prefLabel"), list) and found["prefLabel"]:
            found |= {"nameOf": found["prefLabel"][-1], "name": draw(texts)}
        if draw(st.integers(0, 5)):
            found["id"] = draw(st.one_of(st.just(f"c{number}"), st.integers(number, number)))
        nodes.append(Node(number, frozenset(labels), found))
    ends = st.sampled_from([node.number for node in nodes]) if nodes else st.nothing()
    types = st.sampled_from((*(type.upper() for type in RELATION_TYPES), "SOLD_WITH"))
    primary = st.sampled_from((True, False, None, "true", 1))
    edges = draw(st.lists(st.builds(Edge, types, ends, ends, primary), max_size=8)) if nodes else []
    return nodes, edges


def server(nodes: list[Node], edges: list[Edge]) -> Any:
    """What a server answers to the statements of a read, two rows a record."""
    concepts = [node for node in nodes if "Concept" in node.labels]

    def page(what: str, rows: Iterable[tuple[int, Any]]) -> Iterator[dict[str, Any]]:
        rows = list(rows)
        for i in range(0, len(rows), 2):
            numbers, found = zip(*rows[i : i + 2], strict=True)
            yield {"what": what, "nodes": list(numbers), "found": list(found)}

    def having(name: str) -> list[tuple[int, Any]]:
        return [(c.number, c.properties[name]) for c in concepts if name in c.properties]

    def run(query: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if query == cypher.CONCEPTS:
            yield from page("id", [(node, id) for node, id in having("id") if isinstance(id, str)])
            for kind in ("category", "attribute", "value"):
                yield from page(kind, [(node.number, True) for node in nodes if kind.capitalize() in node.labels])
            for name in ("scheme", "notation"):
                yield from page(name, having(name))
            for name, usual in (("status", "active"), ("choice", "multiple")):
                yield from page(name, [(node, value) for node, value in having(name) if value != usual])
        elif query == cypher.CONCEPT_COUNT:
            yield {"n": len(concepts)}
        elif query == cypher.LOST:
            lost = [c.number for c in concepts if not isinstance(c.properties.get("id"), str)]
            yield from page("lost", [(number, f"4:x:{number}") for number in lost])
        elif query == cypher.TEXTS:
            yield from page("prefLabel", [(c.number, c.properties.get("prefLabel", [])) for c in concepts])
            for name in ("altLabel", "hiddenLabel", "definition"):
                yield from page(name, having(name))
            named = [(node, name) for node, name in having("name") if isinstance(name, str)]
            of = dict(having("nameOf"))
            captions = [(n, [name, of[n]]) for n, name in named if n in of and of[n] != f"{name}@en"]
            yield from page("renamed", captions)
        elif query == cypher.UNLABELLED:
            labelled = {node for node, value in having("prefLabel") if value != []}
            yield from page("name", [(node, name) for node, name in having("name") if node not in labelled])
        elif query == cypher.TYPES:
            yield from ({"type": type} for type in sorted({edge.type for edge in edges}))
        elif query == cypher.FOREIGN:
            yield from (
                {"type": edge.type, "source": str(edge.source), "target": str(edge.target)}
                for edge in edges
                if edge.type in parameters["types"]
            )
        else:
            assert query == cypher.RELATIONS
            for edge in edges:
                if edge.type.lower() in RELATION_TYPES:
                    primary = edge.primary is True
                    row = {"sources": [edge.source], "targets": [edge.target], "primary": [primary]}
                    yield {"type": edge.type, **row}

    return run


def plainly(rows: list[list[Any]], edges: list[list[Any]]) -> Columns:
    """Rows of concepts in the order of their nodes, and of relations, by the reference."""
    return columns_of([reference.concept_of(row) for row in rows], reference.relations_of(edges))


def assert_same(found: Columns, wanted: Columns) -> None:
    assert [found.concept(i) for i in range(len(found))] == [wanted.concept(i) for i in range(len(wanted))]
    edges = [[columns.relation(k) for k in range(len(columns.edges))] for columns in (found, wanted)]
    assert edges[0] == edges[1]
    assert (found.duplicates, found.dangling) == (wanted.duplicates, wanted.dangling)


@settings(max_examples=40)
@given(graphs())
def test_columns_equal_the_plain_reading(graph: tuple[list[Node], list[Edge]]) -> None:
    nodes, edges = graph
    id_of = {
        node.number: found if isinstance(found := node.properties.get("id"), str) else f"{LOST}4:x:{node.number}"
        for node in nodes
        if "Concept" in node.labels
    }
    rows = [
        [id_of[node.number], node.labels, *(node.properties.get(name) for name in (*PROPERTIES, *CHOSEN))]
        for node in nodes
        if "Concept" in node.labels
    ]
    relations = [
        [edge.type, id_of[edge.source], id_of[edge.target], edge.primary]
        for edge in edges
        if edge.source in id_of and edge.target in id_of
    ]
    assert_same(read_columns(server(nodes, edges)), plainly(rows, relations))


_ROWS = """
MATCH (c:Concept)
RETURN CASE WHEN c.id IS :: STRING NOT NULL THEN c.id ELSE $lost + elementId(c) END, labels(c), c.scheme, c.name,
    c.nameOf, c.prefLabel, c.altLabel, c.hiddenLabel, c.definition, c.notation, c.status, c.choice ORDER BY id(c)
"""
_EDGES = """
MATCH (a:Concept)-[r]->(b:Concept)
RETURN type(r), CASE WHEN a.id IS :: STRING NOT NULL THEN a.id ELSE $lost + elementId(a) END,
    CASE WHEN b.id IS :: STRING NOT NULL THEN b.id ELSE $lost + elementId(b) END, r.primary
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
@given(graph=graphs())
def test_the_real_server_answers_so(
    graph: tuple[list[Node], list[Edge]], neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    nodes, edges = graph
    with neo4j_driver.session() as session, session.begin_transaction() as tx:
        tx.run("MATCH (n) WHERE n:Concept OR n.number IS NOT NULL DETACH DELETE n").consume()
        for node in nodes:
            labels = sorted(node.labels | {"Thing"})
            tx.run(
                "CREATE (n:$($labels)) SET n = $row, n.number = $n", labels=labels, row=node.properties, n=node.number
            )
        for edge in edges:
            statement = "MATCH (a {number: $a}), (b {number: $b}) CREATE (a)-[:$($type) {primary: $primary}]->(b)"
            tx.run(statement, a=edge.source, b=edge.target, type=edge.type, primary=edge.primary)
        rows, relations = ([list(row.values()) for row in tx.run(query, lost=LOST)] for query in (_ROWS, _EDGES))
        assert_same(read_columns(tx.run), plainly(rows, relations))
        tx.rollback()


def test_property_types_that_json_has_not(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    """Dates, points and durations are no reason to stop reading."""
    odd = ("date('2024-02-29')", "point({x: 1, y: 2})", "duration('P1D')", "[date('2024-02-29')]", "[1.5]")
    for value in odd:
        properties = ", ".join(f"c.{name} = {value}" for name in (*PROPERTIES, *CHOSEN))
        with neo4j_driver.session() as session, session.begin_transaction() as tx:
            tx.run(f"CREATE (c:Concept:Category {{id: 'odd'}}) SET {properties}").consume()  # type: ignore[arg-type]
            rows = [list(row.values()) for row in tx.run(_ROWS, lost=LOST)]
            assert_same(read_columns(tx.run), plainly(rows, []))
            tx.rollback()


@settings(max_examples=40)
@given(st.lists(_text, max_size=6))
@example(["Käse@de", "a@b", "@en", "a@", "@", "", "x@zh-Hans", "x@und", "two\nlines@en", "a@b@c@fr"])
def test_split_tags(tagged: list[str]) -> None:
    text, lang = split_tags(pa.array(tagged, pa.large_string()))
    assert list(zip(text.to_pylist(), lang.to_pylist(), strict=True)) == [reference.split(one) for one in tagged]


def test_nodes_far_apart_are_found() -> None:
    """Numbers of a database from which nearly everything was deleted."""
    nodes = [Node(10**12 * i, frozenset({"Concept", "Category"}), {"id": f"c{i}", "name": f"C{i}"}) for i in (1, 2, 3)]
    edges = [Edge("BROADER", 2 * 10**12, 10**12, True), Edge("BROADER", 3 * 10**12, 5, True)]
    columns = read_columns(server(nodes, edges))
    assert [columns.concept(i).pref_label for i in range(3)] == [{"und": "C1"}, {"und": "C2"}, {"und": "C3"}]
    assert [columns.relation(k) for k in range(len(columns.edges))] == [Relation("broader", "c2", "c1", primary=True)]


def test_parts_of_different_moments_join() -> None:
    """A concept may go, or come, between the parts: what isn't a concept's is left out."""
    before = [Node(i, frozenset({"Concept", "Category"}), {"id": f"c{i}", "prefLabel": [f"{i}@en"]}) for i in (1, 2)]
    after = [*before[1:], Node(3, frozenset({"Concept", "Category"}), {"id": "c3", "prefLabel": ["3@en"]})]
    edges = [Edge("RELATED", 2, 3, None), Edge("RELATED", 2, 1, None)]
    columns = join(concept_part(server(before, [])), text_part(server(after, [])), edge_part(server(after, edges)))
    assert [columns.concept(i).pref_label for i in range(len(columns))] == [{}, {"en": "2"}]
    assert [columns.relation(k) for k in range(len(columns.edges))] == [Relation("related", "c1", "c2")]
    assert np.array_equal(columns.texts.starts, [0, 0, 1])


def test_relationships_of_other_types_are_reported(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    neo4j_driver.execute_query(
        "CREATE (a:Concept:Category {id: 'a'})-[:BROADR]->(b:Concept:Category {id: 'b'}), (b)-[:BROADER]->(a), "
        "(b)-[:SOLD_WITH]->(a), (a)-[:BROADR]->(:Product), (:Item {id: 'i'})-[:TAGGED]->(a)"
    )
    with neo4j_driver.session() as session, session.begin_transaction() as tx:
        assert unknown_part(tx.run) == [UnknownEdge("BROADR", "a", "b")]
    assert neo4j_store.read().columns.unknown == (UnknownEdge("BROADR", "a", "b"),)
