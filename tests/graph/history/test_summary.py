from __future__ import annotations

from graph.columns.assemble import TaxonomyData
from graph.history.diff import diff, summary
from graph.model import Concept, Relation, Status
from graph.taxonomy import Taxonomy


def _taxonomy(labels: dict[str, dict[str, str]], below: dict[str, str], **statuses: Status) -> Taxonomy:
    concepts = tuple(
        Concept(id, "s", "category", names, status=statuses.get(id, "active")) for id, names in labels.items()
    )
    edges = tuple(Relation("broader", id, up, primary=True) for id, up in below.items())
    return Taxonomy.of(TaxonomyData.of(0, concepts, edges))


def test_summary_of_a_change_set() -> None:
    old = _taxonomy(
        {"1": {"en": "Toys"}, "2": {"en": "Games"}, "3": {"en": "Kites"}, "4": {"en": "Tops"}, "5": {"en": "Yoyos"}},
        {"3": "1", "4": "1", "5": "1"},
    )
    new = _taxonomy(
        {
            "1": {"en": "Toys", "de": "Spielzeug"},
            "2": {"en": "Play"},
            "3": {"en": "Kites"},
            "5": {"en": "Yoyos"},
            "6": {"en": "Dice"},
        },
        {"3": "2", "6": "2"},
        **{"5": "deprecated"},
    )
    assert summary(diff(old, new), old, new) == [
        "added: 1",
        "  6 (Dice) under 2 (Play)",
        "removed: 1",
        "  4 (Tops) under 1 (Toys)",
        "moved: 2",
        "  3 (Kites): 1 (Toys) → 2 (Play)",
        "  5 (Yoyos): 1 (Toys) → the top",
        "renamed: 1",
        "  2: 'Games' → 'Play' (en)",
        "labelled in other languages: 1",
        "  1 (Toys): en → de, en",
        "status: 1",
        "  5 (Yoyos): active → deprecated",
    ]
    assert summary(diff(old, old), old, old) == []


def test_other_relations_and_fields_are_not_forgotten() -> None:
    concepts = tuple(Concept(id, "s", "category", {"en": id}) for id in "abc")
    parent = Relation("broader", "a", "b", primary=True)
    old = Taxonomy.of(TaxonomyData.of(0, concepts, (parent, Relation("related", "a", "c"))))
    noted = (Concept("a", "s", "category", {"en": "a"}, notation="7"), *concepts[1:])
    new = Taxonomy.of(TaxonomyData.of(0, noted, (parent, Relation("broader", "a", "c"))))
    assert summary(diff(old, new), old, new) == [
        "changed otherwise: 1",
        "  a (a): notation",
        "other relations added: 1",
        "  a broader c",
        "other relations removed: 1",
        "  a related c",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    empty = _taxonomy({}, {})
    many = _taxonomy({f"{i:02}": {"en": "x"} for i in range(12)}, {})
    lines = summary(diff(empty, many), empty, many, shown=2)
    assert lines == ["added: 12", "  00 (x)", "  01 (x)", "  … and 10 more; see them all with --json"]
