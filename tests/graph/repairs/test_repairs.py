"""Every problem that an external edit can cause, in a real Neo4j and a real SQLite file, and its repair."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import get_args

import neo4j
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graph.columns.invariants import near_relation
from graph.model import (
    ChangeSet,
    Concept,
    ItemTag,
    Kind,
    Problem,
    ProblemCode,
    PutConcept,
    PutRelation,
    Relation,
    TaggedItem,
    UnknownEdge,
)
from graph.neo4j.store import Neo4jStore
from graph.repairs.guesses import closing_edges
from graph.repairs.repairs import Dialect, dialect_of, repairs
from graph.repairs.statements import cypher_literal, sql_literal
from graph.sqlite.store import SqliteStore
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

ExternalEdit = Callable[[str], None]


def concept(id: str, kind: Kind = "category", scheme: str = "test") -> Concept:
    return Concept(id, scheme, kind, {"en": id.capitalize(), "zh": f"{id}的"}, {"en": (f"my {id}",)})


CONCEPTS = (
    *(concept(id) for id in ("shoes", "boots", "sandals", "bags")),
    *(concept(id, "attribute") for id in ("color", "size")),
    *(concept(id, "value") for id in ("red", "crimson", "large")),
    concept("footwear", scheme="other"),
)
EDGES = (
    Relation("broader", "boots", "shoes", primary=True),
    Relation("broader", "sandals", "boots", primary=True),
    Relation("value_of", "red", "color"),
    Relation("value_of", "crimson", "color"),
    Relation("value_of", "large", "size"),
    Relation("broader", "crimson", "red", primary=True),
    Relation("applies_to", "color", "shoes"),
    Relation("excludes", "boots", "bags"),
)

CYPHER: dict[ProblemCode, list[str]] = {
    "bad_id": [
        "MATCH (c {id: 'sandals'}) REMOVE c.id",
        "MATCH (c:Value) REMOVE c.id",
        "MATCH (c {id: 'boots'}) SET c.id = 42",
        "MATCH (c {id: 'boots'}) SET c.id = ' boots '",
        "MATCH (c {id: 'boots'}) SET c.id = ''",
        "MATCH (c {id: 'boots'}) SET c.id = 'boo\\u0000ts'",
        "CREATE (:Concept:Category {name: '凉鞋', scheme: 'test'}), (:Concept:Category {name: '凉鞋', scheme: 'test'})",
        "MATCH (c {id: 'color'}) REMOVE c.id, c.scheme",
    ],
    "bad_kind": [
        "MATCH (c {id: 'sandals'}) REMOVE c:Category",
        "MATCH (c {id: 'sandals'}) SET c:Value",
        "MATCH (c {id: 'red'}) REMOVE c:Value",
        "MATCH (c {id: 'color'}) REMOVE c:Attribute",
        "MATCH (c {id: 'color'}) SET c:Value:Category",
        "MATCH (c {id: 'bags'}) SET c:Attribute",
        "MATCH (c {id: 'shoes'}) SET c:Value",
        "MATCH (c) WHERE c.id IN ['crimson', 'red'] REMOVE c:Value",
    ],
    "bad_status": ["MATCH (c {id: 'boots'}) SET c.status = 'Deprecated'", "MATCH (c {id: 'red'}) SET c.status = 7"],
    "bad_choice": ["MATCH (c {id: 'color'}) SET c.choice = 'singel'", "MATCH (c {id: 'boots'}) SET c.choice = 'x'"],
    "no_label": [
        "MATCH (c {id: 'sandals'}) REMOVE c.prefLabel, c.name",
        "MATCH (c {id: 'sandals'}) REMOVE c.prefLabel, c.name, c.altLabel",
        "CREATE (:Concept:Category {scheme: 'test', id: 'test:wellies'})",
    ],
    "empty_label": [
        "MATCH (c {id: 'sandals'}) SET c.prefLabel = ['Sandals@en', ' @de']",
        "MATCH (c {id: 'sandals'}) SET c.prefLabel = '', c.altLabel = [' ', 'x@en']",
        "MATCH (c {id: 'sandals'}) SET c.altLabel = ['@en', 'flip-flops@en'], c.hiddenLabel = ''",
        "CREATE (:Concept:Category {scheme: 'test', id: 'x', prefLabel: ['@en']})",
    ],
    "dangling": ["MATCH (c {id: 'boots'}) REMOVE c.id", "MATCH (c {id: 'color'}) SET c.choice = 'some'"],
    "self_relation": [f"MATCH (a {{id: 'shoes'}}) CREATE (a)-[:{type}]->(a)" for type in ("RELATED", "BROADER")],
    "wrong_kinds": [
        "MATCH (a {id: 'red'}), (b {id: 'shoes'}) CREATE (a)-[:BROADER]->(b)",
        "MATCH (a {id: 'red'})-[r:VALUE_OF]->(b) DELETE r CREATE (b)-[:VALUE_OF]->(a)",
        "MATCH (a {id: 'shoes'}), (b {id: 'size'}) CREATE (a)-[:APPLIES_TO]->(b)",
        "MATCH (a {id: 'size'}), (b {id: 'red'}) CREATE (a)-[:VALUE_OF]->(b)",
    ],
    "cross_scheme_broader": [
        "MATCH (a {id: 'sandals'}), (b {id: 'footwear'}) CREATE (a)-[:BROADER]->(b)",
        "MATCH (b {id: 'shoes'}) CREATE (:Concept:Category {id: 'clogs', name: 'Clogs'})-[:BROADER]->(b)",
    ],
    "cycle": [
        "MATCH (a {id: 'shoes'}), (b {id: 'sandals'}) CREATE (a)-[:BROADER]->(b)",
        "MATCH (a {id: 'red'}), (b {id: 'crimson'}) CREATE (a)-[:BROADER {primary: true}]->(b)",
        "MATCH (a {id: 'shoes'}), (b {id: 'sandals'}), (c {id: 'boots'}) "
        "CREATE (a)-[:BROADER]->(b), (a)-[:BROADER]->(c), (c)-[:BROADER]->(b)",
    ],
    "value_without_attribute": [
        "MATCH (:Concept {id: 'large'})-[r:VALUE_OF]->() DELETE r",
        "MATCH (:Concept {id: 'crimson'})-[r:VALUE_OF]->() DELETE r",
        "MATCH (c {id: 'color'}) DETACH DELETE c",
        "MATCH (a {id: 'large'})-[r:VALUE_OF]->(b) DELETE r CREATE (a)-[:VALUES_OF]->(b)",
        "CREATE (:Concept:Value {id: 'teal', name: 'Teal'})",
        "MATCH (a {id: 'large'})-[r:VALUE_OF]->() DELETE r CREATE (:Concept:Category {id: 'test:unsorted', name: 'X'})",
    ],
    "value_of_several": [
        "MATCH (a {id: 'large'}), (b {id: 'color'}) CREATE (a)-[:VALUE_OF]->(b)",
        "MATCH (a {id: 'red'}), (b {id: 'size'}) CREATE (a)-[:VALUE_OF]->(b)",
    ],
    "excludes_ancestor": ["MATCH (a {id: 'shoes'}), (b {id: 'sandals'}) CREATE (a)-[:EXCLUDES]->(b)"],
    "excludes_common_narrower": ["MATCH (a {id: 'sandals'}), (b {id: 'bags'}) CREATE (a)-[:BROADER]->(b)"],
    "broader_across_attributes": ["MATCH (a {id: 'large'}), (b {id: 'red'}) CREATE (a)-[:BROADER]->(b)"],
    "unknown_relation": [
        "MATCH (a {id: 'sandals'})-[r:BROADER]->(b) DELETE r CREATE (a)-[:BRODER]->(b)",
        "MATCH (a {id: 'sandals'}), (b {id: 'bags'}) CREATE (a)-[:`relatedTo`]->(b), (b)-[:`re'lated`]->(a)",
        "MATCH (a {id: 'shoes'}), (b {id: 'sandals'}) CREATE (a)-[:broader]->(b)",
        "MATCH (a {id: 'large'})-[r:VALUE_OF]->(b) DELETE r CREATE (a)-[:ValueOf]->(b)",
        "MATCH (a {id: 'large'}) CREATE (a)-[:Related]->(a)",
    ],
}
IMPOSSIBLE_IN_NEO4J = {
    "bad_language": "MATCH (c {id: 'sandals'}) SET c.prefLabel = ['Sandals@not a tag', 'Sandalen@d', '凉鞋@zh_CN']"
}


def _sql(statement: str) -> str:
    return statement.replace("RELATE ", "INSERT INTO relation (type, source, target) VALUES ")


def _setting(column: str, value: str, id: str = "sandals") -> str:
    return f"UPDATE concept SET {column} = {value} WHERE id = '{id}'"


SQL: dict[ProblemCode, list[str]] = {
    "bad_id": [
        "PRAGMA foreign_keys = OFF; UPDATE concept SET id = ' boots' WHERE id = 'boots'; "
        "UPDATE relation SET source = ' boots' WHERE source = 'boots'; "
        "UPDATE relation SET target = ' boots' WHERE target = 'boots';",
        "INSERT INTO concept (id, scheme, kind, pref_label) VALUES ('', 'test', 'category', '{\"zh\": \"凉鞋\"}')",
        "INSERT INTO concept (id, scheme, kind, pref_label) VALUES ('a' || char(10) || 'b', '', 'category', '{}')",
        "UPDATE concept SET id = char(0) || '''' WHERE id = 'footwear'",
    ],
    "bad_kind": [
        *(_setting("kind", "'thing'", id) for id in ("sandals", "red", "color", "shoes", "bags", "crimson")),
        "UPDATE concept SET kind = 'colour' WHERE kind = 'value'",
    ],
    "bad_status": [_setting("status", "'deprecatd'"), _setting("status", "''")],
    "bad_choice": [_setting("choice", "'singel'", "color"), _setting("choice", "'x'")],
    "no_label": [_setting("pref_label", "'{}'"), _setting("pref_label", "'{}', alt_label = '{}'")],
    "bad_language": [
        _setting("pref_label", """'{"English": "Sandals", "zh_CN": "凉鞋", "no tag": "x", "zh-CN": "凉"}'"""),
        _setting("alt_label", """'{"a''b": ["flip-flops"]}'"""),
        _setting("hidden_label", """'{"": ["flop", "flap"]}'"""),
    ],
    "empty_label": [
        _setting("pref_label", """'{"en": " "}'"""),
        _setting("pref_label", """'{"en": "Sandals", "de": ""}'"""),
        _setting("alt_label", """'{"en": ["", "x"], "de": [" "]}'"""),
    ],
    "dangling": [
        "PRAGMA foreign_keys = OFF; DELETE FROM concept WHERE id = 'bags'",
        "PRAGMA foreign_keys = OFF; RELATE ('related', 'sandals', 'it''s gone')",
        _setting("kind", "'thing'", "color"),
    ],
    "self_relation": ["RELATE ('related', 'shoes', 'shoes')", "RELATE ('broader', 'shoes', 'shoes')"],
    "wrong_kinds": [
        "RELATE ('broader', 'red', 'shoes')",
        "UPDATE relation SET source = target, target = source WHERE source = 'red' AND type = 'value_of'",
        "RELATE ('applies_to', 'shoes', 'size')",
    ],
    "cross_scheme_broader": [
        "RELATE ('broader', 'sandals', 'footwear')",
        "INSERT INTO concept (id, scheme, kind, pref_label) VALUES ('clogs', '', 'category', '{\"en\": \"Clogs\"}'); "
        "RELATE ('broader', 'clogs', 'shoes')",
    ],
    "cycle": [
        "RELATE ('broader', 'shoes', 'sandals')",
        "INSERT INTO relation VALUES ('broader', 'red', 'crimson', 1)",
        "RELATE ('broader', 'shoes', 'sandals'), ('broader', 'shoes', 'boots'), ('broader', 'boots', 'sandals')",
    ],
    "value_without_attribute": [
        "DELETE FROM relation WHERE source = 'large'",
        "DELETE FROM relation WHERE source = 'crimson' AND type = 'value_of'",
        "PRAGMA foreign_keys = ON; DELETE FROM concept WHERE id = 'color'",
        "UPDATE relation SET type = 'valueof' WHERE source = 'large'",
    ],
    "value_of_several": ["RELATE ('value_of', 'large', 'color')", "RELATE ('value_of', 'red', 'size')"],
    "excludes_ancestor": ["RELATE ('excludes', 'shoes', 'sandals')", "RELATE ('excludes', 'sandals', 'shoes')"],
    "excludes_common_narrower": ["RELATE ('broader', 'sandals', 'bags')"],
    "broader_across_attributes": ["RELATE ('broader', 'large', 'red')"],
    "unknown_relation": [
        "UPDATE relation SET type = 'broder' WHERE source = 'sandals'",
        "RELATE ('it''s like', 'sandals', 'bags')",
        "RELATE ('Broader', 'shoes', 'sandals')",
    ],
}
CASES: list[tuple[Dialect, ProblemCode, str]] = [
    (dialect, code, statement)
    for dialect, cases in (("cypher", CYPHER), ("sql", SQL))
    for code, statements in cases.items()
    for statement in statements
]


def fill(store: TaxonomyStore) -> None:
    store.apply(ChangeSet((*map(PutConcept, CONCEPTS), *map(PutRelation, EDGES)), "ann"))
    store.put_items([TaggedItem("i", "red boots", "en", "m", "r", tuple(ItemTag(c.id, 1.0, "x") for c in CONCEPTS))])


@pytest.fixture
def cypher(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> ExternalEdit:
    fill(neo4j_store)
    return lambda statement: neo4j_driver.execute_query(statement) and None  # type: ignore[arg-type, func-returns-value]


@pytest.fixture
def sql(sqlite_store: SqliteStore) -> ExternalEdit:
    fill(sqlite_store)

    def run(script: str) -> None:
        with closing(sqlite3.connect(sqlite_store.url.removeprefix("sqlite:///"), isolation_level=None)) as db:
            db.executescript(_sql(script))

    return run


def found(store: TaxonomyStore) -> Taxonomy:
    return Taxonomy.of(store.read())


def labels(taxonomy: Taxonomy) -> set[str]:
    return {text for concept in taxonomy for text, _, _ in concept.labels()}


def test_every_problem_can_be_made_by_an_external_edit() -> None:
    """Duplicate ids take a dropped constraint: see below. SQLite has no way to drop its primary key."""
    assert set(CYPHER) | set(IMPOSSIBLE_IN_NEO4J) == set(SQL) == set(get_args(ProblemCode)) - {"double_id"}


def test_a_duplicate_id_is_separated(cypher: ExternalEdit, neo4j_store: Neo4jStore) -> None:
    cypher("DROP CONSTRAINT concept_id IF EXISTS")
    try:
        cypher("UNWIND [1, 2] AS n CREATE (:Concept:Category {id: 'boots', name: 'Boots again', scheme: 'test'})")
        broken = found(neo4j_store)
        (problem,) = broken.problems
        assert (problem.code, problem.concepts) == ("double_id", ("boots",))
        ((_, repair),) = repairs(broken, "cypher")
        cypher(repair.statement)
        after = found(neo4j_store)
        assert after.problems == () and len(after) == len(broken) + 2
    finally:
        cypher("MATCH (c:Concept) WHERE c.name = 'Boots again' DETACH DELETE c")
        cypher("CREATE CONSTRAINT concept_id IF NOT EXISTS FOR (c:Concept) REQUIRE c.id IS UNIQUE")


def test_sqlite_refuses_a_duplicate_id(sql: ExternalEdit) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        sql("INSERT INTO concept (id, scheme, kind, pref_label) VALUES ('boots', 'test', 'category', '{}')")


@pytest.mark.parametrize(("dialect", "code", "edit"), CASES, ids=[f"{d} {c} {e[-40:]}" for d, c, e in CASES])
def test_the_repair_repairs(dialect: Dialect, code: ProblemCode, edit: str, request: pytest.FixtureRequest) -> None:
    run: ExternalEdit = request.getfixturevalue(dialect)
    store: TaxonomyStore = request.getfixturevalue("neo4j_store" if dialect == "cypher" else "sqlite_store")
    assert dialect_of(store.url) == dialect
    run(edit)
    broken = found(store)
    tags = _tags(store)
    todo = [(problem, repair) for problem, repair in repairs(broken, dialect) if problem.code == code]
    assert todo, broken.problems
    assert list(repairs(broken, dialect)) == list(repairs(found(store), dialect)), "the same store, other repairs"
    for problem, repair in todo[:1]:
        assert repair.instruction
        run(repair.statement)
        after = found(store)
        assert problem not in after.problems
        assert Counter(p.code for p in after.problems) < Counter(p.code for p in broken.problems)
        run(repair.statement)
        assert found(store).revision == after.revision, "twice is not the same as once"
    rounds = 0
    while problems := found(store).problems:
        rounds += 1
        assert rounds <= 6, problems
        run(next(repairs(found(store), dialect))[1].statement)
    assert len(found(store)) >= len(CONCEPTS) - edit.count("DELETE c") - edit.count("DELETE FROM concept")
    assert _tags(store) >= tags


def _tags(store: TaxonomyStore) -> int:
    """How many tags of the item lead to a concept of the store, sound or not."""
    item = store.item("i")
    assert item is not None
    return len({tag.concept for tag in item.tags} & {concept.id for concept in store.read().concepts})


def test_language_tags_that_neo4j_reads_as_text(cypher: ExternalEdit, neo4j_store: Neo4jStore) -> None:
    cypher(IMPOSSIBLE_IN_NEO4J["bad_language"])
    assert found(neo4j_store).problems == ()


def test_ids_are_proposed_not_invented(cypher: ExternalEdit, neo4j_store: Neo4jStore) -> None:
    cypher("UNWIND [1, 2] AS n CREATE (:Concept:Category {name: 'Flip flops', scheme: 'test'})")
    cypher("CREATE (:Concept:Category {id: 'test:flip-flops-2', name: 'Taken', scheme: 'test'})")
    snapshot = found(neo4j_store)
    assert not any("flip" in id for id in snapshot.ids if id != "test:flip-flops-2")
    proposed = [repair.instruction.split("'")[1] for problem, repair in repairs(snapshot, "cypher")]
    assert proposed == ["test:flip-flops", "test:flip-flops-3"]


def test_other_peoples_relations_are_no_problem(cypher: ExternalEdit, neo4j_store: Neo4jStore) -> None:
    cypher("MATCH (a {id: 'shoes'}), (b {id: 'bags'}) CREATE (a)-[:SOLD_WITH]->(b), (a)-[:INCLUDES]->(b)")
    assert neo4j_store.read().columns.unknown == () and found(neo4j_store).problems == ()
    cypher("MATCH (a {id: 'shoes'}), (b {id: 'bags'}) CREATE (a)-[:RELATES]->(b)")
    assert neo4j_store.read().columns.unknown == (UnknownEdge("RELATES", "shoes", "bags"),)
    (problem,) = found(neo4j_store).problems
    assert "did you mean RELATED?" in problem.message


def test_a_repair_keeps_what_it_does_not_repair(cypher: ExternalEdit, neo4j_store: Neo4jStore) -> None:
    before = found(neo4j_store)
    cypher("MATCH (c {id: 'sandals'}) SET c.status = 'x', c.note = 'mine'")
    for _, repair in repairs(found(neo4j_store), "cypher"):
        cypher(repair.statement)
    assert found(neo4j_store).revision == before.revision
    cypher("MATCH (c {id: 'sandals', note: 'mine'}) SET c.note = null")


@pytest.mark.parametrize(
    ("edges", "closed_by"),
    [("ab ba", "ba"), ("AB BC ca", "ca"), ("AB BC CA", "CA"), ("ab bc ca cb", "ca cb"), ("AB ab BA", "BA")],
)
def test_edges_that_close_a_cycle(edges: str, closed_by: str) -> None:
    """In upper case: primary."""

    def drawn(pairs: str) -> list[Relation]:
        return [Relation("broader", *pair.lower(), primary=pair.isupper()) for pair in pairs.split()]  # type: ignore[misc]

    assert closing_edges(drawn(edges)) == sorted(drawn(closed_by))


def test_a_long_cycle_is_opened_once() -> None:
    ring = [Relation("broader", f"{i:05}", f"{(i + 1) % 10_000:05}") for i in range(10_000)]
    assert closing_edges(ring) == [Relation("broader", "09999", "00000")]


@pytest.mark.parametrize(
    ("type", "meant"),
    [
        *((type, "broader") for type in ("BRODER", "broader", "Broader", "rbOADER", "BROADER_", "BRAODER", "BROADERS")),
        ("valueOf", "value_of"),
        ("RELATED_TO", "related"),
        ("REPLACED", "replaced_by"),
        ("EXCLUDED", "excludes"),
        *((type, None) for type in ("NARROWER", "INCLUDES", "CREATED", "SOLD_WITH", "TAGGED", "HAS_VALUE", "鞋", "_")),
    ],
)
def test_the_nearest_relation_type(type: str, meant: str | None) -> None:
    assert near_relation(type) == meant


_nasty = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20) | st.lists(
    st.sampled_from(["\\", "u0027", "'", '"', "\n", "\0", "u", "\\u0027", "`", "//", "/*", ";", "--", "鞋", "\u2028"])
).map("".join)


@settings(max_examples=60, suppress_health_check=[*HealthCheck])
@given(texts=st.lists(_nasty, min_size=20, max_size=20))
@example(texts=["\\u0027 DETACH DELETE", "\\\\u0027", "\\\\\\u0027}) //", "\\", "\\'", "u0027"])
def test_a_literal_reads_back_as_its_text(texts: list[str], neo4j_driver: neo4j.Driver) -> None:
    read = neo4j_driver.execute_query(f"RETURN {cypher_literal(texts)} AS texts").records[0]["texts"]
    assert read == texts
    with closing(sqlite3.connect(":memory:")) as db:
        assert [db.execute(f"SELECT {sql_literal(text)}").fetchone()[0] for text in texts] == texts


def test_problems_are_equal_whatever_their_subject() -> None:
    plain = Problem("no_label", ("a",), "a has none")
    carrying = replace(plain, subject=concept("a"))
    assert plain == carrying and hash(plain) == hash(carrying)
