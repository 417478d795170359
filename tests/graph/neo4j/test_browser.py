"""The saved queries for Neo4j Browser, each run on a real server with the parameters its own comment sets."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import neo4j
import pytest

from graph.errors import InputError
from graph.model import ItemTag, TaggedItem
from graph.neo4j import browser
from graph.neo4j.browser import Query
from graph.neo4j.store import Neo4jStore
from graph.taxonomy import Taxonomy
from tests.api import shop

LOOKING = [query for query in browser.queries() if not query.folder.startswith("6")]
EDITING = [query for query in browser.queries() if query.folder.startswith("6")]


@pytest.fixture
def filled(neo4j_store: Neo4jStore) -> Neo4jStore:
    shop.fill(neo4j_store)
    tags = tuple(ItemTag(id, 0.75, "exact") for id in ("sneakers", "red", "crimson"))
    neo4j_store.put_items([TaggedItem("item-1", "Red sneakers", "en", "m", "r", tags)])
    return neo4j_store


def run(driver: neo4j.Driver, query: Query) -> list[neo4j.Record]:
    given = {}
    if query.parameters:
        said = query.parameters.partition(" ")[2]
        name, arrow, value = said.partition(" => ")
        literal = f"{{{name}: {value}}}" if arrow else said
        given = driver.execute_query(f"RETURN {literal} AS given").records[0]["given"]
    return driver.execute_query(query.text, given).records


def names(records: list[neo4j.Record]) -> str:
    """All that came back, as text to search."""

    def plain(value: object) -> object:
        if isinstance(value, neo4j.graph.Path):
            return [dict(node) for node in value.nodes]
        if isinstance(value, (neo4j.graph.Node, neo4j.graph.Relationship)):
            return dict(value)
        return [plain(one) for one in value] if isinstance(value, list) else value

    return json.dumps([[plain(value) for value in record.values()] for record in records], ensure_ascii=False)


EXPECTED = {
    "Find a concept by label": "running",
    "Neighbourhood of a concept": "http://shop.test/boots",
    "Paths to the top": "shoes",
    "Narrower concepts": "running",
    "The attributes of a category": "material",
    "The values of an attribute": "crimson",
    "Top concepts": "shoes",
    "Counts": "Attribute",
    "Duplicates among siblings": "boots-2",
    "Duplicates in a scheme": "boots-2",
    "Orphans": "lonely",
    "Missing translations": "lonely",
    "Attributes with too few values": "material",
    "Deprecated without a successor": "old",
    "Recent changes": "fill",
    "Changes of one concept": "fill",
    "Open proposals": "Rename it",
    "Candidates": "maybe",
    "Item coverage": "sneakers",
    "Concepts without items": "sandals",
    "Items of a concept": "Red sneakers",
    "Doubtful tags": "Red sneakers",
    "Concepts without a sound id": "Lost",
    "Nodes without the label Concept": "Unseen",
    "Concepts without a kind or with several": "kindless",
    "Concepts without a label": "mute",
    "Concepts of an unknown status": "retired",
    "Values without exactly one attribute": "homeless",
    "Cycles": "round",
    "Relations between the wrong kinds": "colour",
    "Broader across schemes or attributes": "foreign",
    "Relations of unknown types": "sandals",
}
ODD = """
CREATE (:Concept:Category {id: 'lonely', name: 'Lonely', scheme: 'shop', prefLabel: ['Lonely@en']}),
  (:Concept:Category {id: 'old', name: 'Old', scheme: 'shop', status: 'deprecated'}),
  (:Concept:Category {id: 'maybe', name: 'Maybe', scheme: 'shop', status: 'candidate'}),
  (:Concept:Category {name: 'Lost', scheme: 'shop'}), (:Category {id: 'unseen', name: 'Unseen'}),
  (:Concept {id: 'kindless', name: 'Kindless'}), (:Concept:Category {id: 'mute'}),
  (:Concept:Category {id: 'retired', name: 'Retired', status: 'gone'}),
  (:Concept:Value {id: 'homeless', name: 'Homeless', scheme: 'shop'}),
  (:Proposal {id: 'p', title: 'Rename it', status: 'open', created: '2026-01-01'})
WITH 1 AS one
MATCH (shoes {id: 'shoes'}), (sandals {id: 'sandals'}), (colour {id: 'colour'}), (red {id: 'red'}), (p:Proposal)
CREATE (:Concept:Category {id: 'boots-2', name: 'Boots', scheme: 'shop', prefLabel: ['boots@en']})-[:BROADER]->(shoes),
  (a:Concept:Category {id: 'round', name: 'Round'})-[:BROADER]->(:Concept:Category {id: 'and'})-[:BROADER]->(a),
  (:Concept:Category {id: 'foreign', name: 'Foreign', scheme: 'far'})-[:BROADER]->(shoes),
  (colour)-[:VALUE_OF]->(red), (sandals)-[:BRODER]->(shoes), (p)-[:ABOUT]->(sandals)
