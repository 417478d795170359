from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.changes import applied, compare, same
from graph.columns.assemble import TaxonomyData
from graph.editing import edit
from graph.history.diff import Changed, diff, to_json
from graph.history.entries import effects, effects_of
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from tests.strategies import change_sets, taxonomies


def _taxonomy(*concepts: Concept, relations: tuple[Relation, ...] = ()) -> Taxonomy:
    return Taxonomy.of(TaxonomyData.of(0, concepts, relations))


A = Concept("a", "s", "category", {"en": "A"})
B = Concept("b", "s", "category", {"en": "B"})
C = Concept("c", "s", "category", {"en": "C"})
NEW_B = Concept("b", "s", "category", {"en": "Bee"}, {"en": ("B",)}, status="candidate")


def test_everything_that_differs_is_named() -> None:
    below = Relation("broader", "b", "a", primary=True)
    related = Relation("related", "b", "c")
    found = diff(_taxonomy(A, B, relations=(below,)), _taxonomy(NEW_B, C, relations=(related,)))
    assert (found.added, found.removed) == ((C,), (A,))
    assert found.changed == (Changed("b", ("pref_label", "alt_label", "status"), B, NEW_B),)
    assert (found.relations_added, found.relations_removed) == ((related,), (below,))
    assert found.touched() == ["a", "b", "c"]
    assert json.loads(json.dumps(to_json(found))) == {
        "added": ["c"],
        "removed": ["a"],
        "changed": [
            {
                "concept": "b",
                "fields": {
                    "pref_label": {"before": {"en": "B"}, "after": {"en": "Bee"}},
                    "alt_label": {"before": {}, "after": {"en": ["B"]}},
                    "status": {"before": "active", "after": "candidate"},
                },
            }
        ],
        "relations_added": [{"type": "related", "source": "b", "target": "c"}],
        "relations_removed": [{"type": "broader", "source": "b", "target": "a", "primary": True}],
    }


@settings(max_examples=25)
@given(a=taxonomies(max_size=3), b=taxonomies(max_size=3))
def test_a_diff_is_empty_exactly_when_the_revisions_agree(a: TaxonomyData, b: TaxonomyData) -> None:
    left, right = Taxonomy.of(a), Taxonomy.of(b)
    assert not diff(left, left)
    assert bool(diff(left, right)) == (left.revision != right.revision)
    forth, back = diff(left, right), diff(right, left)
    assert (forth.added, forth.relations_added) == (back.removed, back.relations_removed)


@settings(max_examples=40)
@given(st.data())
def test_a_difference_as_changes_leads_there_and_back(data: st.DataObject) -> None:
    before = data.draw(taxonomies(max_size=4))
    a, b = Taxonomy.of(before), Taxonomy.of(edit.after(before, data.draw(change_sets(before, max_size=12))))
    found = diff(a, b)
    for start, way, end in ((a, found, b), (b, found.reversed(), a)):
        there = TaxonomyData(0, applied(start.columns, way.changes()))
        assert (there.concepts, there.relations) == (end.concepts, end.relations)
    assert found.reversed().reversed() == found
    assert effects(found.changes(), found.reversed().changes()) == effects_of(found)
    assert effects_of(found).touched() == found.touched()


def test_a_snapshot_under_another_version_is_the_same_snapshot() -> None:
    a = _taxonomy(A, B)
    assert a.at_version(7).version == 7 and a.version == 0 and a.at_version(7).revision == a.revision


@settings(max_examples=40)
@given(st.data())
def test_columns_differ_where_values_do(data: st.DataObject) -> None:
    before = data.draw(taxonomies(max_size=4))
    after = edit.after(before, data.draw(change_sets(before, max_size=12)))
    old, new = ({c.id: c for c in side.concepts} for side in (before, after))
    found = compare(before.columns, after.columns)
    changed = {before.columns.concept(i).id for i in found.changed[:, 0].tolist()}
    assert changed == {id for id in old.keys() & new.keys() if old[id] != new[id]}
    assert {after.columns.concept(i).id for i in found.added.tolist()} == new.keys() - old.keys()
    assert {before.columns.concept(i).id for i in found.removed.tolist()} == old.keys() - new.keys()
    gone = [before.columns.relation(k) for k in found.edges_removed.tolist()]
    assert gone == sorted(set(before.columns.relations()) - set(after.columns.relations()))
    assert same(before.columns, after.columns) == (before.concepts == after.concepts and not found)
