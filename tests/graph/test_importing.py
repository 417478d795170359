from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from graph.columns.assemble import TaxonomyData
from graph.editing.edit import apply
from graph.errors import InputError, InvariantError
from graph.formats.parsed import Parsed
from graph.importing import import_parsed, merge, merged
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies


def _category(id: str, label: str = "X", scheme: str = "s") -> Concept:
    return Concept(id, scheme, "category", {"en": label})


def _below(id: str, parent: str, *, primary: bool = True) -> Relation:
    return Relation("broader", id, parent, primary)


@pytest.fixture
def store(sqlite_store: SqliteStore) -> Iterator[SqliteStore]:
    yield sqlite_store


def _import(store: SqliteStore, *concepts: Concept, relations: tuple[Relation, ...] = ()) -> tuple[int, int, int, int]:
    report = import_parsed(store, Parsed(concepts, relations), author="me", reason="test")
    return report.created, report.updated, report.unchanged, report.relations


def test_an_import_is_one_version_and_a_repeated_one_makes_none(store: SqliteStore) -> None:
    content = (_category("a"), _category("b"))
    assert _import(store, *content, relations=(_below("b", "a"),)) == (2, 0, 0, 1)
    assert _import(store, *content, relations=(_below("b", "a"),)) == (0, 0, 2, 0)
    (entry,) = store.history()
    assert (entry.author, entry.reason, len(entry.changes)) == ("me", "test", 3)


def test_labels_are_merged_and_the_old_preferred_one_stays_as_alternative() -> None:
    old = Concept(
        "a", "s", "category", {"en": "Trainers", "de": "Schuhe"}, {"en": ("sneaks", "Sneakers")}, notation="1"
    )
    new = Concept(
        "a", "s", "category", {"en": "Sneakers", "zh": "鞋"}, {"en": ("kicks",)}, definition={"en": "On feet."}
    )
    assert merged(old, new) == Concept(
        "a",
        "s",
        "category",
        {"en": "Sneakers", "de": "Schuhe", "zh": "鞋"},
        {"en": ("sneaks", "kicks", "Trainers")},
        {},
        {"en": "On feet."},
        "1",
    )


def test_defaults_do_not_undo_an_editors_work() -> None:
    old = Concept("a", "s", "attribute", {"en": "A"}, status="deprecated", choice="single")
    assert merged(old, Concept("a", "s", "attribute", {"en": "A"})) == old
    assert merged(Concept("a", "s", "attribute", {"en": "A"}), old) == old


def test_an_id_of_another_scheme_or_kind_is_refused(store: SqliteStore) -> None:
    _import(store, _category("a"))
    with pytest.raises(InputError, match="'a' belongs to scheme 's' already; it can't be imported into 't'"):
        _import(store, _category("new"), _category("a", scheme="t"))
    with pytest.raises(InputError, match="'a' is of kind 'category' already; the file makes it a 'attribute'"):
        _import(store, Concept("a", "s", "attribute", {"en": "A"}))
    assert [concept.id for concept in store.read().concepts] == ["a"]


def test_relations_to_nobody_are_left_out_and_noted(store: SqliteStore) -> None:
    _import(store, _category("known"))
    content = Parsed((_category("a"),), (_below("a", "known"), _below("a", "gone", primary=False)), ("read fine",))
    report = import_parsed(store, content, author="me", reason="")
    assert report.notes == ("read fine", "1 broader relations lead to no concept and were left out, e.g. 'a' → 'gone'")
    assert report.taxonomy.relations == (_below("a", "known"),)


def test_the_file_moves_the_primary_only_when_it_knows_the_present_one(store: SqliteStore) -> None:
    everyone = tuple(_category(id) for id in "abc")
    _import(store, *everyone, relations=(_below("c", "a"),))
    report = import_parsed(store, Parsed(everyone, (_below("c", "b"),)), author="me", reason="")
    assert report.taxonomy.relations == (_below("c", "a"), _below("c", "b", primary=False))
    assert report.notes == ("1 concepts keep their broader concepts beside those of the file, e.g. 'c'",)
    both = (_below("c", "a", primary=False), _below("c", "b"))
    assert _import(store, *everyone, relations=both) == (0, 0, 3, 2)
    assert Taxonomy.of(store.read()).path("c") == ["b", "c"]
    assert _import(store, *everyone, relations=both) == (0, 0, 3, 0)


def test_nothing_is_written_when_the_result_would_be_unsound(store: SqliteStore) -> None:
    _import(store, _category("a"), _category("b"), relations=(_below("b", "a"),))
    with pytest.raises(InvariantError, match="broader than themselves"):
        _import(store, _category("new"), relations=(_below("a", "b"),))
    assert store.read().version == 1


def test_what_editors_added_stays(store: SqliteStore) -> None:
    _import(store, _category("a"), _category("b"))
    changes = (PutConcept(_category("hand")), PutRelation(Relation("related", "a", "b")))
    apply(store, ChangeSet(changes, "editor"))
    assert _import(store, _category("a"), _category("b")) == (0, 0, 2, 0)
    assert "hand" in Taxonomy.of(store.read())


@settings(max_examples=25)
@given(old=taxonomies(max_size=4), new=taxonomies(max_size=4))
def test_merging_is_idempotent(old: TaxonomyData, new: TaxonomyData) -> None:
    before, content = Taxonomy.of(old), Parsed(new.concepts, new.relations)
    if any(concept.id in before and before[concept.id].kind != concept.kind for concept in new.concepts):
        return
    concepts = {concept.id: concept for concept in before}
    relations = {relation.key: relation for relation in before.relations}
    for change in merge(content, before)[0]:
        if isinstance(change, PutConcept):
            concepts[change.concept.id] = change.concept
        elif isinstance(change, PutRelation):
            relations[change.relation.key] = change.relation
    after = Taxonomy.of(TaxonomyData.of(1, tuple(concepts.values()), tuple(relations.values())))
    if not after.problems:
        assert merge(content, after)[0] == ()


def test_importing_into_an_empty_store_gives_the_file(store: SqliteStore, tmp_path: Path) -> None:
    content = Parsed((_category("a", "A"), _category("b", "B")), (_below("b", "a"),))
    report = import_parsed(store, content, author="me", reason="")
    assert (report.taxonomy.concepts, report.taxonomy.relations) == (content.concepts, content.relations)


def test_control_characters_in_labels_become_blanks(store: SqliteStore) -> None:
    odd = Concept("a", "s", "category", {"en": "Red\tshoes\r\n", "de": "\x07"}, {"en": ("Ki\x00cks", "\x1b")})
    report = import_parsed(store, Parsed((odd, _category("b")), ()), author="me", reason="test")
    found = report.taxonomy["a"]
    assert found.pref_label == {"en": "Red shoes", "de": "a"} and found.alt_label == {"en": ("Ki cks",)}
    assert [note for note in report.notes if "control characters" in note] == [
        "1 concepts have control characters in labels, which became blanks, e.g. 'a'"
    ]
    with pytest.raises(InputError, match="control characters"):
        import_parsed(store, Parsed((odd,), ()), author="me", reason="test", strict=True)
