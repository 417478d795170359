"""Statements for Neo4j: constants with parameters.

Bulk reads collect one property of all concepts into lists of many thousands per record: the server reads one property
of every concept far faster than every property of one, and the driver unpacks few lists far faster than many records.
`id()` joins the columns; newer dialects of Cypher deprecate it, hence the prefix, but element ids take ten times as
long.
"""

from collections.abc import Mapping
from typing import LiteralString

from graph.model import KINDS, RELATION_TYPES, SYMMETRIC, Kind, RelationType

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
INDEXES_NOT_READY = "SHOW INDEXES YIELD name, state WHERE state <> 'ONLINE' RETURN name, state"

VERSION = "MATCH (m:Meta {id: 'kgtag'}) RETURN m.version AS version"
LOCK = "MATCH (m:Meta {id: 'kgtag'}) SET m.held = true WITH m RETURN m.version AS version"

_COLUMN = """
MATCHED
WITH collect(id(c)) AS nodes, collect(VALUE) AS found
UNWIND range(0, size(nodes) - 1, $size) AS i
RETURN 'WHAT' AS what, nodes[i..i + $size] AS nodes, found[i..i + $size] AS found ORDER BY i
"""


def _columns(*columns: tuple[LiteralString, LiteralString, LiteralString]) -> LiteralString:
    """One statement for several (what, matched, value), with their rows one after the other."""
    parts: list[LiteralString] = [
        _COLUMN.replace("WHAT", what).replace("MATCHED", matched).replace("VALUE", value)
        for what, matched, value in columns
    ]
    return "CYPHER 5" + "UNION ALL".join(parts)


CONCEPTS = _columns(
    ("id", "MATCH (c:Concept) WHERE c.id IS :: STRING NOT NULL", "c.id"),
    ("category", "MATCH (c:Category)", "true"),
    ("attribute", "MATCH (c:Attribute)", "true"),
    ("value", "MATCH (c:Value)", "true"),
    ("scheme", "MATCH (c:Concept) WHERE c.scheme IS NOT NULL", "c.scheme"),
    ("notation", "MATCH (c:Concept) WHERE c.notation IS NOT NULL", "c.notation"),
    ("status", "MATCH (c:Concept) WHERE c.status <> 'active'", "c.status"),
    ("choice", "MATCH (c:Concept) WHERE c.choice <> 'multiple'", "c.choice"),
)
CONCEPT_COUNT = "MATCH (c:Concept) RETURN count(c) AS n"
LOST = _columns(("lost", "MATCH (c:Concept) WHERE c.id IS NULL OR c.id IS NOT :: STRING", "elementId(c)"))
"""Both conditions are needed: for the second alone the planner takes an index without the nulls."""
TEXTS = _columns(
    ("prefLabel", "MATCH (c:Concept)", "coalesce(c.prefLabel, [])"),
    ("altLabel", "MATCH (c:Concept) WITH c, c.altLabel AS texts WHERE texts IS NOT NULL", "texts"),
    ("hiddenLabel", "MATCH (c:Concept) WITH c, c.hiddenLabel AS texts WHERE texts IS NOT NULL", "texts"),
    ("definition", "MATCH (c:Concept) WITH c, c.definition AS texts WHERE texts IS NOT NULL", "texts"),
    (
        "renamed",
        "MATCH (c:Concept) WITH c, c.name AS name, c.nameOf AS nameOf "
        "WHERE CASE WHEN name IS :: STRING NOT NULL THEN nameOf <> name + '@en' ELSE false END",
        "[name, nameOf]",
    ),
)
"""Texts, and captions that may differ from the label `nameOf`."""
UNLABELLED = _columns(
    ("name", "MATCH (c:Concept) WHERE c.name IS NOT NULL AND (c.prefLabel IS NULL OR c.prefLabel = [])", "c.name")
)
_RELATION = """
MATCH (a)-[r:TYPE]->(b)
WITH collect(id(a)) AS sources, collect(id(b)) AS targets, collect(coalesce(r.primary = true, false)) AS primary
UNWIND range(0, size(sources) - 1, $size) AS i
RETURN 'TYPE' AS type, sources[i..i + $size] AS sources, targets[i..i + $size] AS targets,
    primary[i..i + $size] AS primary ORDER BY i
"""
RELATIONS: LiteralString = "CYPHER 5" + "UNION ALL".join(
    [_RELATION.replace("TYPE", type.upper()) for type in RELATION_TYPES]
)
TYPES = "CALL db.relationshipTypes() YIELD relationshipType AS type RETURN type ORDER BY type"
FOREIGN = """
MATCH (a:Concept)-[r]->(b:Concept)
WHERE type(r) IN $types AND a.id IS :: STRING NOT NULL AND b.id IS :: STRING NOT NULL
RETURN type(r) AS type, a.id AS source, b.id AS target ORDER BY type, source, target LIMIT $limit
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
KNOWN = "UNWIND $ids AS id MATCH (c:Concept {id: id}) RETURN c.id AS id ORDER BY id"
CREATE_CONCEPTS: Mapping[Kind, LiteralString] = {
    kind: "UNWIND $rows AS row CREATE (c:Concept:KIND) SET c = row".replace("KIND", kind.capitalize()) for kind in KINDS
}
"""For new concepts: half the work of PUT_CONCEPTS."""
DELETE_RELATIONS = """
UNWIND $rows AS row
MATCH (a:Concept {id: row.source})-[r]-(b:Concept {id: row.target})
WHERE type(r) = row.type AND (row.symmetric OR startNode(r) = a)
DELETE r
"""
PUT_RELATIONS: Mapping[RelationType, LiteralString] = {
    type: """
