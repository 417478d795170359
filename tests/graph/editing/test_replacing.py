"""A newer file as its scheme's new truth."""

from __future__ import annotations

import pytest

from graph.editing.edit import apply
from graph.errors import InvariantError
from graph.formats.parsed import Parsed
from graph.importing import ImportReport, import_parsed, merge, prefixed
from graph.model import ChangeSet, Concept, Kind, PutConcept, PutRelation, Relation, Status
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy


def _concept(id: str, kind: Kind = "category", scheme: str = "s", status: Status = "active") -> Concept:
    return Concept(id, scheme, kind, {"en": id.upper()}, status=status)


def _content(*ids: str, below: dict[str, str] | None = None) -> Parsed:
    edges = (Relation("broader", id, up, primary=True) for id, up in (below or {}).items())
    return Parsed(tuple(_concept(id) for id in sorted(ids)), tuple(sorted(edges)))


def _replace(store: SqliteStore | Neo4jStore, content: Parsed, *, dry_run: bool = False) -> ImportReport:
    return import_parsed(store, content, author="me", reason="new release", replacing=True, dry_run=dry_run)


def _first(store: SqliteStore | Neo4jStore) -> Taxonomy:
    first = _content("a", "b", "c", "d", "e", below={"c": "a", "d": "c", "e": "a"})
    return import_parsed(store, first, author="me", reason="old release").taxonomy


def test_moved_concepts_leave_their_old_parent_and_missing_ones_are_deprecated(store: SqliteStore | Neo4jStore) -> None:
    _first(store)
    report = _replace(store, _content("a", "b", "c", "d", "f", below={"c": "b", "f": "d"}))
    taxonomy = report.taxonomy
    assert [taxonomy.path(id) for id in ("c", "d", "e", "f")] == [["b", "c"], ["d"], ["a", "e"], ["d", "f"]]
    assert taxonomy.out("c", "broader") == ["b"]
    assert {c.id: c.status for c in taxonomy if c.status != "active"} == {"e": "deprecated"}
    assert (report.created, report.moved, report.deprecated) == (1, 2, 1)
    assert report.notes == (
        "1 concepts moved to another primary parent, e.g. 'c' (C) from 'a'",
        "1 concepts became top concepts, e.g. 'd' (D) from 'c'",
        "1 concepts are not in the file any more and are deprecated, e.g. 'e' (E)",
    )
    again = _replace(store, _content("a", "b", "c", "d", "f", below={"c": "b", "f": "d"}))
    assert again.taxonomy.revision == taxonomy.revision and len(list(store.history())) == 2


def test_a_dry_run_says_the_same_and_writes_nothing(sqlite_store: SqliteStore) -> None:
    before = _first(sqlite_store)
    content = _content("a", "b", "c", below={"c": "b"})
    planned = _replace(sqlite_store, content, dry_run=True)
    assert Taxonomy.of(sqlite_store.read()).revision == before.revision and len(list(sqlite_store.history())) == 1
    done = _replace(sqlite_store, content)
    assert (planned.moved, planned.deprecated, planned.notes) == (done.moved, done.deprecated, done.notes) != (0, 0, ())
    assert planned.taxonomy.revision == done.taxonomy.revision


def test_a_dry_run_finds_what_would_be_refused(sqlite_store: SqliteStore) -> None:
    _first(sqlite_store)
    cycle = Parsed((_concept("a"),), (Relation("broader", "a", "d", primary=True),))
    with pytest.raises(InvariantError, match="broader than themselves"):
        import_parsed(sqlite_store, cycle, author="me", reason="", dry_run=True)


def test_without_replace_the_old_parent_stays_beside(sqlite_store: SqliteStore) -> None:
    _first(sqlite_store)
    report = import_parsed(sqlite_store, _content("b", "c", below={"c": "b"}), author="me", reason="")
    assert report.taxonomy.out("c", "broader") == ["a", "b"] and report.taxonomy.path("c") == ["a", "c"]
    assert (report.moved, report.deprecated) == (0, 0)


def test_what_editors_added_and_the_file_does_not_cover_stays(sqlite_store: SqliteStore) -> None:
    _first(sqlite_store)
    extra = (
        PutConcept(_concept("colour", "attribute")),
        PutConcept(_concept("x", scheme="other")),
        PutRelation(Relation("applies_to", "colour", "c")),
        PutRelation(Relation("broader", "d", "b")),
        PutConcept(_concept("b", status="deprecated")),
    )
    apply(sqlite_store, ChangeSet(extra, "editor"))
    report = _replace(sqlite_store, _content("a", "b", "c", "d", "e", below={"c": "a", "d": "a", "e": "a"}))
    taxonomy = report.taxonomy
    assert {c.id for c in taxonomy if c.status == "deprecated"} == {"b"}
    assert taxonomy.out("d", "broader") == ["a", "b"] and taxonomy.path("d") == ["a", "d"]
    assert taxonomy.out("colour", "applies_to") == ["c"]
    assert "1 concepts of the file are deprecated in the store and stay so, e.g. 'b' (B)" in report.notes


def test_a_file_without_hierarchy_or_with_unknown_parents_moves_nothing(sqlite_store: SqliteStore) -> None:
    before = _first(sqlite_store)
    ids = ("a", "b", "c", "d", "e")
    assert not merge(_content(*ids), before, replacing=True)[0]
    unknown = _replace(sqlite_store, _content(*ids, below={"c": "nowhere", "d": "c", "e": "a"}))
    assert unknown.taxonomy.path("c") == ["a", "c"] and unknown.moved == 0


def test_swapping_parent_and_child_is_one_step(sqlite_store: SqliteStore) -> None:
    _first(sqlite_store)
    taxonomy = _replace(sqlite_store, _content("a", "b", "c", "d", "e", below={"c": "d", "d": "a", "e": "a"})).taxonomy
    assert taxonomy.path("c") == ["a", "d", "c"] and not taxonomy.problems


def test_a_prefix_keeps_two_schemes_apart() -> None:
    edges = (Relation("broader", "2", "1", True), Relation("related", "2", "elsewhere"))
    content = Parsed((_concept("1"), _concept("2")), edges)
    found = prefixed(content, "w:")
    assert [concept.id for concept in found.concepts] == ["w:1", "w:2"]
    assert found.relations == (Relation("broader", "w:2", "w:1", True), Relation("related", "elsewhere", "w:2"))
