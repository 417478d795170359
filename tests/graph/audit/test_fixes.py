"""Safe repairs: planned, written and undone on real stores."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from graph.audit import CHECKS, Check, Defect, Fixes, audit, safe_fixes
from graph.audit.report import suggest
from graph.columns.assemble import TaxonomyData
from graph.editing import Signature
from graph.editing.edit import apply, undo
from graph.formats.format import ExportOptions
from graph.formats.registry import export_file
from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, Retag, TaggedItem
from graph.store import TaxonomyStore
from graph.stores import load_taxonomy
from graph.taxonomy import Taxonomy
from tests.graph.audit.test_checks import SOUND, category, edge, value
from tests.strategies import taxonomies

ANN = Signature("ann", "tidied up")

CONCEPTS = (
    *SOUND[0],
    replace(category("untidy", " Wellies\u200b"), alt_label={"en": ("Rain  boots", "Rain boots", "\u200b")}),
    replace(category("twice", "Pumps"), alt_label={"en": ("pumps", "Courts")}, hidden_label={"en": ("Courts",)}),
    category("chinese", "Slippers", cn="拖鞋", zh="棉拖"),
    replace(category("hebrew", "Slides"), pref_label={"en": "Slides", "iw": "כפכפים"}, definition={"iw": "נעל"}),
    *(category(f"de{i}", f"Kind {i}", de=f"Art {i}") for i in range(24)),
    replace(category("german", "Mules"), alt_label={"de": ("Pantoletten",)}),
    category("redundant", "Chelsea boots"),
    category("below-old", "Swedish clogs"),
    category("older", status="deprecated"),
    category("loop-a"),
    category("loop-b"),
)
RELATIONS = (
    *SOUND[1],
    edge("broader", "redundant", "top"),
    Relation("broader", "redundant", "boots"),
    edge("related", "redundant", "top"),
    edge("broader", "below-old", "old"),
    edge("replaced_by", "older", "old"),
    edge("applies_to", "color", "boots"),
    edge("broader", "loop-a", "loop-b"),
    edge("broader", "loop-b", "loop-a"),
)
SAFE = {
    "quarantined": 1,
    "related_is_ancestor": 1,
    "redundant_broader": 1,
    "untidy_label": 3,
    "repeated_label": 2,
    "missing_translation": 1,
    "unknown_language": 2,
    "redirect_to_deprecated": 1,
    "active_under_deprecated": 1,
    "attribute_applied_twice": 1,
    "tag_on_deprecated_concept": 1,
}
LEFT_OUT = (
    replace(category("underscore"), pref_label={"zh_TW": "靴"}),
    replace(category("nameless"), pref_label={}, alt_label={"en": ("Derbies", " ")}),
)
"""Concepts that a snapshot leaves out, as a SQLite file can have them."""


def item(id: str, concept: str) -> TaggedItem:
    return TaggedItem(id, "Swedish clogs", "en", "m", "r", (ItemTag(concept, 0.9, "exact"),))


def filled(store: TaxonomyStore) -> TaxonomyStore:
    store.apply(ChangeSet((*map(PutConcept, CONCEPTS), *map(PutRelation, RELATIONS)), "bob"))
    store.put_items([item("1", "old"), item("2", "boots")])
    return store


def exported(store: TaxonomyStore, folder: Path) -> dict[str, bytes]:
    taxonomy = load_taxonomy(store)
    found = {}
    for format, name in (("jsonl", "t.jsonl"), ("skos", "t.ttl"), ("csv", "t.csv")):
        export_file(taxonomy, format, folder / name, options=ExportOptions())
        found[name] = (folder / name).read_bytes()
    return found


def planned(store: TaxonomyStore) -> Fixes:
    return safe_fixes(store.read(), ANN, items=store.items())


def test_what_is_safe_is_repaired_at_once_and_undone_to_the_byte(store: TaxonomyStore, tmp_path: Path) -> None:
    filled(store)
    before, items = exported(store, tmp_path), list(store.items())
    fixes = planned(store)
    assert Counter(finding.check for finding in fixes.fixed) == SAFE
    found = apply(store, fixes.changes, expect_version=1)
    assert (found.version, found.revision) == (2, fixes.after.revision)

    left = audit(load_taxonomy(store), items=store.items())
    assert not [finding for finding in left.findings if finding.repair and finding.repair.get("safe")]
    assert left.findings == audit(fixes.after, items=fixes.items(items)).findings
    assert {finding.check for finding in left.findings} & SAFE.keys() == {"missing_translation"}
    assert [tag.concept for item in store.items() for tag in item.tags] == ["sandals", "boots"]

    assert undo(store, 2, author="ann").revision == fixes.before.revision
    assert exported(store, tmp_path) == before
    assert list(store.items()) == items


def test_what_the_repairs_make(sqlite_store: TaxonomyStore) -> None:
    found = apply(filled(sqlite_store), planned(sqlite_store).changes)
    assert (found["untidy"].pref_label, found["untidy"].alt_label) == ({"en": "Wellies"}, {"en": ("Rain boots",)})
    assert (found["twice"].alt_label, found["twice"].hidden_label) == ({"en": ("Courts",)}, {})
    assert (found["chinese"].pref_label["zh"], found["chinese"].alt_label) == ("棉拖", {"zh": ("拖鞋",)})
    assert (found["hebrew"].pref_label["he"], found["hebrew"].definition) == ("כפכפים", {"he": "נעל"})
    assert (found["german"].pref_label["de"], found["german"].alt_label) == ("Pantoletten", {})
    assert found.path("redundant") == ["top", "boots", "redundant"] and not found.out("redundant", "related")
    assert found.path("below-old") == ["top", "sandals", "below-old"]
    assert found.out("older", "replaced_by") == ["sandals"]
    assert found.into("color", "applies_to") == [] and found.out("color", "applies_to") == ["top"]
    assert found.problems == () and len(found.out("loop-a", "broader") + found.out("loop-b", "broader")) == 1


def test_what_the_snapshot_left_out_comes_in_and_goes_again(sqlite_store: TaxonomyStore, tmp_path: Path) -> None:
    sqlite_store.apply(ChangeSet((*map(PutConcept, (*SOUND[0], *LEFT_OUT)), *map(PutRelation, SOUND[1])), "bob"))
    sqlite_store.apply(ChangeSet((PutRelation(edge("broader", "underscore", "top")),), "bob"))
    before = exported(sqlite_store, tmp_path)
    found = apply(sqlite_store, planned(sqlite_store).changes)
    assert found.problems == ()
    assert found["underscore"].pref_label == {"zh-TW": "靴"} and found.path("underscore") == ["top", "underscore"]
    assert (found["nameless"].pref_label, found["nameless"].alt_label) == ({"en": "Derbies"}, {})
    undo(sqlite_store, found.version, author="ann")
    assert exported(sqlite_store, tmp_path) == before


def of(concepts: tuple[Concept, ...], relations: tuple[Relation, ...] = ()) -> TaxonomyData:
    return TaxonomyData.of(1, (*SOUND[0], *concepts), (*SOUND[1], *relations))


@pytest.mark.parametrize(
    ("concept", "relations"),
    [
        (replace(category("x"), pref_label={"en": "\u200b"}), ()),
        (replace(category("x"), pref_label={"en": "Caf\u0082"}), ()),
        (replace(category("x", "Fließ"), alt_label={"en": ("Fliess",)}), ()),
        (replace(category("x"), pref_label={"en@x": "Boots"}), ()),
        (replace(category("x"), pref_label={}), ()),
        (replace(category("x"), definition={"cn": "甲", "zh": "乙"}), ()),
        (replace(value("x"), alt_label={"en": ("a", "b")}), ()),
        (category("x"), (edge("replaced_by", "x", "boots"),)),
        (category("x"), (edge("broader", "sandals", "x"), edge("broader", "x", "old"))),
    ],
    ids=[
        "invisible",
        "encoding",
        "spelling",
        "language",
        "label",
        "two definitions",
        "attribute",
        "redirect",
        "below its successor",
    ],
)
def test_what_needs_a_decision_is_left(concept: Concept, relations: tuple[Relation, ...]) -> None:
    data = of((concept,), relations)
    fixes = safe_fixes(data, ANN)
    assert fixes.changes.changes == () and fixes.fixed == ()
    assert audit(fixes.after).findings == audit(Taxonomy.of(data)).findings


def test_a_repair_that_would_break_an_invariant_is_left() -> None:
    data = of(
        (category("gone", status="deprecated"), category("x"), category("y")),
        (
            edge("replaced_by", "gone", "boots"),
            edge("broader", "x", "gone"),
            edge("broader", "y", "gone"),
            edge("excludes", "x", "boots"),
        ),
    )
    fixes = safe_fixes(data, ANN)
    assert [finding.concepts for finding in fixes.fixed] == [("y", "gone")]
    assert (fixes.after.path("y"), fixes.after.path("x")) == (["top", "boots", "y"], ["gone", "x"])


def test_a_direct_relation_stays_where_the_other_way_leads_through_what_is_deprecated() -> None:
    data = of((category("x"),), (edge("broader", "x", "top"), Relation("broader", "x", "old")))
    (finding,) = audit(Taxonomy.of(data), checks=["redundant_broader"]).findings
    assert finding.repair is not None and "safe" not in finding.repair


def test_checks_can_be_chosen(sqlite_store: TaxonomyStore) -> None:
    data = filled(sqlite_store).read()
    fixes = safe_fixes(data, ANN, checks=["untidy_label", "orphan"])
    assert {finding.check for finding in fixes.fixed} == {"untidy_label"}
    moves = safe_fixes(data, ANN, items=sqlite_store.items(), checks=["tag_on_deprecated_concept"])
    assert moves.changes == ChangeSet((Retag("old", "sandals"),), "ann", "tidied up")


def test_checks_say_that_they_have_safe_repairs() -> None:
    found = audit(Taxonomy.of(TaxonomyData.of(1, CONCEPTS, RELATIONS)), items=[item("1", "old")])
    having = {finding.check for finding in found.findings if finding.repair and finding.repair.get("safe")}
    assert having == SAFE.keys()
    assert having - {"tag_on_deprecated_concept"} == {check.name for check in CHECKS if check.fixes}


def test_a_check_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(taxonomy: Taxonomy) -> list[Defect]:
        repair = suggest(
            "relabel", "make it Wellies", safe=True, concept="boots", lang="en", kind="pref", to="Wellies",
            **{"from": "Boots"},
        )  # fmt: skip
        return [Defect(("boots",), "too plain", {}, repair)] if taxonomy["boots"].label() == "Boots" else []

    monkeypatch.setattr("graph.audit.run._installed", lambda: [Check("plain", "info", find, fixes=True)])
    assert safe_fixes(of(()), ANN, checks=["plain"]).after["boots"].label() == "Wellies"


@given(taxonomies())
def test_afterwards_nothing_safe_is_left_and_nothing_is_broken(data: TaxonomyData) -> None:
    fixes = safe_fixes(data, ANN)
    assert fixes.after.problems == ()
    assert safe_fixes(TaxonomyData(1, fixes.after.columns), ANN).fixed == ()
    ids = {concept.id: set(concept.labels()) for concept in fixes.before}
    assert ids.keys() == {concept.id for concept in fixes.after}