"""


def test_every_query_has_a_title_and_a_comment() -> None:
    found = browser.queries()
    assert len({query.title for query in found}) == len(found) > 40
    for query in found:
        assert query.title and query.comment and not query.statement.startswith("//"), query
        assert ("$" in query.statement) == (query.parameters is not None), query.title
        assert query.statement.count(";") == 1 and query.statement.endswith(";")


def test_what_the_queries_find(filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    neo4j_driver.execute_query(ODD)
    neo4j_driver.execute_query("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
    before = filled.token()
    found = {query.title: names(run(neo4j_driver, query)) for query in LOOKING}
    missed = {title: rows for title, rows in found.items() if EXPECTED.get(title, "running") not in rows}
    assert missed == {}
    assert filled.token() == before, "looking changed something"


def test_a_sound_taxonomy_has_nothing_in_quarantine(filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    for query in LOOKING:
        if query.folder.startswith("5"):
            assert run(neo4j_driver, query) == [], query.title


@pytest.mark.parametrize("query", EDITING, ids=lambda query: query.title)
def test_an_edit_leaves_a_sound_snapshot(query: Query, filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    before = Taxonomy.of(filled.read())
    done = run(neo4j_driver, query)
    after = Taxonomy.of(filled.read())
    assert done and after.problems == ()
    if query.title != "Bring a deprecated concept back":
        assert after.revision != before.revision
    if "Create" not in query.title:
        run(neo4j_driver, query)
        assert Taxonomy.of(filled.read()).problems == (), "the second time"


def edited(store: Neo4jStore, driver: neo4j.Driver, title: str) -> Taxonomy:
    run(driver, next(query for query in EDITING if query.title == title))
    return Taxonomy.of(store.read())


def test_what_the_edits_do(filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    taxonomy = edited(filled, neo4j_driver, "Rename in one language")
    assert taxonomy["running"].pref_label == {"en": "Trail shoes", "zh": "跑鞋"}
    taxonomy = edited(filled, neo4j_driver, "Create a value under an attribute")
    assert taxonomy.attribute_of("teal") == "colour" and taxonomy["teal"].pref_label == {"en": "Teal"}
    assert edited(filled, neo4j_driver, "Create a category").path("clogs") == ["shoes", "clogs"]
    assert edited(filled, neo4j_driver, "Add a synonym")["sneakers"].alt_label == {"en": ("trainers", "kicks")}
    taxonomy = edited(filled, neo4j_driver, "Move below another concept")
    assert taxonomy.path("sandals") == ["shoes", "sneakers", "sandals"]
    taxonomy = edited(filled, neo4j_driver, "Add a second broader concept")
    assert taxonomy.path("running") == ["shoes", "sneakers", "running"] and "sandals" in taxonomy.ancestors("running")
    taxonomy = edited(filled, neo4j_driver, "Deprecate with a successor")
    assert taxonomy["sandals"].status == "deprecated" and taxonomy.resolve("sandals") == "shoes"
    taxonomy = edited(filled, neo4j_driver, "Bring a deprecated concept back")
    assert taxonomy["sandals"].status == "active" and taxonomy.resolve("sandals") == "sandals"
    assert "leather" not in edited(filled, neo4j_driver, "Delete a concept that nothing uses")


def test_a_merge_takes_everything_along(filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    neo4j_driver.execute_query(
        "MATCH (c {id: 'crimson'}) CREATE (:Item {id: 'i2'})-[:TAGGED {probability: 0.5}]->(c) "
        "CREATE (:Concept:Value {id: 'ruby', name: 'Ruby', scheme: 'shop'})-[:BROADER]->(c) "
        "WITH c MATCH (a {id: 'colour'}), (r {id: 'ruby'}) CREATE (r)-[:VALUE_OF]->(a)"
    )
    taxonomy = edited(filled, neo4j_driver, "Merge one concept into another")
    assert taxonomy.problems == ()
    assert taxonomy["crimson"].status == "deprecated" and taxonomy.resolve("crimson") == "red"
    assert {"Crimson", "绯红"} <= {text for text, _, _ in taxonomy["red"].labels()}
    assert taxonomy.ancestors("ruby") == ["red"]
    assert filled.items_of("red") == ["i2", "item-1"] and filled.items_of("crimson") == []


def test_a_move_below_itself_does_nothing(filled: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    move = next(query for query in EDITING if query.title == "Move below another concept")
    assert neo4j_driver.execute_query(move.text, {"id": "shoes", "broader": "running"}).records == []
    assert Taxonomy.of(filled.read()).problems == ()


def test_the_files(tmp_path: Path) -> None:
    written = {path.name: path.read_bytes() for path in browser.write(tmp_path / "new")}
    assert written == {path.name: path.read_bytes() for path in browser.write(tmp_path / "again")}
    with zipfile.ZipFile(io.BytesIO(written[browser.ARCHIVE])) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
        assert all(re.fullmatch(r"kgtag \d \w+/\d\d \w+\.cypher", name) for name in archive.namelist())
    assert texts == [query.text for query in browser.queries()]
    guide = written[browser.GUIDE].decode()
    assert guide.count("<slide") == 7 and all(query.title in guide for query in browser.queries())
    style = written[browser.STYLE].decode()
    assert style.count("{") == style.count("}") and "//" not in style
    with pytest.raises(InputError, match="can't write"):
        browser.write(tmp_path / "new" / browser.STYLE)
