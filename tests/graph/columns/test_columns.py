"""Columns against the values they are made of, and the vectorised invariants against the plain ones."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.changes import net
from graph.columns.assemble import TaxonomyData, columns_of
from graph.columns.invariants import sound
from graph.editing.edit import after
from graph.errors import InputError
from graph.model import (
    RELATION_TYPES,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    Kind,
    PutConcept,
    PutRelation,
    Relation,
)
from graph.taxonomy import Taxonomy
from tests.graph.columns import oracle_invariants as oracle
from tests.strategies import taxonomies

IDS = ("a", "b", "c", "d", "e", "f", "g", "h", "é", "", " x", "y\u200b", "z" * 301)


@st.composite
def wild_concepts(draw: st.DrawFn, id: str) -> Concept:
    rarely = st.integers(0, 11).map(lambda n: n == 0)
    tags = st.sampled_from(("en", "en", "en", "zh", "not a tag", ""))
    labels = st.sampled_from(("shoe", "Shoe", "鞋", "boot", " ", "\u3000", "", "\x1c", "\u200b"))
    lists = st.dictionaries(tags, st.lists(labels, min_size=1, max_size=3).map(tuple), max_size=2)
    return Concept(
        id=id,
        scheme=draw(st.sampled_from(("s", "s", "s", "other"))),
        kind="thing" if draw(rarely) else draw(st.sampled_from(("category", "category", "attribute", "value"))),
        pref_label={"en": id} if not draw(rarely) else draw(st.dictionaries(tags, labels, max_size=2)),
        alt_label=draw(lists) if draw(rarely) else {},
        hidden_label=draw(lists) if draw(rarely) else {},
        definition=draw(st.dictionaries(tags, labels, max_size=2)),
        notation=draw(st.none() | st.just("n")),
        status="gone" if draw(rarely) else draw(st.sampled_from(("active", "deprecated"))),  # type: ignore[arg-type]
        choice="some" if draw(rarely) else draw(st.sampled_from(("single", "multiple"))),  # type: ignore[arg-type]
    )


@st.composite
def wild(draw: st.DrawFn) -> tuple[list[Concept], list[Relation]]:
    """Anything that could stand in a record: bad rows, cycles, dangling, the same edge twice and either way round."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=len(IDS)))
    concepts = [draw(wild_concepts(id)) for id in ids]
    many = ("broader", "broader", "broader", "value_of", "value_of", "excludes", *RELATION_TYPES)
    ends = st.sampled_from((*IDS[:8], "nobody"))
    edges = st.builds(Relation, st.sampled_from(many), ends, ends, st.booleans())
    return concepts, draw(st.lists(edges, max_size=24))


@settings(max_examples=40)
@given(wild())
def test_columns_agree_with_the_oracle(rows: tuple[list[Concept], list[Relation]]) -> None:
    expected, found = oracle.sound(*rows), sound(columns_of(*rows))
    assert found.problems == expected.problems
    assert tuple(found.columns.concepts()) == tuple(expected.concepts.values())
    assert tuple(found.columns.relations()) == expected.relations
    again = sound(found.columns)
    assert again.problems == () and again.columns is found.columns


@settings(max_examples=50)
@given(wild(), st.randoms(use_true_random=False))
def test_columns_round_trip(rows: tuple[list[Concept], list[Relation]], chance: object) -> None:
    concepts, relations = rows
    data = TaxonomyData.of(3, concepts, relations)
    assert data.concepts == tuple(sorted(concepts, key=lambda concept: concept.id))
    edges: dict[object, Relation] = {}
    for edge in sorted(map(Relation.canonical, relations)):
        edges[edge.key] = edge  # The primary one sorts last.
    assert {edge for edge in data.relations if edge.key in edges} == set(data.relations)
    known = {concept.id for concept in concepts}
    inner = [edge for edge in edges.values() if {edge.source, edge.target} <= known]
    assert [edge for edge in data.relations if {edge.source, edge.target} <= known] == inner
    assert list(data.relations) == sorted(data.relations)


