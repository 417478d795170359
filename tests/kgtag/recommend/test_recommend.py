"""Neighbours and recommendations, piece by piece of evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import UnknownConcept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.recommend import CoOccurrence, Recommender
from tests.api import shop
from tests.strategies import taxonomies


class Nearest:
    """Similar to "red": "blue" at 0.8, something unknown, something opposite."""

    def __contains__(self, entity: object) -> bool:
        return entity == "red"

    def neighbours(self, entity: str, k: int) -> list[tuple[str, float]]:
        return [("blue", 0.8), ("gone", 0.7), ("crimson", -0.5)][:k]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    edges = [Relation(type, source, target, type == "broader").canonical() for type, source, target in shop.EDGES]
    edges.append(Relation("excludes", "blue", "leather"))
    concepts = sorted(shop.CONCEPTS, key=lambda c: c.id)
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges))))


def test_asserted_and_inferred(taxonomy: Taxonomy) -> None:
    rows = {(n.concept, n.relation, n.direction): n for n in Recommender(taxonomy).neighbours("running")}
    assert rows["sneakers", "broader", "out"].score == 1.0
    assert rows["shoes", "broader", "out"].evidence[0].path == ("running", "sneakers", "shoes")
    assert rows["material", "applies_to", "in"].evidence[0].path == ("material", "sneakers", "running")
    assert rows["colour", "applies_to", "in"].evidence[0].path == ("colour", "shoes", "running")
    assert rows["sandals", "related", "both"].evidence[0].type == "asserted"
    assert ("running", "broader", "in") in {
        (n.concept, n.relation, n.direction) for n in Recommender(taxonomy).neighbours("sneakers")
    }


def test_evidence_of_several_kinds_adds_up(taxonomy: Taxonomy) -> None:
    together = CoOccurrence.of(taxonomy, [["red", "leather"]] * 3 + [["blue"]] * 3)
    recommender = Recommender(taxonomy, cooccurrence=together, similarity=Nearest())
    rows = {(n.concept, n.relation): n for n in recommender.neighbours("red")}
    assert rows["leather", "occurs_with"].evidence[0].count == 3
    assert rows["blue", "similar"].score == pytest.approx(0.8)
    assert not {"gone"} & {n.concept for n in recommender.neighbours("red")}
    only = recommender.neighbours("red", evidence=["embedding"])
    assert [(n.concept, n.relation) for n in only] == [("blue", "similar")]
    assert recommender.neighbours("red", relation="occurs_with")[0].concept == "leather"


def test_recommendations_leave_out_what_is_known_or_excluded(taxonomy: Taxonomy) -> None:
    recommender = Recommender(taxonomy, similarity=Nearest())
    found = {n.concept for n in recommender.recommend(["red", "running"])}
    assert not found & {"red", "running", "sneakers", "shoes"} and {"blue", "sandals"} <= found
    assert "blue" not in {n.concept for n in recommender.recommend(["red", "leather"])}
    assert {taxonomy[n.concept].kind for n in recommender.recommend(["red", "running"], kind="category")} == {
        "category"
    }
    with pytest.raises(UnknownConcept):
        recommender.recommend(["red", "nope"])


def test_cooccurrence_counts_items_and_follows_redirects() -> None:
    concepts = [Concept(id, "s", "category", {"en": id}) for id in "abc"]
    moved = Taxonomy.of(TaxonomyData.of(0, tuple(concepts), (Relation("replaced_by", "c", "a"),)))
    counted = CoOccurrence.of(moved, [["c", "b"], ["a", "b"], ["a", "gone"], [], ["b", "b"]])
    assert counted.items == 5
    assert [counted.count(moved.index(id)) for id in "abc"] == [3, 3, 0]
    assert [(moved.ids[j], n) for j, n, _ in counted.partners(moved.index("a"))] == [("b", 2)]
    assert counted.partners(moved.index("a"), min_count=3) == []
    assert CoOccurrence.of(moved, []).partners(0) == []


def test_a_concepts_own_line_is_no_news() -> None:
    concepts = tuple(Concept(id, "s", "category", {"en": id}) for id in ("boots", "shoes", "tea"))
    taxonomy = Taxonomy.of(TaxonomyData.of(0, concepts, (Relation("broader", "boots", "shoes"),)))
    counted = CoOccurrence.of(taxonomy, [["boots", "shoes", "tea"], ["boots", "shoes", "tea"], []])
    near = Recommender(taxonomy, cooccurrence=counted).neighbours("boots", evidence=["cooccurrence"])
    assert [n.concept for n in near] == ["tea"]


@given(taxonomies(), st.data())
def test_scores_order_and_determinism(data: TaxonomyData, draw: st.DataObject) -> None:
    taxonomy = Taxonomy.of(data)
    ids = st.sampled_from(taxonomy.ids)
    tag_sets = draw.draw(st.lists(st.lists(ids, max_size=4), max_size=8))
    recommender = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, tag_sets))
    concept = draw.draw(ids)
    rows = recommender.neighbours(concept, limit=1_000)
    assert rows == sorted(rows, key=lambda n: (-n.score, n.concept, n.relation, n.direction))
    assert all(0 < n.score <= 1 and all(0 < e.score <= 1 for e in n.evidence) for n in rows)
    assert recommender.neighbours(concept, limit=3) == rows[:3]
    given_ids = draw.draw(st.lists(ids, min_size=1, max_size=3))
    known = {a for id in given_ids for a in (id, *taxonomy.ancestors(id))}
    assert not known & {n.concept for n in recommender.recommend(given_ids)}