UNWIND $rows AS row
MATCH (a:Concept {id: row[0]}) MATCH (b:Concept {id: row[1]})
MERGE (a)-[r:TYPE]->(b) SET r.primary = row[2]
""".replace("TYPE", type.upper()).replace("->", "-" if type in SYMMETRIC else "->")
    for type in RELATION_TYPES
}
"""One constant per relation, undirected where it is symmetric: MERGE with a dynamic type is twenty times slower."""
CREATE_RELATIONS: Mapping[RelationType, LiteralString] = {
    type: """
UNWIND $rows AS row
MATCH (a:Concept {id: row[0]}) MATCH (b:Concept {id: row[1]})
CREATE (a)-[:TYPE {primary: row[2]}]->(b)
""".replace("TYPE", type.upper())
    for type in RELATION_TYPES
}
"""For relations with a new concept, which can't exist yet."""

PUT_ITEMS = """
UNWIND $rows AS row
MERGE (i:Item {id: row.id}) ON CREATE SET i.at = $at SET i += row.properties, i.at = coalesce(row.at, i.at)
WITH i OPTIONAL MATCH (i)-[t:TAGGED]->() DELETE t
"""
TAG_ITEMS = """
UNWIND $rows AS row
MATCH (i:Item {id: row.id})
UNWIND row.tags AS tag
MATCH (c:Concept {id: tag.concept})
CREATE (i)-[t:TAGGED]->(c) SET t = tag.properties
"""
_ITEM_ROW = """
OPTIONAL MATCH (i)-[t:TAGGED]->(c:Concept) WHERE c.id IS :: STRING NOT NULL
WITH i, t, c ORDER BY i.id, t.position, c.id
WITH i, collect(CASE WHEN c IS NULL THEN NULL ELSE [c.id, properties(t)] END) AS tags
RETURN i.id AS id, i.title AS title, i.lang AS lang, i.model AS model, i.revision AS revision, tags,
    i.at AS at, i.nil AS nil ORDER BY id
"""
ITEMS = "MATCH (i:Item) WHERE i.id > $after WITH i ORDER BY i.id LIMIT $limit" + _ITEM_ROW
ITEM = "MATCH (i:Item {id: $id}) WITH i LIMIT 1" + _ITEM_ROW
ITEMS_OF = """
MATCH (c:Concept {id: $concept})<-[t:TAGGED]-(i:Item)
WHERE coalesce(t.status, 'accepted') = 'accepted' AND i.id IS :: STRING NOT NULL AND i.id > $after
RETURN DISTINCT i.id AS id ORDER BY id LIMIT $limit
"""
STORED = "MATCH (i:Item) WHERE i.id IN $ids RETURN DISTINCT i.id AS id ORDER BY id"
TAGGED_WITH = """
MATCH (c:Concept)<-[:TAGGED]-(i:Item) WHERE c.id IN $ids AND i.id IS :: STRING NOT NULL
RETURN DISTINCT i.id AS id ORDER BY id
"""
DELETE_FEEDBACK = "MATCH (f:Feedback) WHERE f.item IN $ids DETACH DELETE f"
DELETE_ITEMS = "MATCH (i:Item) WHERE i.id IN $ids DETACH DELETE i"
NOTE_ITEMS = """
MERGE (n:Counter {id: 'items'}) ON CREATE SET n.value = 0
SET n.value = n.value + size($ids)
WITH n.value - size($ids) AS before
UNWIND range(0, size($ids) - 1) AS at
MERGE (c:ItemChange {item: $ids[at]}) SET c.seq = before + at + 1, c.change = $change, c.at = $at
"""
"""The counter is locked as long as the transaction: numbers become visible in their order."""
ITEM_SEQ = "MATCH (n:Counter {id: 'items'}) RETURN n.value AS value"
ITEM_CHANGES = """
MATCH (c:ItemChange) WHERE c.seq > $after
RETURN c.item AS item, c.seq AS seq, c.change AS change, c.at AS at ORDER BY seq LIMIT $limit
"""
OLD_ITEMS = """
MATCH (m:Migration) WHERE m.name STARTS WITH 'V0006' WITH m.appliedAt AS noted
MATCH (i:Item) WHERE i.id IS :: STRING NOT NULL
OPTIONAL MATCH (c:ItemChange {item: i.id})
WITH i.id AS id, coalesce(c.at, noted) AS at WHERE at < $before
RETURN DISTINCT id ORDER BY id LIMIT $limit
"""
LOCK_STATE = "MERGE (s:State {key: $key}) SET s.held = true RETURN s.value AS value"
PUT_STATE = "MATCH (s:State {key: $key}) SET s = $properties"
DELETE_STATE = "MATCH (s:State {key: $key}) DETACH DELETE s"
STATES = """
MATCH (s:State {kind: $kind}) WHERE s.value IS NOT NULL RETURN s.id AS id, s.value AS value ORDER BY id
"""
PUT_EVENTS = "UNWIND $rows AS row CREATE (e:Event) SET e = row"
EVENTS = """
MATCH (e:Event {profile: $profile}) RETURN properties(e) AS event ORDER BY e.at DESC, e.id DESC LIMIT $limit
"""
DELETE_EVENTS = """
MATCH (e:Event) WHERE coalesce($profile, $before) IS NOT NULL
    AND ($profile IS NULL OR e.profile = $profile) AND ($before IS NULL OR e.at < $before)
DETACH DELETE e
RETURN count(*) AS n
"""
PUT_FEEDBACK = "CREATE (f:Feedback) SET f = $properties"
FEEDBACK = """
MATCH (f:Feedback) WHERE f.id > $after AND ($concept IS NULL OR f.concept = $concept)
RETURN properties(f) AS feedback ORDER BY f.id LIMIT $limit
"""
FEEDBACK_ON = "MATCH (f:Feedback) WHERE f.item IN $ids RETURN properties(f) AS feedback ORDER BY f.id"
TAKE_FEEDBACK = "MATCH (f:Feedback {id: $id}) WITH f, properties(f) AS feedback DETACH DELETE f RETURN feedback"
FEEDBACK_LEFT = """
MATCH (f:Feedback {item: $item, concept: $concept})
RETURN properties(f) AS feedback ORDER BY f.id DESC LIMIT 1
"""
DELETE_GIVEN = "MATCH (:Item {id: $item})-[t:TAGGED {method: 'given'}]->(:Concept {id: $concept}) DELETE t"
REVIEW = """
MATCH (i:Item {id: $item})-[t:TAGGED]->(:Concept {id: $concept})
SET t.status = $status
RETURN count(t) AS n
"""
ADD_TAG = """
MATCH (i:Item {id: $item}), (c:Concept {id: $concept})
WITH i, c LIMIT 1
OPTIONAL MATCH (i)-[t:TAGGED]->()
WITH i, c, coalesce(max(t.position), -1) + 1 AS position
CREATE (i)-[made:TAGGED]->(c) SET made = $properties, made.position = position
"""

