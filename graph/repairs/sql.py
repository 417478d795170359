"""Repairs for SQLite: SQL to paste into the `sqlite3` shell, with or without foreign keys enforced."""

from __future__ import annotations

from collections.abc import Sequence

from graph.model import SYMMETRIC, Concept, Relation, UnknownEdge
from graph.sqlite.rows import COLUMNS, row_of


class SqlWriter:
    """A `graph.repairs.repairs.StatementWriter`."""

    def update(self, before: Concept, after: Concept) -> str:
        if before.id != after.id:
            return _rename(before.id, after.id)
        fields = zip(COLUMNS, row_of(before), row_of(after), strict=True)
        changes = [f"{column} = {literal(new)}" for column, old, new in fields if old != new]
        return f"UPDATE concept SET {', '.join(changes)} WHERE id = {literal(before.id)};"

    def separate(self, id: str) -> str:
        first = f"(SELECT min(rowid) FROM concept WHERE id = {literal(id)})"
        return f"UPDATE concept SET id = id || ' (' || rowid || ')' WHERE id = {literal(id)} AND rowid > {first};"

    def delete(self, edges: Sequence[Relation | UnknownEdge]) -> str:
        return _transaction([_delete(edge) for edge in edges])

    def replace(self, edge: Relation | UnknownEdge, wanted: Relation) -> str:
        return _transaction([_delete(edge), _insert(wanted)])

    def add_value(self, value: Concept, attribute: Concept) -> str:
        row = ", ".join(map(literal, row_of(attribute)))
        create = f"INSERT OR IGNORE INTO concept ({', '.join(COLUMNS)})\n  VALUES ({row});"
        return _transaction([create, _insert(Relation("value_of", value.id, attribute.id))])


def literal(value: str | None) -> str:
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
    was, now = literal(old), literal(new)
    return _transaction(
        [
            "PRAGMA defer_foreign_keys = ON;",
            f"UPDATE concept SET id = {now} WHERE id = {was};",
            f"UPDATE relation SET source = {now} WHERE source = {was};",
            f"UPDATE relation SET target = {now} WHERE target = {was};",
            f"UPDATE item_tag SET concept = {now} WHERE concept = {was};",
        ]
    )


def _delete(edge: Relation | UnknownEdge) -> str:
    ends = f"source = {literal(edge.source)} AND target = {literal(edge.target)}"
    if edge.type in SYMMETRIC and edge.source != edge.target:
        ends = f"({ends} OR source = {literal(edge.target)} AND target = {literal(edge.source)})"
    return f"DELETE FROM relation WHERE type = {literal(edge.type)} AND {ends};"


def _insert(edge: Relation) -> str:
    row = ", ".join(map(literal, edge.key))
    return f"INSERT OR IGNORE INTO relation (type, source, target) VALUES ({row});"


def _transaction(statements: Sequence[str]) -> str:
    return statements[0] if len(statements) == 1 else "\n".join(["BEGIN;", *statements, "COMMIT;"])
