"""Retag in Neo4j: statements and conversion of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graph.editing.retag import by_item, changed
from graph.model import Retag
from graph.neo4j.rows import Row, steps_properties, tag_of

CONCERNED = """
MATCH (:Concept {id: $source})<-[:TAGGED]-(i:Item)
WITH DISTINCT i
MATCH (i)-[t:TAGGED]->(c:Concept) WHERE c.id IN [$source, $target]
WITH elementId(i) AS item, elementId(t) AS tag, c.id AS concept, properties(t) AS properties, t.position AS position
RETURN item, tag, concept, properties ORDER BY item, position, concept
"""
MOVE = """
UNWIND $rows AS row
MATCH (c:Concept {id: row.concept})
MATCH (i)-[old:TAGGED]->() WHERE elementId(i) = row.item AND elementId(old) = row.tag
CREATE (i)-[t:TAGGED]->(c) SET t = properties(old), t += row.properties
DELETE old
"""
"""A relationship can't change its end, so another one replaces it, unless the item has been tagged anew meanwhile."""


def moves(rows: Iterable[Sequence[Any]], wanted: Retag, *, version: int) -> Iterator[Row]:
    """Rows for MOVE from rows (item, tag, concept, properties) of CONCERNED."""
    keyed = ((item, (item, tag), tag_of(concept, properties)) for item, tag, concept, properties in rows)
    for tags in by_item(keyed):
        for (item, old), tag in changed(tags, wanted, version=version):
            properties = {"status": tag.status, **steps_properties(tag.retagged_from)}
            yield {"item": item, "tag": old, "concept": tag.concept, "properties": properties}