@given(taxonomies())
def test_a_sound_taxonomy_is_not_copied(data: TaxonomyData) -> None:
    assert sound(data.columns).columns.texts is data.columns.texts


def test_of_two_rows_with_one_id_the_first_counts() -> None:
    first, second = Concept("a", "s", "category", {"en": "one"}), Concept("a", "s", "category", {"de": "zwei"})
    other = Concept("b", "s", "category", {"en": "b"})
    columns = columns_of([first, other, second], [Relation("related", "a", "b")])
    assert tuple(columns.concepts()) == (first, other) and columns.duplicates == ("a",)
    assert tuple(columns.relations()) == (Relation("related", "a", "b"),)
    found = sound(columns)
    assert [problem.code for problem in found.problems] == ["double_id"]
    assert "'a'" in found.problems[0].message


def test_exclusions_in_a_hierarchy_too_deep_for_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.columns.hierarchy._PAIRS", 3)
    monkeypatch.setattr("graph.columns.hierarchy._PAIRS_PER_CONCEPT", 0)
    rows = [Concept(id, "s", "category", {"en": id}) for id in "abcdef"]
    edges = [Relation("broader", x, y) for x, y in ("ab", "ac", "bd", "ce", "ef")]
    edges += [Relation("excludes", x, y) for x, y in ("bc", "ae", "de", "df")]
    expected, found = oracle.sound(rows, edges), sound(columns_of(rows, edges))
    assert len(found.problems) == 4 and found.problems == expected.problems


def test_lone_surrogates_are_no_text() -> None:
    for concept in (Concept("a", "s", "category", {"en": "x\ud800"}), Concept("\ud800", "s", "category", {"en": "x"})):
        with pytest.raises(InputError, match="surrogate"):
            TaxonomyData.of(0, [concept], [])


def test_arrow_and_python_agree_on_what_is_blank() -> None:
    every = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    blank = pc.utf8_is_space(pa.array(every, pa.large_string())).to_pylist()
    wrong = [
        c for c, found in zip(every, blank, strict=True) if found != c.isspace() and unicodedata.category(c) != "Cn"
    ]
    assert wrong == []


def test_several_preferred_labels_in_one_language() -> None:
    kind: Kind = "category"
    concept = Concept("a", "s", kind, {"en": "a"}, {"en": ("x", "y", "x")})
    assert tuple(columns_of([concept], []).concepts()) == (concept,)
    assert columns_of([replace(concept, alt_label={"en": ()})], []).texts.kind.tolist() == [0]


def _after(data: TaxonomyData, changes: ChangeSet) -> TaxonomyData:
    """`graph.editing.edit.after` the plain way."""
    work = net(changes)
    concepts = {concept.id: concept for concept in data.concepts if concept.id not in work.delete}
    concepts |= {concept.id: concept for concept in work.put}
    edges = {
        edge.key: edge for edge in data.relations if edge.source not in work.delete and edge.target not in work.delete
    }
    for edge in work.unrelate:
        edges.pop(edge.key, None)
    edges |= {edge.key: edge for edge in work.relate}
    return TaxonomyData.of(data.version + 1, concepts.values(), edges.values())


@settings(max_examples=40)
@given(wild(), st.data())
def test_a_change_set_applied_to_columns(rows: tuple[list[Concept], list[Relation]], data: st.DataObject) -> None:
    before = TaxonomyData.of(3, *rows)
    ids = st.sampled_from((*IDS[:8], "nobody", "0"))
    edges = st.builds(Relation, st.sampled_from(RELATION_TYPES), ids, ids, st.booleans())
    if before.relations:
        edges = edges | st.sampled_from(before.relations)
    change = st.one_of(
        ids.flatmap(wild_concepts).map(PutConcept),
        ids.map(DeleteConcept),
        edges.map(PutRelation),
        edges.map(DeleteRelation),
    )
    changes = ChangeSet(tuple(data.draw(st.lists(change, max_size=6))), "test")
    expected, found = _after(before, changes), after(before, changes)
    assert found == expected
    assert Taxonomy.of(found).revision == Taxonomy.of(expected).revision
