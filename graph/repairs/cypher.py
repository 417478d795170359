"""Repairs for Neo4j: Cypher that an editor can paste into Neo4j Browser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph.model import KINDS, SYMMETRIC, Concept, Relation, UnknownEdge
from graph.neo4j.read import LOST
from graph.neo4j.rows import LABEL_OF, properties_of

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class CypherWriter:
    """A `graph.repairs.repairs.StatementWriter`."""

    def update(self, before: Concept, after: Concept) -> str:
        lines = [_match("c", before.id)]
        if before.kind != after.kind:
            lines.append(f"REMOVE c:{':'.join(LABEL_OF[kind] for kind in KINDS if kind != after.kind)}")
            lines.append(f"SET c:{LABEL_OF[after.kind]}")
        old, new = properties_of(before), properties_of(after)
        if before.id != after.id:
            old, new = {"id": before.id}, {"id": after.id}
        elif before.labels() != after.labels():
            kept = ("name", "nameOf", "prefLabel", "altLabel", "hiddenLabel")
            old, new = dict.fromkeys(kept, object()), {key: new[key] for key in kept}
        for key, value in new.items():
            if value != old[key]:
                lines.append(f"SET c.{key} = {literal(value)}")
        return "\n".join(lines) + ";"

    def separate(self, id: str) -> str:
        return (
            f"MATCH (c:Concept {{id: {literal(id)}}}) WITH c ORDER BY elementId(c) WITH collect(c) AS found\n"
            "UNWIND range(1, size(found) - 1) AS i WITH found[i] AS c\n"
            "SET c.id = c.id + ' (' + elementId(c) + ')';"
        )

    def delete(self, edges: Sequence[Relation | UnknownEdge]) -> str:
        if len(edges) == 1:
            return f"{_edge(edges[0])}\nDELETE r;"
        pairs = ",\n  ".join(f"[{literal(edge.source)}, {literal(edge.target)}]" for edge in edges)
        types = literal(sorted({_type(edge) for edge in edges}))
        return (
            f"UNWIND [\n  {pairs}\n] AS pair\n"
            "MATCH (a:Concept {id: pair[0]})-[r]->(b:Concept {id: pair[1]})\n"
            f"WHERE type(r) IN {types}\nDELETE r;"
        )

    def replace(self, edge: Relation | UnknownEdge, wanted: Relation) -> str:
        source, target = ("b", "a") if (edge.source, edge.target) != (wanted.source, wanted.target) else ("a", "b")
        return f"{_edge(edge)}\nMERGE ({source})-[:{wanted.type.upper()}]->({target})\nDELETE r;"

    def add_value(self, value: Concept, attribute: Concept) -> str:
        properties = {key: found for key, found in properties_of(attribute).items() if found is not None}
        created = ", ".join(f"a.{key} = {literal(found)}" for key, found in properties.items())
        return (
            f"{_match('v', value.id)}\n"
            f"MERGE (a:Concept {{id: {literal(attribute.id)}}})\n  ON CREATE SET a:Attribute, {created}\n"
            "MERGE (v)-[:VALUE_OF]->(a);"
        )


def literal(value: object) -> str:
    """A Cypher literal of a text, a list of texts or null.

    Cypher decodes `\\uXXXX` everywhere, even after an escaped backslash, so a text with a backslash before a "u" is
    written as two texts added up.
    """
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        parts = re.split(r"(?<=\\)(?=u)", value)
        return " + ".join(f"'{''.join(map(_character, part))}'" for part in parts)
    raise TypeError(f"cannot write {value!r} in Cypher")


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() or ord(character) > 0xFFFF else f"\\u{ord(character):04X}"


def _match(name: str, id: str) -> str:
    if id.startswith(LOST):
        return f"MATCH ({name}:Concept) WHERE elementId({name}) = {literal(id.removeprefix(LOST))}"
    return f"MATCH ({name}:Concept {{id: {literal(id)}}})"


def _edge(edge: Relation | UnknownEdge) -> str:
    """A pattern of a, b and the relationships r between them."""
    if edge.source == edge.target:
        return f"{_match('a', edge.source)}\nMATCH (a)-[r]->(a) WHERE type(r) = {literal(_type(edge))}"
    arrow = "-" if edge.type in SYMMETRIC else "->"
    condition = f"WHERE type(r) = {literal(_type(edge))}" if isinstance(edge, UnknownEdge) else ""
    named = "r" if condition else f"r:{_type(edge)}"
    return f"{_match('a', edge.source)}\n{_match('b', edge.target)}\nMATCH (a)-[{named}]{arrow}(b) {condition}".rstrip()


def _type(edge: Relation | UnknownEdge) -> str:
    return edge.type if isinstance(edge, UnknownEdge) else edge.type.upper()
