"""What a change does to tags, items and neighbour lists, on a shop small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.recommend.impact import Impact, impact

CONCEPTS = {
    id: Concept(id, "shop", "category", {"en": id.title()}) for id in ("shoes", "boots", "sandals", "gear", "tents")
}
EDGES = (
    Relation("broader", "boots", "shoes", primary=True),
    Relation("broader", "sandals", "shoes", primary=True),
    Relation("broader", "tents", "gear", primary=True),
)


def taxonomy(*changed: Concept, without: str = "", edges: tuple[Relation, ...] = EDGES) -> Taxonomy:
    concepts = CONCEPTS | {concept.id: concept for concept in changed}
    kept = tuple(concept for id, concept in sorted(concepts.items()) if id != without)
    return Taxonomy.of(TaxonomyData.of(0, kept, tuple(sorted(e for e in edges if without not in (e.source, e.target)))))


def item(id: str, *concepts: str) -> TaggedItem:
    return TaggedItem(id, id, "en", "m", "r", tuple(ItemTag(concept, 0.9, "exact") for concept in concepts))


ITEMS = [item("i1", "boots", "shoes"), item("i2", "boots"), item("i3", "tents")]


def of(after: Taxonomy) -> Impact:
    return impact(taxonomy(), after, ITEMS)


def test_nothing_changed_changes_nothing() -> None:
    assert of(taxonomy()) == Impact((), 0, (), (), 0, 0)


def test_a_concept_that_is_gone_takes_its_tags_along() -> None:
    found = of(taxonomy(without="boots"))
    assert [(t.concept, t.effects, t.items, t.now) for t in found.tags] == [("boots", ("gone",), 2, None)]
    assert (found.items, found.item_examples) == (2, ("i1", "i2"))
    lists = {one.concept: one for one in found.lists}
    assert lists["shoes"].left == ("boots",)
    assert lists["sandals"].left == ("boots",)
    assert "tents" not in lists


def test_a_redirect_says_where_it_leads() -> None:
    gone = replace(CONCEPTS["boots"], status="deprecated")
    found = of(taxonomy(gone, edges=(*EDGES, Relation("replaced_by", "boots", "sandals"))))
    assert [(t.concept, t.effects, t.now) for t in found.tags] == [("boots", ("redirected", "deprecated"), "sandals")]


def test_a_move_changes_what_a_tag_implies_and_who_stands_beside_it() -> None:
    moved = (Relation("broader", "boots", "gear", primary=True), *EDGES[1:])
    found = of(taxonomy(edges=moved))
    assert [(t.concept, t.effects, t.items) for t in found.tags] == [("boots", ("implies",), 2)]
    lists = {one.concept: one for one in found.lists}
    assert lists["tents"].entered == ("boots",)
    assert lists["boots"].entered == ("gear", "tents")


def test_a_new_name_shows_in_the_lists_that_hold_it() -> None:
    found = of(taxonomy(replace(CONCEPTS["tents"], pref_label={"en": "Shelters"})))
    assert [(t.concept, t.effects) for t in found.tags] == [("tents", ("renamed",))]
    assert [(one.concept, one.entered, one.left) for one in found.lists] == [("gear", (), ())]


def test_items_without_a_changed_tag_do_not_count() -> None:
    after = taxonomy(replace(CONCEPTS["sandals"], pref_label={"en": "Slippers"}))
    assert of(after).items == 0
    assert of(after).to_json()["neighbours"]["changed"] == 2


def test_a_new_release_of_another_scheme_changes_what_tags_are_called_there() -> None:
    theirs = Concept("t:1", "theirs", "category", {"en": "Boots & Shoes"})
    edges = (*EDGES, Relation("exact_match", "boots", "t:1"))
    renamed = replace(theirs, pref_label={"en": "Boots"})
    found = impact(taxonomy(theirs, edges=edges), taxonomy(renamed, edges=edges), ITEMS)
    assert [(t.concept, t.effects, t.items) for t in found.tags] == [("boots", ("mapped",), 2)]
    gone = impact(taxonomy(theirs, edges=edges), taxonomy(), ITEMS)
    assert [(t.concept, t.effects) for t in gone.tags] == [("boots", ("mapped",))]
