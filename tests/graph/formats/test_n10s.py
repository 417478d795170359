"""The graph in a real Neo4j has the shape that neosemantics reads.

The plugin itself isn't on Maven Central, so its rules are written down here, as its documentation and its exporter
have them: a node's IRI is its property `uri`; labels, properties and relationship types are named by their mapping and
left out without one (`mappedElemsOnly`); an array gives a literal an entry, and `text@lang` one with a language.
"""

from __future__ import annotations

import re
from pathlib import Path

import neo4j
from hypothesis import HealthCheck, given, settings

from graph.columns.assemble import TaxonomyData
from graph.formats import rdf, rdf_writing, skos
from graph.formats.rdf import DCT, KGTAG, SKOS, TYPE, Text, Triple
from graph.formats.skos import MAPPINGS
from graph.model import Concept, Relation
from graph.neo4j.store import Neo4jStore
from graph.taxonomy import Taxonomy
from tests.conftest import wipe
from tests.strategies import filling, taxonomies

SHOP = TaxonomyData.of(
    0,
    (
        Concept("color", "s", "attribute", {"en": "Color"}, choice="single"),
        Concept("http://example.org/shoe", "s", "category", {"en": "Shoes", "zh": "鞋"}, {"en": ("a@b", "footwear")}),
        Concept('it\'s "näher" \\u0041', "s", "category", {"de": "Stiefel"}, notation="7", definition={"en": "High."}),
        Concept("navy blue", "s", "value", {"en": "Navy"}, {}, {"en": ("nvay",)}, status="deprecated"),
    ),
    (
        Relation("applies_to", "color", "http://example.org/shoe"),
        Relation("broader", 'it\'s "näher" \\u0041', "http://example.org/shoe", primary=True),
        Relation("related", "color", "http://example.org/shoe"),
        Relation("value_of", "navy blue", "color"),
    ),
)


def _named(driver: neo4j.Driver, data: TaxonomyData, folder: Path) -> None:
    """Run the script's part that needs no plugin."""
    skos.write_n10s(Taxonomy.of(data), folder / "n10s.cypher")
    for statement in (folder / "n10s.cypher").read_text().split(";\n"):
        if statement and "n10s." not in statement:
            driver.execute_query(statement, database_="neo4j")


def _as_n10s_reads(driver: neo4j.Driver) -> list[Triple]:
    nodes = driver.execute_query(
        "MATCH (c:Concept) RETURN c.uri AS uri, labels(c) AS labels, properties(c) AS properties", database_="neo4j"
    ).records
    edges = driver.execute_query(
        "MATCH (a:Concept)-[r]->(b:Concept) RETURN a.uri, type(r), b.uri", database_="neo4j"
    ).records
    found: list[Triple] = []
    for node in nodes:
        assert "Resource" in node["labels"]
        found += [(node["uri"], TYPE, MAPPINGS[label]) for label in node["labels"] if label in MAPPINGS]
        for key, value in node["properties"].items():
            if key in MAPPINGS:
                values = value if isinstance(value, list) else [value]
                found += [(node["uri"], MAPPINGS[key], _literal(text)) for text in values]
    return found + [(a, MAPPINGS[type], b) for a, type, b in edges if type in MAPPINGS]


def _literal(value: str) -> Text:
    match = re.fullmatch(r"(.*)@([a-z,\-]+)", value)
    return Text(match[1], match[2]) if match else Text(value)


def test_n10s_gives_the_taxonomy_as_skos(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver, tmp_path: Path) -> None:
    neo4j_store.apply(filling(SHOP))
    _named(neo4j_driver, SHOP, tmp_path)
    triples = _as_n10s_reads(neo4j_driver)
    shoe, navy = "http://example.org/shoe", "urn:kgtag:concept:navy%20blue"
    assert (shoe, SKOS + "prefLabel", Text("鞋", "zh")) in triples
    assert (shoe, SKOS + "altLabel", Text("a@b", "en")) in triples
    assert (navy, KGTAG + "valueOf", "urn:kgtag:concept:color") in triples
    assert (navy, TYPE, KGTAG + "Value") in triples
    assert not any("name" in p for _, p, _ in triples)

    rdf_writing.save(tmp_path / "from-n10s.ttl", triples, prefixes={"skos": SKOS, "kgtag": KGTAG, "dct": DCT})
    again = skos.read([tmp_path / "from-n10s.ttl"])
    assert Taxonomy.of(TaxonomyData.of(0, again.concepts, again.relations)).concepts == SHOP.concepts
    assert again.relations == SHOP.relations


def test_the_store_reads_on_as_before(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver, tmp_path: Path) -> None:
    neo4j_store.apply(filling(SHOP))
    before = neo4j_store.read()
    _named(neo4j_driver, SHOP, tmp_path)
    _named(neo4j_driver, SHOP, tmp_path)
    after = neo4j_store.read()
    assert (after.concepts, after.relations) == (before.concepts, before.relations)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=taxonomies(max_size=3))
def test_every_concept_gets_the_address_that_skos_export_gives_it(
    data: TaxonomyData, neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver, tmp_path: Path
) -> None:
    wipe(neo4j_driver)
    neo4j_store.migrate()
    neo4j_store.apply(filling(data))
    _named(neo4j_driver, data, tmp_path)
    skos.write(Taxonomy.of(data), tmp_path / "t.ttl")
    exported = {s for s, p, o in rdf.load(tmp_path / "t.ttl") if (p, o) == (TYPE, SKOS + "Concept")}
    read = {s for s, p, o in _as_n10s_reads(neo4j_driver) if (p, o) == (TYPE, SKOS + "Concept")}
    assert read == exported


def test_the_script_maps_all_that_kgtag_writes(tmp_path: Path) -> None:
    skos.write_n10s(Taxonomy.of(SHOP), tmp_path / "n10s.cypher")
    script = (tmp_path / "n10s.cypher").read_text()
    assert 'CALL n10s.nsprefixes.add("skos", "http://www.w3.org/2004/02/skos/core#");' in script
    assert 'CALL n10s.mapping.add("http://www.w3.org/2004/02/skos/core#broader", "BROADER");' in script
    assert len(set(MAPPINGS.values())) == len(MAPPINGS), "n10s keeps one name for each address"
