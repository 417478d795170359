"""One item by its id, in every store."""

from __future__ import annotations

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, TaggedItem
from graph.store import TaxonomyStore


def test_one_item_as_it_was_put(store: TaxonomyStore) -> None:
    concepts = [PutConcept(Concept(id, "s", "category", {"en": id})) for id in ("a", "b")]
    store.apply(ChangeSet(tuple(concepts), "test"))
    tags = (ItemTag("b", 0.5, "exact", 0, 3, "red"), ItemTag("a", 1.0, "implied", status="rejected"))
    items = [TaggedItem("x", "Red 鞋", "zh", "m", "r", tags), TaggedItem("x1", "other", None, "m", "r", ())]
    store.put_items(items)
    assert [store.item(item.id) for item in items] == items
    assert store.item("") is None and store.item("X") is None and store.item("nobody") is None
