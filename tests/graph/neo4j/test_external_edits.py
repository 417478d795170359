"""External edits in plain Cypher: valid ones take effect at once, broken ones are quarantined."""

from __future__ import annotations

from collections.abc import Callable

import neo4j
import pytest

from graph.editing import edit
from graph.model import ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation
from graph.neo4j.store import Neo4jStore
from graph.taxonomy import Taxonomy

Cypher = Callable[..., object]


@pytest.fixture
def cypher(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> Cypher:
    """Runs a statement on a small taxonomy that kgtag wrote."""

    def label(text: str) -> dict[str, str]:
        return {"en": text, "de": f"{text} auf Deutsch"}

    neo4j_store.apply(
        ChangeSet(
            (
                *(PutConcept(Concept(id, "test", "category", label(id))) for id in ("shoes", "boots", "sandals")),
                PutConcept(Concept("color", "test", "attribute", label("color"), choice="single")),
                PutConcept(Concept("red", "test", "value", label("red"))),
                PutRelation(Relation("broader", "boots", "shoes", primary=True)),
                PutRelation(Relation("broader", "sandals", "boots", primary=True)),
                PutRelation(Relation("value_of", "red", "color")),
            ),
            "ann",
        )
    )

    def run(statement: str, **parameters: object) -> object:
        return neo4j_driver.execute_query(statement, parameters)

    return run


def snapshot(store: Neo4jStore) -> Taxonomy:
    return Taxonomy.of(store.read())


def test_the_graph_is_readable(cypher: Cypher, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    found = neo4j_driver.execute_query(
        "MATCH (n:Concept:Category {name: 'boots'})-[r:BROADER]->(m) RETURN n, r.primary AS primary, m.name AS broader"
    ).records[0]
    assert dict(found["n"]) == {
        "id": "boots",
        "name": "boots",
        "nameOf": "boots@en",
        "scheme": "test",
        "prefLabel": ["boots auf Deutsch@de", "boots@en"],
        "status": "active",
    }
    assert (found["primary"], found["broader"]) == (True, "shoes")
    hits = neo4j_driver.execute_query(
        "CALL db.index.fulltext.queryNodes('concept_labels', 'boots') YIELD node RETURN node.id"
    )
    assert hits.records[0][0] == "boots"
    assert snapshot(neo4j_store).problems == ()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "MATCH (c:Concept {id: 'boots'}) SET c.prefLabel = ['Stiefel@de', 'Booties@en']",
            {"en": "Booties", "de": "Stiefel"},
        ),
        ("MATCH (c:Concept {name: 'boots'}) SET c.name = 'Booties'", {"en": "Booties", "de": "boots auf Deutsch"}),
        ("MATCH (c:Concept {name: 'boots'}) SET c.prefLabel = 'Booties'", {"und": "Booties"}),
        ("MATCH (c:Concept {name: 'boots'}) REMOVE c.prefLabel", {"und": "boots"}),
        ("MATCH (c:Concept {name: 'boots'}) SET c.prefLabel = [1, 2]", {"und": "1"}),
    ],
)
def test_renaming_takes_effect_at_once(
    cypher: Cypher, neo4j_store: Neo4jStore, statement: str, expected: dict[str, str]
) -> None:
    before = neo4j_store.token()
    cypher(statement)
    assert neo4j_store.token() != before
    assert snapshot(neo4j_store)["boots"].pref_label == expected
    assert neo4j_store.read().version == 1


