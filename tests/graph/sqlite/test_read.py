"""Reading pages of columns equals reading row by row, whatever stands in the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import columns_of
from graph.columns.columns import Columns
from graph.model import RELATION_TYPES, Relation, UnknownEdge
from graph.sqlite import rows as sqlite_read
from graph.sqlite.rows import read_columns
from tests import sqlite_reference as reference
from tests.strategies import texts

_scalars = st.one_of(texts, st.just(""), st.booleans(), st.integers(-9, 9), st.none(), st.floats(-9, 9))
_values = st.one_of(_scalars, st.lists(_scalars, max_size=3))
_labels = st.dictionaries(st.one_of(st.sampled_from(("en", "zh-CN", "")), texts), _values, max_size=3)
_concepts = st.fixed_dictionaries(
    {
        "scheme": texts,
        "kind": st.sampled_from(("category", "value", "thing")),
        "pref_label": _labels,
        "alt_label": _labels,
        "hidden_label": _labels,
        "definition": _labels,
        "notation": st.none() | texts,
        "status": st.sampled_from(("active", "gone")),
        "choice": st.sampled_from(("single", "multiple")),
    }
)
_ids = st.one_of(st.sampled_from("abcdef"), texts)
_edges = st.tuples(st.sampled_from((*RELATION_TYPES, "sold_with")), _ids, _ids, st.integers(0, 1))


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_read, "_ROWS_PER_PAGE", 3)


def filled(concepts: dict[str, dict[str, Any]], edges: list[tuple[str, str, str, int]]) -> sqlite3.Connection:
    """A database that another program wrote, without regard to foreign keys."""
    db = sqlite3.connect(":memory:")
    db.executescript((resources.files("migrations.sqlite") / "V0001__taxonomy.sql").read_text(encoding="utf-8"))
    for id, concept in concepts.items():
        row = [value if isinstance(value, str | None) else orjson.dumps(value).decode() for value in concept.values()]
        db.execute(f"INSERT INTO concept (id, {', '.join(concept)}) VALUES (?{', ?' * len(concept)})", [id, *row])
    db.executemany("INSERT OR REPLACE INTO relation (type, source, target, is_primary) VALUES (?, ?, ?, ?)", edges)
    return db


def plainly(db: sqlite3.Connection) -> Columns:
    names = "id, scheme, kind, pref_label, alt_label, hidden_label, definition, notation, status, choice"
    concepts = [reference.concept_of(row) for row in db.execute(f"SELECT {names} FROM concept ORDER BY rowid")]
    rows = db.execute("SELECT type, source, target, is_primary FROM relation").fetchall()
    return columns_of(concepts, [Relation(t, a, b, bool(p)) for t, a, b, p in rows if t in RELATION_TYPES])


@settings(max_examples=40)
@given(concepts=st.dictionaries(_ids, _concepts, max_size=8), edges=st.lists(_edges, max_size=10))
def test_columns_equal_the_plain_reading(
    concepts: dict[str, dict[str, Any]], edges: list[tuple[str, str, str, int]]
) -> None:
    with closing(filled(concepts, edges)) as db:
        found, wanted = read_columns(db), plainly(db)
    assert [found.concept(i) for i in range(len(found))] == [wanted.concept(i) for i in range(len(wanted))]
    both = [[columns.relation(k) for k in range(len(columns.edges))] for columns in (found, wanted)]
    assert both[0] == both[1]
    assert found.dangling == wanted.dangling


def test_relations_of_other_types_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [("broadr", "a", "b", 1), ("broader", "a", "b", 1), ("also", "b", "a", 0)]
    with closing(filled({}, edges)) as db:
        columns = read_columns(db)
        assert columns.unknown == (UnknownEdge("also", "b", "a"), UnknownEdge("broadr", "a", "b"))
        assert columns.dangling == (Relation("broader", "a", "b", primary=True),)
        monkeypatch.setattr(sqlite_read, "_UNKNOWN_SHOWN", 1)
        assert read_columns(db).unknown == (UnknownEdge("also", "b", "a"),)
