"""The snapshot against what the relations say, worked out another way."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import UnknownConcept
from graph.model import Concept, Kind, Relation
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies


def concept(id: str, kind: Kind = "category", **fields: object) -> Concept:
    return replace(Concept(id, "test", kind, {"en": id}), **fields)  # type: ignore[arg-type]


def build(*rows: Concept | Relation, version: int = 0) -> Taxonomy:
    concepts = [row for row in rows if isinstance(row, Concept)]
    relations = [row for row in rows if isinstance(row, Relation)]
    return Taxonomy.of(TaxonomyData.of(version, tuple(concepts), tuple(relations)))


@settings(max_examples=30)
@given(taxonomies())
def test_closure_agrees_with_networkx(data: TaxonomyData) -> None:
    taxonomy = Taxonomy.of(data)
    assert taxonomy.problems == ()
    assert taxonomy.concepts == data.concepts
    assert {r.key for r in taxonomy.relations} == {r.key for r in data.relations}
    broader = nx.DiGraph()
    broader.add_nodes_from(taxonomy.ids)
    broader.add_edges_from((r.source, r.target) for r in data.relations if r.type == "broader")
    for id in taxonomy.ids:
        assert taxonomy.ancestors(id) == sorted(nx.descendants(broader, id))
        assert taxonomy.descendants(id) == sorted(nx.ancestors(broader, id))
        assert [a for a in taxonomy.ids if taxonomy.is_ancestor(a, id)] == taxonomy.ancestors(id)
        path = taxonomy.path(id)
        assert path[-1] == id
        assert not taxonomy.out(path[0], "broader")
        assert all(b in taxonomy.out(a, "broader") for b, a in pairwise(path))
        assert taxonomy.depth(id) == len(path) - 1
    for id in taxonomy.ids:
        assert sum(r.primary for r in taxonomy.relations_from(id)) == (1 if taxonomy.out(id, "broader") else 0)


@settings(max_examples=30)
@given(taxonomies(), st.randoms(use_true_random=False))
def test_exclusion_and_applicability_are_inherited(data: TaxonomyData, _: random.Random) -> None:
    taxonomy = Taxonomy.of(data)
    excludes = {frozenset((r.source, r.target)) for r in data.relations if r.type == "excludes"}
    lines = {id: {id, *taxonomy.ancestors(id)} for id in taxonomy.ids}
    for a in taxonomy.ids:
        assert not taxonomy.excluded(a, a)
        for b in taxonomy.ids:
            expected = any(frozenset((x, y)) in excludes for x in lines[a] for y in lines[b])
            assert taxonomy.excluded(a, b) == taxonomy.excluded(b, a) == expected
        if taxonomy[a].kind == "category":
            applies = {r.source for r in data.relations if r.type == "applies_to" and r.target in lines[a]}
            assert taxonomy.attributes_for(a) == sorted(applies)


@settings(max_examples=20)
@given(taxonomies(), st.randoms(use_true_random=False), st.integers(0, 99))
def test_the_revision_depends_on_content_alone(data: TaxonomyData, chance: random.Random, version: int) -> None:
    concepts, relations = list(data.concepts), list(data.relations)
    chance.shuffle(concepts)
    chance.shuffle(relations)
    concepts = [replace(c, pref_label=dict(reversed(c.pref_label.items()))) for c in concepts]
    relations = [replace(r, source=r.target, target=r.source) if r.type == "related" else r for r in relations]
    taxonomy = Taxonomy.of(data)
    shuffled = Taxonomy.of(TaxonomyData.of(version, tuple(concepts), tuple(relations)))
    assert shuffled.revision == taxonomy.revision
    first = data.concepts[0]
    edited = replace(first, pref_label={**first.pref_label, "en": "something else"})
    other = Taxonomy.of(TaxonomyData.of(0, (edited, *data.concepts[1:]), data.relations))
    assert other.revision != taxonomy.revision
    assert other.etag(first.id) != taxonomy.etag(first.id)
    assert len(taxonomy.revision) == 16


def test_redirects_lead_to_their_end() -> None:
    taxonomy = build(
        *(concept(id) for id in "abcd"), Relation("replaced_by", "a", "b"), Relation("replaced_by", "b", "c")
    )
    assert [taxonomy.resolve(id) for id in "abcd"] == ["c", "c", "c", "d"]
    round_trip = build(concept("a"), concept("b"), Relation("replaced_by", "a", "b"), Relation("replaced_by", "b", "a"))
    assert round_trip.resolve("a") in {"a", "b"}
    forks = [Relation("replaced_by", source, target) for source, target in ("ab", "bc", "bd")]
    split = build(*map(concept, "abcd"), *forks)
    assert [split.resolve(id) for id in "ab"] == ["b", "b"]
    with pytest.raises(UnknownConcept):
        taxonomy.resolve("nobody")


def test_facets() -> None:
    taxonomy = build(
        *(concept(id) for id in ("clothes", "shirts", "boats")),
        concept("color", "attribute", choice="single"),
        concept("sail", "attribute"),
        *(concept(id, "value") for id in ("red", "crimson", "blue", "lateen", "gaff")),
        Relation("broader", "shirts", "clothes"),
        Relation("broader", "crimson", "red"),
        Relation("applies_to", "color", "clothes"),
        Relation("applies_to", "sail", "boats"),
        *(Relation("value_of", id, "color") for id in ("red", "crimson", "blue")),
        *(Relation("value_of", id, "sail") for id in ("lateen", "gaff")),
    )
    assert taxonomy.problems == ()
    assert taxonomy.attributes_for("shirts") == ["color"]
    assert taxonomy.attribute_of("crimson") == "color"
    assert taxonomy.attribute_of("shirts") is None
    assert taxonomy.values_of("color") == ["blue", "crimson", "red"]


def test_lookup_by_label() -> None:
    taxonomy = build(
        concept("t", pref_label={"en": "T-Shirt", "zh-Hans": "T恤"}, hidden_label={"en": ("tshirt",)}),
        concept("tee", pref_label={"de": "t shirt"}),
        concept("old", pref_label={"en": "T-Shirt"}, status="deprecated"),
    )
    assert taxonomy.lookup("T SHIRT") == ["t", "tee"]
    assert taxonomy.lookup("Ｔ-ｓｈｉｒｔ", lang="en-GB") == ["t"]
    assert taxonomy.lookup("t恤", lang="zh") == ["t"]
    assert taxonomy.lookup("tshirt") == ["t"]
    assert taxonomy.lookup("shirt") == []


def test_an_unknown_concept_names_its_neighbours() -> None:
    taxonomy = build(concept("aa-8-7", pref_label={"en": "Sandals"}), concept("aa-8-8", pref_label={"en": "Boots"}))
    with pytest.raises(UnknownConcept, match=r"no concept 'sandals'; did you mean 'Sandals' \(aa-8-7\)\?"):
        taxonomy.index("sandals")
    for call in (taxonomy.path, taxonomy.ancestors, taxonomy.attributes_for):
        with pytest.raises(UnknownConcept):
            call("nobody at all")
    assert taxonomy.get("nobody") is None
    assert "nobody" not in taxonomy
    assert len(taxonomy) == 2


def test_an_empty_taxonomy_answers() -> None:
    taxonomy = build()
    assert (len(taxonomy), taxonomy.ids, taxonomy.problems, taxonomy.schemes) == (0, (), (), ())
    assert taxonomy.revision == "0" * 16
    assert taxonomy.lookup("x") == []


def test_a_deep_line_needs_no_recursion() -> None:
    n = 3000
    rows = [concept(f"c{i:04}") for i in range(n)]
    taxonomy = build(*rows, *(Relation("broader", f"c{i:04}", f"c{i - 1:04}") for i in range(1, n)))
    assert taxonomy.depth(f"c{n - 1:04}") == n - 1
    assert len(taxonomy.ancestors(f"c{n - 1:04}")) == n - 1
