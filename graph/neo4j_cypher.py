"""Every statement that kgtag sends to Neo4j: constants with parameters.

Bulk reads collect their rows into lists of some thousands per record, which the driver unpacks far faster than as
many records; those are put in order afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from graph.model import RELATION_TYPES, SYMMETRIC, RelationType

PING = "RETURN 1"

APPLIED = """
MATCH (m:Migration) WHERE m.name <> 'lock'
RETURN m.name AS name, m.checksum AS checksum, m.appliedAt AS at ORDER BY name
"""
MIGRATION_LOCK_CONSTRAINT = """
CREATE CONSTRAINT migration_name IF NOT EXISTS FOR (m:Migration) REQUIRE m.name IS UNIQUE
"""
LOCK_MIGRATIONS = "MERGE (m:Migration {name: 'lock'}) SET m.held = true"
RECORD_MIGRATION = "CREATE (m:Migration {name: $name, checksum: $checksum, appliedAt: $at})"
RESTORE_META = """
OPTIONAL MATCH (s:ChangeSet) WITH coalesce(max(s.version), 0) AS version
MERGE (m:Meta {id: 'kgtag'}) ON CREATE SET m.version = version
"""
AWAIT_INDEXES = "CALL db.awaitIndexes(60)"

VERSION = "MATCH (m:Meta {id: 'kgtag'}) RETURN m.version AS version"
LOCK = "MATCH (m:Meta {id: 'kgtag'}) SET m.held = true WITH m RETURN m.version AS version"

CONCEPTS = """
MATCH (c:Concept)
WITH collect([
    CASE WHEN c.id IS :: STRING NOT NULL THEN c.id ELSE $lost + elementId(c) END,
    labels(c), c.scheme, c.name, c.nameOf, c.prefLabel, c.altLabel, c.hiddenLabel, c.definition, c.notation,
    c.status, c.choice
]) AS rows
UNWIND range(0, size(rows) - 1, $size) AS i
RETURN rows[i..i + $size] AS rows ORDER BY i
"""
RELATIONS = """
MATCH (a:Concept)-[r]->(b:Concept)
WITH collect([
    type(r),
    CASE WHEN a.id IS :: STRING NOT NULL THEN a.id ELSE $lost + elementId(a) END,
    CASE WHEN b.id IS :: STRING NOT NULL THEN b.id ELSE $lost + elementId(b) END,
    r.primary
]) AS rows
UNWIND range(0, size(rows) - 1, $size) AS i
RETURN rows[i..i + $size] AS rows ORDER BY i
"""

UNKNOWN = """
UNWIND $ids AS id WITH id WHERE NOT EXISTS { MATCH (c:Concept {id: id}) }
RETURN id ORDER BY id LIMIT 1
"""
DELETE_CONCEPTS = "UNWIND $rows AS id MATCH (c:Concept {id: id}) DETACH DELETE c"
PUT_CONCEPTS = """
UNWIND $rows AS row
MERGE (c:Concept {id: row.id})
SET c += row.properties
REMOVE c:Category:Attribute:Value
SET c:$(row.label)
"""
DELETE_RELATIONS = """
UNWIND $rows AS row
MATCH (a:Concept {id: row.source})-[r]-(b:Concept {id: row.target})
WHERE type(r) = row.type AND (row.symmetric OR startNode(r) = a)
DELETE r
"""
PUT_RELATIONS: Mapping[RelationType, LiteralString] = {
    type: """
UNWIND $rows AS row
MATCH (a:Concept {id: row.source}) MATCH (b:Concept {id: row.target})
MERGE (a)-[r:TYPE]->(b) SET r.primary = row.primary
""".replace("TYPE", type.upper()).replace("->", "-" if type in SYMMETRIC else "->")
    for type in RELATION_TYPES
}
"""One constant per relation, undirected where it is symmetric: MERGE with a dynamic type is twenty times slower."""

PUT_ITEMS = """
UNWIND $rows AS row
MERGE (i:Item {id: row.id}) SET i += row.properties
WITH i OPTIONAL MATCH (i)-[t:TAGGED]->() DELETE t
"""
TAG_ITEMS = """
UNWIND $rows AS row
MATCH (i:Item {id: row.id})
UNWIND row.tags AS tag
MATCH (c:Concept {id: tag.concept})
CREATE (i)-[t:TAGGED]->(c) SET t = tag.properties
"""
ITEMS = """
MATCH (i:Item) WHERE i.id > $after
WITH i ORDER BY i.id LIMIT $limit
OPTIONAL MATCH (i)-[t:TAGGED]->(c:Concept) WHERE c.id IS :: STRING NOT NULL
WITH i, t, c ORDER BY i.id, t.position, c.id
WITH i, collect(CASE WHEN c IS NULL THEN NULL ELSE [c.id, properties(t)] END) AS tags
RETURN i.id AS id, i.title AS title, i.lang AS lang, i.model AS model, i.revision AS revision, tags ORDER BY id
"""
ITEM = """
MATCH (i:Item {id: $id})
WITH i LIMIT 1
OPTIONAL MATCH (i)-[t:TAGGED]->(c:Concept) WHERE c.id IS :: STRING NOT NULL
WITH i, t, c ORDER BY i.id, t.position, c.id
WITH i, collect(CASE WHEN c IS NULL THEN NULL ELSE [c.id, properties(t)] END) AS tags
RETURN i.id AS id, i.title AS title, i.lang AS lang, i.model AS model, i.revision AS revision, tags ORDER BY id
"""
ITEMS_OF = """
MATCH (c:Concept {id: $concept})<-[t:TAGGED]-(i:Item)
WHERE coalesce(t.status, 'accepted') = 'accepted' AND i.id IS :: STRING NOT NULL
RETURN DISTINCT i.id AS id ORDER BY id LIMIT $limit
"""

PUT_KEY = "MERGE (k:ApiKey {id: $id}) SET k = $properties"
DELETE_KEY = "MATCH (k:ApiKey {id: $id}) DETACH DELETE k RETURN count(*) AS n"
KEYS = """
MATCH (k:ApiKey)
RETURN k.id AS id, k.name AS name, k.sha256 AS sha256, k.scopes AS scopes, k.created AS created ORDER BY id
"""