def test_a_concept_drawn_with_the_least(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher("CREATE (:Concept:Category {id: 'clogs', name: 'Clogs', scheme: 'test', note: 'mine'})")
    cypher("MATCH (a {id: 'clogs'}), (b {id: 'shoes'}) CREATE (a)-[:BROADER {since: 2020}]->(b)")
    taxonomy = snapshot(neo4j_store)
    assert taxonomy["clogs"] == Concept("clogs", "test", "category", {"und": "Clogs"})
    assert taxonomy.ancestors("clogs") == ["shoes"]
    neo4j_store.apply(ChangeSet((PutConcept(Concept("clogs", "test", "category", {"en": "Clogs"})),), "ann"))
    found = cypher("MATCH (c:Concept {id: 'clogs'}) RETURN c.note AS note, c.name AS name")
    assert found.records[0].data() == {"note": "mine", "name": "Clogs"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "code", "lost"),
    [
        ("MATCH (a {id: 'shoes'}), (b {id: 'sandals'}) CREATE (a)-[:BROADER]->(b)", "cycle", set()),
        ("MATCH (:Concept {id: 'red'})-[r:VALUE_OF]->() DELETE r", "value_without_attribute", {"red"}),
        ("MATCH (c {id: 'color'}) DETACH DELETE c", "value_without_attribute", {"color", "red"}),
        ("MATCH (c {id: 'sandals'}) REMOVE c.id", "bad_id", {"sandals"}),
        ("MATCH (c {id: 'sandals'}) SET c.id = 42", "bad_id", {"sandals"}),
        ("MATCH (c {id: 'sandals'}) REMOVE c:Category", "bad_kind", {"sandals"}),
        ("MATCH (c {id: 'sandals'}) SET c:Value", "bad_kind", {"sandals"}),
        ("MATCH (c {id: 'sandals'}) SET c.status = 'retired'", "bad_status", {"sandals"}),
        ("MATCH (c {id: 'color'}) SET c.choice = 'some'", "bad_choice", {"color", "red"}),
        ("MATCH (c {id: 'sandals'}) REMOVE c.prefLabel, c.name", "no_label", {"sandals"}),
        ("MATCH (a {id: 'red'}), (b {id: 'shoes'}) CREATE (a)-[:BROADER]->(b)", "wrong_kinds", set()),
        ("MATCH (a {id: 'shoes'}) CREATE (a)-[:RELATED]->(a)", "self_relation", set()),
        ("MATCH (a {id: 'sandals'}), (b {id: 'shoes'}) CREATE (a)-[:EXCLUDES]->(b)", "excludes_ancestor", set()),
    ],
)
def test_what_breaks_is_quarantined_and_named(
    cypher: Cypher, neo4j_store: Neo4jStore, statement: str, code: str, lost: set[str]
) -> None:
    before = snapshot(neo4j_store)
    cypher(statement)
    after = snapshot(neo4j_store)
    assert code in {problem.code for problem in after.problems}
    assert set(before.ids) - set(after.ids) == lost


def test_a_lost_id_is_named_by_its_element(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher("MATCH (c:Concept) WHERE c.id IN ['boots', 'sandals'] REMOVE c.id")
    lost = [problem for problem in snapshot(neo4j_store).problems if problem.code == "bad_id"]
    assert len(lost) == 2
    assert all("element 4:" in problem.message for problem in lost)
    assert {"boots", "sandals"} == {word for p in lost for word in ("boots", "sandals") if f"({word})" in p.message}


def test_relations_drawn_both_ways_and_twice_are_one(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher(
        "MATCH (a {id: 'red'}), (b {id: 'shoes'}) CREATE (a)-[:RELATED]->(b), (b)-[:RELATED]->(a), (a)-[:RELATED]->(b)"
    )
    cypher("MATCH (a {id: 'boots'}), (b {id: 'shoes'}) CREATE (a)-[:BROADER]->(b), (a)-[:SOLD_WITH]->(b)")
    data = neo4j_store.read()
    assert [r for r in data.relations if r.type == "related"] == [Relation("related", "red", "shoes")]
    assert [r for r in data.relations if r.source == "boots"] == [Relation("broader", "boots", "shoes", primary=True)]
    both = (Relation("related", "shoes", "red"), Relation("broader", "boots", "shoes"))
    neo4j_store.apply(ChangeSet(tuple(map(DeleteRelation, both)), "ann"))
    assert not {relation.key for relation in both} & {relation.key for relation in neo4j_store.read().relations}
    assert Taxonomy.of(neo4j_store.read()).problems == ()


def test_twins_do_no_harm(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher("DROP CONSTRAINT concept_id")
    try:
        cypher("CREATE (:Concept:Category {id: 'boots', name: 'Twin', scheme: 'test'})")
        assert "boots" in snapshot(neo4j_store)
    finally:
        cypher("MATCH (c:Concept {name: 'Twin'}) DELETE c")
        cypher("CREATE CONSTRAINT concept_id IF NOT EXISTS FOR (c:Concept) REQUIRE c.id IS UNIQUE")


def test_tags_drawn_in_browser(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher("MATCH (c:Concept {id: 'red'}) CREATE (:Item {id: 'i', title: 'Red thing'})-[:TAGGED]->(c)")
    (item,) = neo4j_store.items()
    assert (item.id, item.title, item.model) == ("i", "Red thing", "")
    assert [(tag.concept, tag.probability, tag.method, tag.status) for tag in item.tags] == [
        ("red", 1.0, "given", "accepted")
    ]
    assert neo4j_store.items_of("red") == ["i"]


def test_edits_go_on_beside_a_problem(cypher: Cypher, neo4j_store: Neo4jStore) -> None:
    cypher("MATCH (c {id: 'sandals'}) REMOVE c.id")
    put = PutConcept(Concept("shoes", "test", "category", {"en": "Footwear"}))
    assert edit.apply(neo4j_store, ChangeSet((put,), "ann"))["shoes"].label() == "Footwear"
    assert snapshot(neo4j_store)["shoes"].label() == "Footwear"
