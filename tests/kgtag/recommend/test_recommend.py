"""Neighbours and recommendations, piece by piece of evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError, UnknownConcept
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.recommend import CoOccurrence, Recommender
from kgtag.recommend.items import ItemTags
from kgtag.recommend.model import RecommenderModel
from tests.api import shop
from tests.strategies import taxonomies


class Nearest:
    """Text vectors of "red", "blue" at 0.8 and something unknown at 0.9."""

    entities = ("blue", "gone", "red")
    texts = np.array([[0.8, 0.6], [0.9, 0.44], [1.0, 0.0]], dtype=np.float32)

    def find(self, entity: str) -> int:
        return self.entities.index(entity) if entity in self.entities else -1


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    edges = [Relation(type, source, target, type == "broader").canonical() for type, source, target in shop.EDGES]
    edges.append(Relation("excludes", "blue", "leather"))
    concepts = sorted(shop.CONCEPTS, key=lambda c: c.id)
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges))))


ITEMS = [["running", "red", "leather"]] * 3 + [["sandals", "blue"]] * 3 + [["http://shop.test/boots", "leather"]] * 2


def item(id: str, *concepts: str, probability: float = 0.9) -> TaggedItem:
    tags = tuple(ItemTag(concept, probability, "exact") for concept in concepts)
    return TaggedItem(id, id.upper(), "en", "m", "r", tags)


def test_asserted_and_inferred(taxonomy: Taxonomy) -> None:
    rows = {n.concept: n for n in Recommender(taxonomy).neighbours("running")}
    assert (rows["sneakers"].relation, rows["sneakers"].direction, rows["sneakers"].score) == ("broader", "out", 1.0)
    assert rows["sandals"].evidence[0].type == "asserted" and rows["sandals"].group == "goes_with"
    assert not {"material", "colour"} & set(rows)
    (back,) = [n for n in Recommender(taxonomy).neighbours("sneakers") if n.concept == "running"]
    assert (back.relation, back.direction, back.group) == ("broader", "in", "taxonomy")


def test_attributes_only_when_asked(taxonomy: Taxonomy) -> None:
    recommender = Recommender(taxonomy)
    for asked in ({"kind": "attribute"}, {"relation": "applies_to"}, {"group": "facets"}):
        rows = {n.concept: n for n in recommender.neighbours("running", **asked)}  # type: ignore[arg-type]
        assert rows["material"].evidence[0].path == ("material", "sneakers", "running")
        assert set(rows) == {"material", "colour"}
    assert {n.concept for n in recommender.neighbours("colour", kind="value")} == {"red", "blue", "crimson"}


def test_what_stands_above_nearly_everything_is_left_out() -> None:
    concepts = tuple(Concept(id, "s", "category", {"en": id}) for id in ("all", "boots", "shoes", "tea"))
    pairs = (("boots", "shoes"), ("shoes", "all"), ("tea", "all"))
    edges = tuple(Relation("broader", a, b, primary=True) for a, b in pairs)
    tree = Taxonomy.of(TaxonomyData.of(0, concepts, edges))
    assert [n.concept for n in Recommender(tree).neighbours("boots")] == ["shoes"]


def test_a_concept_comes_once_with_its_evidence_joined(taxonomy: Taxonomy) -> None:
    counted = CoOccurrence.of(taxonomy, ITEMS)
    rows = Recommender(taxonomy, cooccurrence=counted, similarity=Nearest()).neighbours("red", limit=50)  # type: ignore[arg-type]
    found = {n.concept: n for n in rows}
    assert len(found) == len(rows) and "gone" not in found
    assert (found["running"].relation, found["running"].support) == ("occurs_with", "3 of 3 items")
    assert {e.type for e in found["blue"].evidence} == {"inferred", "embedding"}
    assert found["leather"].to_dict()["group"] == "goes_with"
    only = Recommender(taxonomy, similarity=Nearest()).neighbours("red", evidence=["embedding"])  # type: ignore[arg-type]
    assert [(n.concept, n.relation) for n in only] == [("blue", "similar")]
    assert all(n.score >= 0.5 for n in Recommender(taxonomy).neighbours("red", least=0.5))


def test_a_broader_partner_is_left_out_for_the_narrower(taxonomy: Taxonomy) -> None:
    near = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, ITEMS)).neighbours("red")
    assert not {"shoes", "sneakers"} & {n.concept for n in near}


def test_siblings_come_by_meaning() -> None:
    labels = {"a": "Tea", "b": "Bread", "c": "Tea bags", "d": "Drinks"}
    concepts = tuple(Concept(id, "s", "category", {"en": label}) for id, label in labels.items())
    edges = tuple(Relation("broader", id, "d", primary=True) for id in "abc")
    tree = Taxonomy.of(TaxonomyData.of(0, concepts, edges))
    assert [n.concept for n in Recommender(tree).neighbours("a", relation="sibling")] == ["c", "b"]


def test_recommendations_leave_out_what_is_known_or_excluded(taxonomy: Taxonomy) -> None:
    recommender = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, ITEMS))
    rows = recommender.recommend(["red", "running"])
    assert rows[0].concept == "leather" and rows[0].support == "3 of 3 items"
    assert not {n.concept for n in rows} & {"red", "running", "sneakers", "shoes", "colour", "material"}
    # Blue is another colour, of which an item has one.
    assert "blue" not in {n.concept for n in rows}
    assert "blue" not in {n.concept for n in recommender.recommend(["leather"])}
    categories = recommender.recommend(["red"], kind="category")
    assert categories and {taxonomy[n.concept].kind for n in categories} == {"category"}
    assert {n.concept for n in Recommender(taxonomy).recommend(["running"])} >= {"sandals"}
    with pytest.raises(UnknownConcept):
        recommender.recommend(["red", "nope"])


def test_cooccurrence_counts_items_and_follows_redirects() -> None:
    concepts = [Concept(id, "s", "category", {"en": id}) for id in "abc"]
    moved = Taxonomy.of(TaxonomyData.of(0, tuple(concepts), (Relation("replaced_by", "c", "a"),)))
    counted = CoOccurrence.of(moved, [["c", "b"], ["a", "b"], ["a", "gone"], [], ["b", "b"]])
    assert counted.items == 5
    assert [counted.count(moved.index(id)) for id in "abc"] == [3, 3, 0]
    assert [(moved.ids[p.j], p.both, p.of) for p in counted.partners(moved.index("a"))] == [("b", 2, 3)]
    assert counted.together(moved.index("a")) == {moved.index("b"): 2}
    assert CoOccurrence.of(moved, []).partners(0) == []
    assert not CoOccurrence.of(moved, []).fitting([0]).any()


def test_a_pair_seen_often_ranks_before_one_seen_twice() -> None:
    concepts = [Concept(id, "s", "category", {"en": id}) for id in "abc"]
    flat = Taxonomy.of(TaxonomyData.of(0, tuple(concepts), ()))
    sets = [["a", "b"]] * 12 + [["b"]] + [["a", "c"]] * 2 + [[]] * 40
    assert [flat.ids[p.j] for p in CoOccurrence.of(flat, sets).partners(0)] == ["b", "c"]


def test_items_say_why_and_never_contradict(taxonomy: Taxonomy) -> None:
    tags = ItemTags.of(
        taxonomy,
        [
            item("a", "running", "red", "leather"),
            item("b", "running", "blue"),
            item("c", "sandals", "red"),
            item("d", "x"),
        ],
    )
    assert len(tags) == 3 and tags.tags_of("b") == ["blue", "running", "shoes", "sneakers"]
    found = tags.recommend(["red"])
    assert {one.item for one in found} == {"a", "c"}  # b is blue, and colour is a single choice
    assert found[0].why.startswith("same: red")
    assert tags.recommend(["red"], lang="zh")[0].why.startswith("same: 红色")
    like = tags.recommend(items=["a"])
    assert [one.item for one in like] == ["b", "c"] and like[0].shared == ("running",)
    with pytest.raises(InputError, match="no item 'nope'"):
        tags.recommend(items=["nope"])
    with pytest.raises(InputError, match="needs concepts or items"):
        tags.recommend()


def test_behaviour_and_content_are_mixed(taxonomy: Taxonomy) -> None:
    tags = ItemTags.of(taxonomy, [item("a", "running"), item("b", "sneakers"), item("c", "leather"), item("d", "red")])
    model = RecommenderModel(
        ("a", "c", "unsold"),
        np.array([0, 2, 2, 3]),
        np.array([1, 2, 1], dtype=np.int32),
        weights=np.array([0.5, 0.9, 0.2], dtype=np.float32),
        counts=np.array([3, 2, 1]),
        popularity=0.0,
    )
    found = {one.item: one for one in tags.recommend(items=["a"], model=model)}
    assert set(found) == {"b", "c"} and found["c"].behaviour
    assert "chosen with it" in found["c"].why and found["b"].behaviour is None
    assert [one.item for one in tags.recommend(items=["unsold"], model=model)] == ["c"]


@given(taxonomies(), st.data())
def test_scores_order_and_determinism(data: TaxonomyData, draw: st.DataObject) -> None:
    taxonomy = Taxonomy.of(data)
    ids = st.sampled_from(taxonomy.ids)
    tag_sets = draw.draw(st.lists(st.lists(ids, max_size=4), max_size=8))
    recommender = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, tag_sets))
    concept = draw.draw(ids)
    rows = recommender.neighbours(concept, limit=1_000)
    assert rows == sorted(rows, key=lambda n: (-n.score, n.concept))
    assert len({n.concept for n in rows}) == len(rows)
    assert all(0 < n.score <= 1 and all(0 < e.score <= 1 for e in n.evidence) for n in rows)
    assert recommender.neighbours(concept, limit=3) == rows[:3]
    given_ids = draw.draw(st.lists(ids, min_size=1, max_size=3))
    known = {a for id in given_ids for a in (id, *taxonomy.ancestors(id))}
    assert not known & {n.concept for n in recommender.recommend(given_ids)}


def test_an_item_of_another_category_is_none_of_the_one_asked_for(taxonomy: Taxonomy) -> None:
    items = [item("boot", "http://shop.test/boots", "red"), item("sandal", "sandals", "blue"), item("any", "red")]
    found = ItemTags.of(taxonomy, items).recommend(["sandals", "red"])
    assert [one.item for one in found] == ["any"] or {one.item for one in found} == {"any", "sandal"}
    assert "boot" not in {one.item for one in found}


def test_a_deprecated_concept_names_what_replaces_it() -> None:
    concepts = tuple(
        Concept(id, "s", "category", {"en": id}, status="deprecated" if id == "a" else "active") for id in "ab"
    )
    moved = Taxonomy.of(TaxonomyData.of(0, concepts, (Relation("replaced_by", "a", "b"),)))
    assert [(n.concept, n.relation, n.score) for n in Recommender(moved).neighbours("a")] == [("b", "replaced_by", 1.0)]
    assert not Recommender(moved).neighbours("b")


def test_unlike_siblings_of_a_large_family_are_unlikely_neighbours() -> None:
    def scores(size: int) -> list[float]:
        concepts = [Concept("top", "s", "category", {"en": "Food"})]
        concepts += [Concept(f"x{n:03}", "s", "category", {"en": chr(0x4E00 + 7 * n) * 6}) for n in range(size)]
        edges = tuple(Relation("broader", one.id, "top", primary=True) for one in concepts[1:])
        tree = Taxonomy.of(TaxonomyData.of(0, tuple(concepts), edges))
        return [n.score for n in Recommender(tree).neighbours("x000", relation="sibling")]

    small, large = scores(6), scores(350)
    assert max(large) < 0.5 < min(small)
    assert len(large) == 20