CONCERNED = """
MATCH (:Concept {id: $source})<-[:TAGGED]-(i:Item)
WITH DISTINCT i
MATCH (i)-[t:TAGGED]->(c:Concept) WHERE c.id IN [$source, $target]
WITH elementId(i) AS item, elementId(t) AS tag, c.id AS concept, properties(t) AS properties, t.position AS position
RETURN item, tag, concept, properties ORDER BY item, position, concept
"""
MOVE_TAG = """
UNWIND $rows AS row
MATCH (c:Concept {id: row.concept})
MATCH (i)-[old:TAGGED]->() WHERE elementId(i) = row.item AND elementId(old) = row.tag
CREATE (i)-[t:TAGGED]->(c) SET t = properties(old), t += row.properties
DELETE old
"""
"""A relationship can't change its end, so another one replaces it, unless the item has been tagged anew meanwhile."""

RECORD_CHANGES = """
MATCH (m:Meta {id: 'kgtag'}) SET m.version = $version
CREATE (s:ChangeSet) SET s = $properties
"""
SIZES = """
MATCH (s:ChangeSet) WHERE s.version > $after
RETURN s.version AS version, coalesce(s.size, size(s.changes), 0) AS size ORDER BY version LIMIT $limit
"""
ENTRIES = """
MATCH (s:ChangeSet) WHERE s.version > $after AND s.version <= $end
RETURN s.version AS version, s.at AS at, s.author AS author, s.reason AS reason, s.origin AS origin,
    s.revision AS revision, s.payload AS payload, s.changes AS changes
ORDER BY version
"""
VERSIONS = """
MATCH (s:ChangeSet) WHERE s.version < $before
    AND ($concept IS NULL OR s.size IS NULL OR size(s.concepts) >= $listed OR $concept IN s.concepts)
RETURN s.version AS version, s.at AS at, s.author AS author, s.reason AS reason, s.origin AS origin,
    s.revision AS revision, s.summary AS summary, s.concepts AS concepts, s.size AS size, s.changes AS changes
ORDER BY version DESC LIMIT $limit
"""
RELEASE_TAKEN = """
MATCH (r:Release) WHERE r.name = $name OR r.version = $version
RETURN r.name AS name, r.version AS version ORDER BY version LIMIT 1
"""
PUT_RELEASE = "CREATE (r:Release) SET r = $properties"
RELEASES = """
MATCH (r:Release)
RETURN r.name AS name, r.version AS version, r.revision AS revision, r.at AS at, r.author AS author, r.notes AS notes
ORDER BY version
"""

