"""A newer file as its scheme's new truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from graph.columns.assemble import TaxonomyData
from graph.editing.edit import after, apply
from graph.errors import InvariantError
from graph.formats import tabular
from graph.formats.parsed import EVERYTHING, Parsed
from graph.importing import ImportReport, import_parsed, merge, prefixed
from graph.model import ChangeSet, Concept, Kind, PutConcept, PutRelation, Relation, Status
from graph.neo4j.store import Neo4jStore
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies


def _concept(id: str, kind: Kind = "category", scheme: str = "s", status: Status = "active") -> Concept:
    return Concept(id, scheme, kind, {"en": id.upper()}, status=status)


def _content(*ids: str, below: dict[str, str] | None = None) -> Parsed:
    edges = (Relation("broader", id, up, primary=True) for id, up in (below or {}).items())
    return Parsed(tuple(_concept(id) for id in sorted(ids)), tuple(sorted(edges)))


def _replace(
    store: SqliteStore | Neo4jStore, content: Parsed, *, keep_local: bool = False, dry_run: bool = False
) -> ImportReport:
    return import_parsed(
        store, content, author="me", reason="import new release", replacing=True, keep_local=keep_local, dry_run=dry_run
    )


def _first(store: SqliteStore | Neo4jStore) -> Taxonomy:
    first = _content("a", "b", "c", "d", "e", below={"c": "a", "d": "c", "e": "a"})
    return import_parsed(store, first, author="me", reason="import old release").taxonomy


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
    content = _content("a", "b", "c", "d", "e", below={"c": "a", "d": "a", "e": "a"})
    report = _replace(sqlite_store, content, keep_local=True)
    taxonomy = report.taxonomy
    assert {c.id for c in taxonomy if c.status == "deprecated"} == {"b"} and report.kept_local == 2
    assert taxonomy.out("d", "broader") == ["a", "b"] and taxonomy.path("d") == ["a", "d"]
    assert taxonomy.out("colour", "applies_to") == ["c"]
    report = _replace(sqlite_store, content)
    assert not {c.id for c in report.taxonomy if c.status == "deprecated"}
    assert report.taxonomy.out("d", "broader") == ["a"]
    assert report.taxonomy.out("colour", "applies_to") == ["c"] and "x" in report.taxonomy
    assert "1 concepts were deprecated and are active again, e.g. 'b' (B)" in report.notes
    assert report.words() == "1 concept back, 4 unchanged; 1 relation removed"


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


RICH = Concept(
    "a",
    "s",
    "category",
    {"en": "Trainers", "de": "Turnschuhe"},
    {"en": ("Sneakers", "Kicks")},
    {"en": ("trainrs",)},
    {"en": "On feet."},
    "7",
)
B, C = Concept("b", "s", "category", {"en": "Boots"}), Concept("c", "s", "category", {"en": "Clogs"})
RELATED = Relation("related", "a", "b")


def _rich(store: SqliteStore) -> None:
    import_parsed(store, Parsed((RICH, B, C), (RELATED,)), author="me", reason="import one.jsonl")


def test_what_a_full_file_no_longer_has_goes(sqlite_store: SqliteStore) -> None:
    _rich(sqlite_store)
    plain = Concept("a", "s", "category", {"en": "Trainers"}, {"en": ("Kicks",)})
    moved = Concept("b", "s", "category", {"en": "Boots"}, {"en": ("Sneakers",)})
    report = _replace(sqlite_store, Parsed((plain, moved, C), (), coverage=EVERYTHING))
    assert report.taxonomy.concepts == (plain, moved, C) and report.taxonomy.relations == ()
    assert (report.labels_removed, report.definitions_removed, report.notations_removed) == (3, 1, 1)
    assert report.words() == "2 concepts changed, 1 unchanged; 3 labels, 1 definition, 1 notation, 1 relation removed"
    again = _replace(sqlite_store, Parsed((plain, moved, C), (), coverage=EVERYTHING))
    assert again.words() == "3 concepts unchanged" and len(list(sqlite_store.history())) == 2


def test_a_file_of_names_leaves_what_it_cannot_say_but_labels_move(sqlite_store: SqliteStore) -> None:
    _rich(sqlite_store)
    names = (Concept("a", "s", "category", {"en": "Gym shoes"}), Concept("b", "s", "category", {"en": "Sneakers"}), C)
    after = _replace(sqlite_store, Parsed(names, ())).taxonomy
    assert after["a"] == Concept(
        "a",
        "s",
        "category",
        {"en": "Gym shoes", "de": "Turnschuhe"},
        {"en": ("Kicks",)},
        {"en": ("trainrs",)},
        {"en": "On feet."},
        "7",
    )
    assert after["b"] == names[1] and after.relations == (RELATED,)


def test_a_concept_that_returns_is_active_again(sqlite_store: SqliteStore) -> None:
    first = _content("a", "b")
    import_parsed(sqlite_store, first, author="me", reason="import one.csv")
    gone = _replace(sqlite_store, _content("a"), keep_local=True)
    assert (gone.deprecated, gone.words()) == (1, "1 concept deprecated, 1 unchanged")
    back = _replace(sqlite_store, first, keep_local=True)
    assert (back.back, back.taxonomy["b"].status) == (1, "active")
    merged = (PutConcept(_concept("b", status="deprecated")), PutRelation(Relation("replaced_by", "b", "a")))
    apply(sqlite_store, ChangeSet(merged, "editor"))
    kept = _replace(sqlite_store, first, keep_local=True)
    assert kept.taxonomy["b"].status == "deprecated" and kept.kept_local == 2
    truth = _replace(sqlite_store, first)
    assert truth.taxonomy["b"].status == "active" and truth.taxonomy.relations == ()


def test_editors_additions_stay_where_asked(sqlite_store: SqliteStore) -> None:
    _rich(sqlite_store)
    edited = Concept(
        "a",
        "s",
        "category",
        {"en": "Sports shoes", "de": "Turnschuhe"},
        {"en": ("Sneakers", "Kicks", "runners")},
        {"en": ("trainrs",)},
        {"en": "On feet.", "de": "An Füßen."},
        "7",
    )
    own = (PutConcept(edited), PutConcept(_concept("mine")), PutRelation(Relation("broader", "c", "b", True)))
    apply(sqlite_store, ChangeSet(own, "editor", "better names"))
    plain = Concept("a", "s", "category", {"en": "Trainers"})
    content = Parsed((plain, B, C), (), coverage=EVERYTHING)
    report = _replace(sqlite_store, content, keep_local=True)
    assert report.taxonomy["a"] == Concept(
        "a", "s", "category", {"en": "Trainers"}, {"en": ("runners", "Sports shoes")}, {}, {"de": "An Füßen."}
    )
    assert report.taxonomy["mine"].status == "active" and report.taxonomy.out("c", "broader") == ["b"]
    assert report.kept_local == 5 and report.words().endswith("; 5 local additions kept")
    truth = _replace(sqlite_store, content)
    assert truth.taxonomy["a"] == plain and truth.taxonomy["mine"].status == "deprecated"


def test_a_row_without_a_name_or_too_many_cells_costs_nothing(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,label,parent,synonyms\na,Apples,,\nb,Pears,,\nc,Plums,a,prunes\n")
    import_parsed(sqlite_store, tabular.read([file]), author="me", reason="import t.csv")
    file.write_text("id,label,parent,synonyms\na,,,\nb,Pears, all,,x\nc,Plums,c,\n")
    after = _replace(sqlite_store, tabular.read([file])).taxonomy
    assert [(c.label(), c.status) for c in after] == [("Apples", "active"), ("Pears", "active"), ("Plums", "active")]
    assert dict(after["c"].alt_label) == {} and after.out("c", "broader") == ["a"]


def test_a_language_that_goes_as_a_whole_is_named(sqlite_store: SqliteStore) -> None:
    _rich(sqlite_store)
    english = (Concept("a", "s", "category", {"en": "Trainers"}), B, C)
    (first, *_) = _replace(sqlite_store, Parsed(english, (), coverage=EVERYTHING)).notes
    assert first.startswith("1 languages are not in the file at all, and go; give the files of all languages at once")
    assert first.endswith("e.g. de (1 preferred labels)")


@settings(max_examples=25)
@given(old=taxonomies(max_size=4), new=taxonomies(max_size=4))
def test_the_store_becomes_what_a_full_file_says(old: TaxonomyData, new: TaxonomyData) -> None:
    before, content = Taxonomy.of(old), Parsed(new.concepts, new.relations, coverage=EVERYTHING)
    if any(concept.id in before and before[concept.id].kind != concept.kind for concept in new.concepts):
        return
    changes = merge(content, before, replacing=True)[0]
    result = Taxonomy.of(after(TaxonomyData.of(0, before.concepts, before.relations), ChangeSet(changes, "me")))
    wanted = {concept.id: concept for concept in new.concepts if concept.id in result}
    assert {id: result[id] for id in wanted} == wanted
    if not result.problems:
        assert not merge(content, result, replacing=True)[0]
