"""Random external edits: after every step the snapshot is valid, and SQLite comes to the same by accepted changes.

A script is a list of Cypher statements as people type them into Neo4j Browser, sound and unsound ones. What a step
leaves in the snapshot is taken over into a SQLite file as a change set through `graph.editing.edit`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import neo4j
import networkx as nx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.editing import edit
from graph.history.diff import diff
from graph.model import (
    KINDS,
    LANGUAGE_TAG,
    RELATION_TYPES,
    STATUSES,
    SYMMETRIC,
    Change,
    ChangeSet,
    DeleteConcept,
    DeleteRelation,
    PutConcept,
    PutRelation,
)
from graph.neo4j.store import Neo4jStore
from graph.repairs.repairs import repairs
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.api import shop

Step = tuple[str, dict[str, Any]]

IDS = ["shoes", "sneakers", "running", "sandals", "colour", "material", "red", "blue", "crimson", "leather", "n1", "n2"]
LABELS = ("Category", "Attribute", "Value")
TYPES = [type.upper() for type in RELATION_TYPES]

some = st.sampled_from(IDS)
texts = st.sampled_from(["Shoes", "鞋", "", " ", "a@b", "x@zh", "@en", "\u0000", "'", "\\u0027"])
odd: st.SearchStrategy[Any] = st.one_of(
    texts,
    st.lists(texts, max_size=3),
    st.sampled_from(
        [None, 1, 1.5, True, [1, 2], ["Schuhe@de", "Shoes@en", "Shoes@en"], "active", "deprecated", "gone"]
    ),
)


def step(statement: str, **parameters: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries(parameters).map(lambda given: (statement, given))


def each(names: list[str] | tuple[str, ...], statement: str, **parameters: st.SearchStrategy[Any]) -> list[Any]:
    """The same for several labels, types or properties, which no parameter can stand for."""
    return [step(statement.replace("NAME", name), **parameters) for name in names]


MATCH_TWO = "MATCH (a:Concept {id: $a}) MATCH (b:Concept {id: $b}) "
steps: st.SearchStrategy[Step] = st.one_of(
    st.one_of(
        each(LABELS, "MERGE (c:Concept:NAME {id: $id}) SET c.name = $name, c.scheme = 'shop'", id=some, name=texts)
    ),
    st.one_of(each(LABELS, "CREATE (:Concept:NAME {name: $name, scheme: 'shop'})", name=texts)),
    step("MATCH (c:Concept {id: $id}) SET c.name = $name", id=some, name=texts),
    step("MATCH (c:Concept {id: $id}) SET c.prefLabel = $labels", id=some, labels=st.lists(texts, max_size=3)),
    st.one_of(
        each(
            ["name", "prefLabel", "altLabel", "hiddenLabel", "definition", "status", "choice", "notation", "scheme"],
            "MATCH (c:Concept {id: $id}) SET c.NAME = $value",
            id=some,
            value=odd,
        )
    ),
    step("MATCH (c:Concept {id: $id}) SET c.id = $value", id=some, value=st.sampled_from([None, 7, "", " x", "n1\n"])),
    st.one_of(each(TYPES, MATCH_TWO + "CREATE (a)-[:NAME]->(b)", a=some, b=some)),
    step(
        MATCH_TWO + "CREATE (a)-[:BROADER {primary: $p}]->(b)", a=some, b=some, p=st.sampled_from([True, False, 1, "x"])
    ),
    step(MATCH_TWO + "CREATE (a)-[:RELATED]->(b), (b)-[:RELATED]->(a), (a)-[:RELATED]->(b)", a=some, b=some),
    st.one_of(each(("BRODER", "broader", "SOLD_WITH"), MATCH_TWO + "CREATE (a)-[:NAME]->(b)", a=some, b=some)),
    step(
        MATCH_TWO + "OPTIONAL MATCH (a)-[r:BROADER]->() DELETE r WITH DISTINCT a, b MERGE (a)-[:BROADER]->(b)",
        a=some,
        b=some,
    ),
    step(
        MATCH_TWO + "OPTIONAL MATCH (a)-[r:VALUE_OF]->() DELETE r WITH DISTINCT a, b MERGE (a)-[:VALUE_OF]->(b)",
        a=some,
        b=st.sampled_from(["colour", "material", "shoes"]),
    ),
    step("MATCH (:Concept {id: $a})-[r]-(:Concept) DELETE r", a=some),
    step("MATCH (c:Concept {id: $a}) WHERE NOT EXISTS { (c)--() } DELETE c", a=some),
    step("MATCH (c:Concept {id: $a}) DETACH DELETE c", a=some),
    st.one_of(each(LABELS, "MATCH (c:Concept {id: $a}) SET c:NAME", a=some)),
    st.one_of(each(("Concept", *LABELS), "MATCH (c {id: $a}) REMOVE c:NAME", a=some)),
    step(
        MATCH_TWO + "WHERE a <> b OPTIONAL MATCH (n)-[r:BROADER]->(a) WITH a, b, collect(n) AS narrower "
        "FOREACH (n IN narrower | MERGE (n)-[:BROADER]->(b)) "
        "SET b.altLabel = coalesce(b.altLabel, []) + coalesce(a.prefLabel, []) DETACH DELETE a",
        a=some,
        b=some,
    ),
)


def assert_valid(taxonomy: Taxonomy) -> None:
    """The invariants once more, worked out another way than `graph.columns.invariants` does."""
    ids = set(taxonomy.ids)
    for concept in taxonomy:
        assert concept.id and concept.id == concept.id.strip() and concept.id.isprintable()
        assert concept.kind in KINDS and concept.status in STATUSES and concept.choice in ("single", "multiple")
        assert concept.pref_label
        assert all(text.strip() and LANGUAGE_TAG.fullmatch(tag) for text, tag, _ in concept.labels())
    tree: nx.DiGraph[str] = nx.DiGraph()
    tree.add_nodes_from(ids)
    homes: dict[str, str] = {}
    for edge in taxonomy.relations:
        a, b = taxonomy[edge.source], taxonomy[edge.target]
        assert a.id != b.id and {a.id, b.id} <= ids
        assert edge.type not in SYMMETRIC or a.id < b.id
        if edge.type == "broader":
            assert (a.kind, a.scheme) == (b.kind, b.scheme)
            tree.add_edge(a.id, b.id)
        elif edge.type == "value_of":
            assert (a.kind, b.kind) == ("value", "attribute") and a.id not in homes
            homes[a.id] = b.id
        elif edge.type == "applies_to":
            assert (a.kind, b.kind) == ("attribute", "category")
    assert nx.is_directed_acyclic_graph(tree)
    assert set(homes) == {concept.id for concept in taxonomy if concept.kind == "value"}
    assert all(homes.get(a) == homes.get(b) for a, b in tree.edges)
    for id in ids:
        line = {id} | nx.descendants(tree, id)
        assert set(taxonomy.ancestors(id)) == line - {id}
        assert not any(e.type == "excludes" and {e.source, e.target} <= line for e in taxonomy.relations)
        primary = [e for e in taxonomy.relations if (e.type, e.source) == ("broader", id) and e.primary]
        assert len(primary) == min(1, len(tree[id]))


def accepted(before: Taxonomy, after: Taxonomy) -> ChangeSet:
    """What of a step counts, as a change set."""
    found = diff(before, after)
    changes: list[Change] = [DeleteRelation(edge) for edge in found.relations_removed]
    changes += [DeleteConcept(concept.id) for concept in found.removed]
    changes += [PutConcept(concept) for concept in (*found.added, *(changed.after for changed in found.changed))]
    changes += [PutRelation(edge) for edge in found.relations_added]
    return ChangeSet(tuple(changes), "hand")


@settings(max_examples=25, suppress_health_check=[*HealthCheck])
@given(script=st.lists(steps, min_size=1, max_size=8))
def test_scripts(
    script: list[Step], sqlite_store: SqliteStore, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver
) -> None:
    _empty(sqlite_store, neo4j_driver)
    for store in (sqlite_store, neo4j_store):
        shop.fill(store)
    before = Taxonomy.of(sqlite_store.read())
    with neo4j_driver.session() as session:
        for statement, parameters in script:
            try:
                session.run(statement, parameters).consume()
            except neo4j.exceptions.ClientError:
                continue  # refused by the server itself: an id twice, a property of no storable type
            after = Taxonomy.of(neo4j_store.read())
            assert_valid(after)
            assert all(repair.statement for _, repair in repairs(after, "cypher"))
            if changes := accepted(before, after).changes:
                edit.apply(sqlite_store, ChangeSet(changes, "hand"))
            kept = Taxonomy.of(sqlite_store.read())
            assert kept.problems == ()
            assert (kept.concepts, kept.relations) == (after.concepts, after.relations)
            assert kept.revision == after.revision
            before = after


def _empty(sqlite: SqliteStore, driver: neo4j.Driver) -> None:
    with closing(sqlite3.connect(sqlite.url.removeprefix("sqlite:///"))) as db, db:
        for table in ("relation", "item_tag", "item", "concept", "change_set"):
            db.execute(f"DELETE FROM {table}")
    driver.execute_query("MATCH (n:Concept|Category|Attribute|Value|Item|ChangeSet) DETACH DELETE n")
    driver.execute_query("MATCH (m:Meta) SET m.version = 0")