LOCK_PROPOSAL = "MERGE (p:Proposal {id: $id}) ON CREATE SET p.fresh = true SET p.held = true"
"""The lock lasts as long as the transaction; PUT_PROPOSAL removes both properties."""
PUT_PROPOSAL = """
MATCH (p:Proposal {id: $id})
OPTIONAL MATCH (p)-[:COMMENT]->(old:Comment) DETACH DELETE old
WITH DISTINCT p
OPTIONAL MATCH (p)-[about:ABOUT]->() DELETE about
WITH DISTINCT p
SET p = $properties
FOREACH (row IN $comments | CREATE (p)-[:COMMENT]->(c:Comment) SET c = row)
WITH p UNWIND $properties.concepts AS concept
MATCH (c:Concept {id: concept})
CREATE (p)-[:ABOUT]->(c)
"""
PROPOSAL = """
MATCH (p:Proposal {id: $id}) WHERE p.fresh IS NULL
OPTIONAL MATCH (p)-[:COMMENT]->(c:Comment)
WITH p, c ORDER BY c.position, c.at
RETURN properties(p) AS proposal, collect(properties(c)) AS comments
"""
PROPOSALS = """
MATCH (p:Proposal) WHERE p.id IS :: INTEGER NOT NULL
    AND ($before IS NULL OR p.id < $before) AND ($status IS NULL OR p.status = $status)
    AND ($concept IS NULL OR $concept IN p.concepts)
WITH p ORDER BY p.id DESC LIMIT $limit
OPTIONAL MATCH (p)-[:COMMENT]->(c:Comment)
WITH p, c ORDER BY p.id DESC, c.position, c.at
WITH p, collect(properties(c)) AS comments
RETURN properties(p) AS proposal, comments ORDER BY p.id DESC
"""

PUT_KEY = "MERGE (k:ApiKey {id: $id}) SET k = $properties"
DELETE_KEY = "MATCH (k:ApiKey {id: $id}) DETACH DELETE k RETURN count(*) AS n"
KEYS = """
MATCH (k:ApiKey)
RETURN k.id AS id, k.name AS name, k.sha256 AS sha256, k.scopes AS scopes, k.created AS created,
    k.expires AS expires
ORDER BY id
"""
