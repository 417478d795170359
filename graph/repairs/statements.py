"""Statements of repairs that an editor can paste: Cypher for Neo4j Browser, SQL for the `sqlite3` shell.

Ids and labels are escaped, whatever they contain. SQL works with or without foreign keys enforced, and several
statements stand in one transaction.
"""

import re
from collections.abc import Sequence

from graph.model import KINDS, SYMMETRIC, Concept, Relation, UnknownEdge
from graph.neo4j.read import LOST
from graph.neo4j.rows import LABEL_OF, properties_of
from graph.sqlite.rows import COLUMNS, row_of

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class CypherWriter:
    """Repairs of a store in Neo4j."""

    def update(self, before: Concept, after: Concept) -> str:
        """Write the fields that differ."""
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
        lines += [f"SET c.{key} = {cypher_literal(value)}" for key, value in new.items() if value != old[key]]
        return "\n".join(lines) + ";"

    def separate(self, id: str) -> str:
        """Give the second and further rows with this id other ids."""
        return (
            f"MATCH (c:Concept {{id: {cypher_literal(id)}}}) WITH c ORDER BY elementId(c) WITH collect(c) AS found\n"
            "UNWIND range(1, size(found) - 1) AS i WITH found[i] AS c\n"
            "SET c.id = c.id + ' (' + elementId(c) + ')';"
        )

    def delete(self, edges: Sequence[Relation | UnknownEdge]) -> str:
        if len(edges) == 1:
            return f"{_edge(edges[0])}\nDELETE r;"
        pairs = ",\n  ".join(f"[{cypher_literal(edge.source)}, {cypher_literal(edge.target)}]" for edge in edges)
        types = cypher_literal(sorted({_type(edge) for edge in edges}))
        return (
            f"UNWIND [\n  {pairs}\n] AS pair\n"
            "MATCH (a:Concept {id: pair[0]})-[r]->(b:Concept {id: pair[1]})\n"
            f"WHERE type(r) IN {types}\nDELETE r;"
        )

    def replace(self, edge: Relation | UnknownEdge, wanted: Relation) -> str:
        """Delete the edge and create the relation."""
        source, target = ("b", "a") if (edge.source, edge.target) != (wanted.source, wanted.target) else ("a", "b")
        return f"{_edge(edge)}\nMERGE ({source})-[:{wanted.type.upper()}]->({target})\nDELETE r;"

    def add_value(self, value: Concept, attribute: Concept) -> str:
        """Add the value to the attribute, which is created if its id is free."""
        properties = {key: found for key, found in properties_of(attribute).items() if found is not None}
        created = ", ".join(f"a.{key} = {cypher_literal(found)}" for key, found in properties.items())
        return (
            f"{_match('v', value.id)}\n"
            f"MERGE (a:Concept {{id: {cypher_literal(attribute.id)}}})\n  ON CREATE SET a:Attribute, {created}\n"
            "MERGE (v)-[:VALUE_OF]->(a);"
        )


def cypher_literal(value: object) -> str:
    """A Cypher literal of a text, a list of texts or null.

    Cypher decodes `\\uXXXX` everywhere, even after an escaped backslash, so a text with a backslash before a "u" is
    written as two texts added up.
    """
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(cypher_literal, value))}]"
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
        return f"MATCH ({name}:Concept) WHERE elementId({name}) = {cypher_literal(id.removeprefix(LOST))}"
    return f"MATCH ({name}:Concept {{id: {cypher_literal(id)}}})"


def _edge(edge: Relation | UnknownEdge) -> str:
    """A pattern of a, b and the relationships r between them."""
    if edge.source == edge.target:
        return f"{_match('a', edge.source)}\nMATCH (a)-[r]->(a) WHERE type(r) = {cypher_literal(_type(edge))}"
    arrow = "-" if edge.type in SYMMETRIC else "->"
    condition = f"WHERE type(r) = {cypher_literal(_type(edge))}" if isinstance(edge, UnknownEdge) else ""
    named = "r" if condition else f"r:{_type(edge)}"
    return f"{_match('a', edge.source)}\n{_match('b', edge.target)}\nMATCH (a)-[{named}]{arrow}(b) {condition}".rstrip()


def _type(edge: Relation | UnknownEdge) -> str:
    return edge.type if isinstance(edge, UnknownEdge) else edge.type.upper()


class SqlWriter:
    """Repairs of a store in SQLite, as `CypherWriter`."""

    def update(self, before: Concept, after: Concept) -> str:
        if before.id != after.id:
            return _rename(before.id, after.id)
        fields = zip(COLUMNS, row_of(before), row_of(after), strict=True)
        changes = [f"{column} = {sql_literal(new)}" for column, old, new in fields if old != new]
        return f"UPDATE concept SET {', '.join(changes)} WHERE id = {sql_literal(before.id)};"

    def separate(self, id: str) -> str:
        first = f"(SELECT min(rowid) FROM concept WHERE id = {sql_literal(id)})"
        return f"UPDATE concept SET id = id || ' (' || rowid || ')' WHERE id = {sql_literal(id)} AND rowid > {first};"

    def delete(self, edges: Sequence[Relation | UnknownEdge]) -> str:
        return _transaction([_delete(edge) for edge in edges])

    def replace(self, edge: Relation | UnknownEdge, wanted: Relation) -> str:
        return _transaction([_delete(edge), _insert(wanted)])

    def add_value(self, value: Concept, attribute: Concept) -> str:
        row = ", ".join(map(sql_literal, row_of(attribute)))
        create = f"INSERT OR IGNORE INTO concept ({', '.join(COLUMNS)})\n  VALUES ({row});"
        return _transaction([create, _insert(Relation("value_of", value.id, attribute.id))])


def sql_literal(value: str | None) -> str:
    """A text in quotes; characters that a shell does not show (line breaks, NUL) by their number."""
    if value is None:
        return "NULL"
    parts: list[str] = [""]
    for character in value:
        if character.isprintable():
            parts[-1] += "''" if character == "'" else character
        else:
            parts += [str(ord(character)), ""]
    return " || ".join(
        f"'{part}'" if i % 2 == 0 else f"char({part})"
        for i, part in enumerate(parts)
        if i % 2 or part or len(parts) == 1
    )


def _rename(old: str, new: str) -> str:
    was, now = sql_literal(old), sql_literal(new)
    columns = (("concept", "id"), ("relation", "source"), ("relation", "target"), ("item_tag", "concept"))
    updates = (f"UPDATE {table} SET {column} = {now} WHERE {column} = {was};" for table, column in columns)
    return _transaction(["PRAGMA defer_foreign_keys = ON;", *updates])


def _delete(edge: Relation | UnknownEdge) -> str:
    ends = f"source = {sql_literal(edge.source)} AND target = {sql_literal(edge.target)}"
    if edge.type in SYMMETRIC and edge.source != edge.target:
        ends = f"({ends} OR source = {sql_literal(edge.target)} AND target = {sql_literal(edge.source)})"
    return f"DELETE FROM relation WHERE type = {sql_literal(edge.type)} AND {ends};"


def _insert(edge: Relation) -> str:
    row = ", ".join(map(sql_literal, edge.key))
    return f"INSERT OR IGNORE INTO relation (type, source, target) VALUES ({row});"


def _transaction(statements: Sequence[str]) -> str:
    return statements[0] if len(statements) == 1 else "\n".join(["BEGIN;", *statements, "COMMIT;"])
