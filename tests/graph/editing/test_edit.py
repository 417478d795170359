"""Edits: checked first, written whole, and judged by what they add."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.changes import net
from graph.columns.assemble import TaxonomyData
from graph.editing import edit
from graph.errors import ConflictError, InvariantError
from graph.model import Change, ChangeSet, Concept, DeleteConcept, DeleteRelation, PutConcept, PutRelation, Relation
from graph.model.changes import change_from_json, change_to_json, dump_change, load_change
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.strategies import change_sets, filling, taxonomies


def category(id: str) -> Concept:
    return Concept(id, "test", "category", {"en": id})


def changes(*rows: Change) -> ChangeSet:
    return ChangeSet(rows, "ann", "why")


def test_an_edit_gives_the_snapshot_it_leads_to(sqlite_store: SqliteStore) -> None:
    taxonomy = edit.apply(sqlite_store, changes(PutConcept(category("a")), PutConcept(category("b"))))
    assert (taxonomy.version, taxonomy.ids) == (1, ("a", "b"))
    assert Taxonomy.of(sqlite_store.read()).revision == taxonomy.revision


def test_a_problem_refuses_the_whole_edit(sqlite_store: SqliteStore) -> None:
    edit.apply(sqlite_store, changes(PutConcept(category("a")), PutConcept(category("b"))))
    before = sqlite_store.read()
    cycle = changes(
        PutConcept(category("c")),
        PutRelation(Relation("broader", "a", "b")),
        PutRelation(Relation("broader", "b", "a")),
    )
    with pytest.raises(InvariantError, match="broader than themselves: a → b") as caught:
        edit.apply(sqlite_store, cycle)
    assert [problem.code for problem in caught.value.problems] == ["cycle"]
    with pytest.raises(InvariantError, match="no sound concept 'z'"):
        edit.apply(sqlite_store, changes(PutRelation(Relation("related", "a", "z"))))
    assert sqlite_store.read() == before


def test_old_problems_block_neither_edits_nor_repairs(sqlite_store: SqliteStore) -> None:
    ring = [Relation("broader", x, y) for x, y in ("ab", "bc", "ca", "ba")]
    homeless = Concept("v", "test", "value", {"en": "v"})
    odd = [replace(category(id), status="odd") for id in "xy"]  # type: ignore[arg-type]
    rows = [*map(category, "abc"), homeless, *odd]
    stray = [*ring, Relation("related", "x", "y")]
    sqlite_store.apply(changes(*map(PutConcept, rows), *map(PutRelation, stray)))
    before = Taxonomy.of(sqlite_store.read()).problems
    assert {problem.code for problem in before} == {"cycle", "value_without_attribute", "bad_status", "dangling"}
    edit.apply(sqlite_store, changes(PutConcept(category("d"))))
    smaller = edit.apply(sqlite_store, changes(DeleteRelation(ring[1])))
    assert [p.concepts for p in smaller.problems if p.code == "cycle"] == [("a", "b")]
    edit.apply(sqlite_store, changes(PutConcept(category("x"))))
    repaired = edit.apply(sqlite_store, changes(DeleteRelation(ring[3]), DeleteConcept("v"), PutConcept(category("y"))))
    assert repaired.problems == ()


def test_expected_versions(sqlite_store: SqliteStore) -> None:
    edit.apply(sqlite_store, changes(PutConcept(category("a"))), expect_version=0)
    with pytest.raises(ConflictError, match="at version 1, not at 0"):
        edit.apply(sqlite_store, changes(PutConcept(category("b"))), expect_version=0)


def test_a_plan_is_made_anew_when_writers_race(sqlite_store: SqliteStore) -> None:
    seen: list[int] = []

    def plan(taxonomy: Taxonomy) -> ChangeSet:
        seen.append(taxonomy.version)
        if len(seen) <= 3:
            sqlite_store.apply(changes(PutConcept(category(f"other{len(seen)}"))))
        return changes(PutConcept(category(f"mine-{len(taxonomy)}")))

    taxonomy = edit.apply_with(sqlite_store, plan)
    assert seen == [0, 1, 2, 3]
    assert taxonomy.version == 4
    assert "mine-3" in taxonomy
    with pytest.raises(ConflictError):
        seen.clear()
        edit.apply_with(sqlite_store, plan, expect_version=4)


@settings(max_examples=40)
@given(st.data())
def test_only_the_last_word_counts(data: st.DataObject) -> None:
    """`after` works on the net changes; here is the same, change by change."""
    before: TaxonomyData = data.draw(taxonomies(max_size=4))
    given_changes = data.draw(change_sets(before, max_size=15))
    concepts = {concept.id: concept for concept in before.concepts}
    relations = {relation.key: relation for relation in before.relations}
    for change in given_changes.changes:
        match change:
            case PutConcept(concept):
                concepts[concept.id] = concept
            case DeleteConcept(id):
                concepts.pop(id, None)
                relations = {key: r for key, r in relations.items() if id not in (r.source, r.target)}
            case PutRelation(relation):
                relations[relation.canonical().key] = relation.canonical()
            case DeleteRelation(relation):
                relations.pop(relation.canonical().key, None)
    result = edit.after(before, given_changes)
    assert {concept.id: concept for concept in result.concepts} == concepts
    assert {relation.key: relation for relation in result.relations} == relations
    assert net(given_changes).relate == tuple(dict.fromkeys(net(given_changes).relate))


@settings(max_examples=25)
@given(st.data())
def test_changes_survive_json(data: st.DataObject) -> None:
    taxonomy = data.draw(taxonomies(max_size=3))
    for change in (*filling(taxonomy).changes, *data.draw(change_sets(taxonomy)).changes):
        assert change_from_json(change_to_json(change)) == change
        assert load_change(dump_change(change)) == change


def test_nothing_to_change_makes_no_version(store: SqliteStore | Neo4jStore) -> None:
    token = store.token()
    assert edit.apply(store, ChangeSet((), "ann")).version == 0
    assert (store.token(), list(store.history())) == (token, [])
