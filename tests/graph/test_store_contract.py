"""What the port promises, held against every store."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import ConflictError, InputError, NotAllowed, UnknownConcept
from graph.model import (
    ApiKey,
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    Event,
    Feedback,
    ItemTag,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
    Retag,
    TaggedItem,
)
from graph.store import TaxonomyStore

SHOES = Concept("shoes", "test", "category", {"en": "Shoes", "zh": "鞋"}, alt_label={"en": ("Footwear", "Kicks")})
BOOTS = Concept("boots", "test", "category", {"en": "Boots"}, definition={"en": "Shoes that cover the ankle"})
COLOR = Concept("color", "test", "attribute", {"en": "Color"}, choice="single", notation="C-1", status="candidate")
RED = Concept("red", "test", "value", {"en": "Red", "und": "🟥"}, hidden_label={"en": ("rde",)})


def changes(*rows: Change | Concept | Relation, author: str = "ann") -> ChangeSet:
    def change(row: Change | Concept | Relation) -> Change:
        return PutConcept(row) if isinstance(row, Concept) else PutRelation(row) if isinstance(row, Relation) else row

    return ChangeSet(tuple(map(change, rows)), author, "because")


def put(id: str, *tags: ItemTag) -> TaggedItem:
    return TaggedItem(id, f"Title of {id}", "en", "model-1", "rev-1", tags, "2026-01-31T12:00:00Z")


def test_reads_back_what_was_written_in_order(store: TaxonomyStore) -> None:
    assert store.read().version == 0
    edges = [Relation("value_of", "red", "color"), Relation("broader", "boots", "shoes", primary=True)]
    assert store.apply(changes(SHOES, RED, COLOR, BOOTS, *edges)) == 1
    data = store.read()
    assert data.version == 1
    assert data.concepts == (BOOTS, COLOR, RED, SHOES)
    assert data.relations == (edges[1], edges[0])


def test_put_replaces_whole(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES))
    plain = Concept("shoes", "other", "attribute", {"de": "Schuhe"})
    store.apply(changes(plain))
    assert store.read().concepts == (plain,)


def test_delete_takes_relations_and_tags_along(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, BOOTS, Relation("broader", "boots", "shoes"), Relation("related", "boots", "shoes")))
    store.put_items([put("i", ItemTag("boots", 0.9, "exact"), ItemTag("shoes", 0.9, "implied"))])
    store.apply(changes(DeleteConcept("boots"), DeleteConcept("never there")))
    assert store.read().concepts == (SHOES,)
    assert store.read().relations == ()
    assert [tag.concept for item in store.items() for tag in item.tags] == ["shoes"]


@pytest.mark.parametrize("type", ["related", "excludes", "exact_match", "close_match"])
def test_symmetric_relations_are_one_whichever_way_they_are_given(store: TaxonomyStore, type: RelationType) -> None:
    store.apply(changes(SHOES, BOOTS, Relation(type, "shoes", "boots"), Relation(type, "boots", "shoes")))
    assert store.read().relations == (Relation(type, "boots", "shoes"),)
    store.apply(changes(DeleteRelation(Relation(type, "shoes", "boots"))))
    assert store.read().relations == ()


def test_primary_can_be_moved(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, BOOTS, Relation("broader", "boots", "shoes", primary=True)))
    store.apply(changes(Relation("broader", "boots", "shoes")))
    assert store.read().relations == (Relation("broader", "boots", "shoes"),)


def test_changes_happen_in_order(store: TaxonomyStore) -> None:
    edge = Relation("broader", "boots", "shoes")
    store.apply(changes(edge, BOOTS, SHOES, DeleteConcept("boots"), BOOTS, DeleteRelation(edge)))
    assert store.read().concepts == (BOOTS, SHOES)
    assert store.read().relations == ()
    store.apply(changes(DeleteRelation(edge), edge))
    assert store.read().relations == (edge,)


def test_a_lost_race_writes_nothing(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES), expect_version=0)
    with pytest.raises(ConflictError, match="version 1, not at 0"):
        store.apply(changes(BOOTS), expect_version=0)
    assert store.read().concepts == (SHOES,)
    assert len(list(store.history())) == 1


def test_a_refused_change_writes_nothing(store: TaxonomyStore) -> None:
    with pytest.raises(UnknownConcept, match="nobody"):
        store.apply(changes(SHOES, Relation("related", "shoes", "nobody")))
    with pytest.raises(InputError, match="surrogate"):
        store.apply(changes(Concept("bad", "test", "category", {"en": "\ud800"})))
    assert store.read() == TaxonomyData.of(0, (), ())


def test_history_tells_everything_back(store: TaxonomyStore) -> None:
    first = changes(SHOES, BOOTS, COLOR, RED, Relation("broader", "boots", "shoes", primary=True))
    second = changes(DeleteRelation(Relation("broader", "boots", "shoes")), DeleteConcept("red"), author="bob 🙂")
    store.apply(first)
    store.apply(second)
    entries = list(store.history())
    assert [(e.version, e.author, e.reason, e.changes) for e in entries] == [
        (1, "ann", "because", first.changes),
        (2, "bob 🙂", "because", second.changes),
    ]
    assert entries[0].at <= entries[1].at
    assert entries[0].at.endswith("+00:00")
    assert list(store.history(after=1)) == entries[1:]
    assert list(store.history(limit=1)) == entries[:1]
    assert list(store.history(after=2)) == []


def test_the_token_moves_with_commits_and_with_nothing_else(store: TaxonomyStore) -> None:
    tokens = [store.token()]
    store.read()
    assert store.token() == tokens[0]
    store.apply(changes(SHOES))
    tokens.append(store.token())
    store.put_items([put("i", ItemTag("shoes", 1.0, "given"))])
    tokens.append(store.token())
    list(store.items())
    with pytest.raises(ConflictError):
        store.apply(changes(BOOTS), expect_version=9)
    assert store.token() == tokens[-1]
    assert len(set(tokens)) == 3


def test_items(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, RED))
    tags = (
        ItemTag("shoes", 0.25, "dense", 0, 5, "Schuh", "proposed"),
        ItemTag("red", 1.0, "exact", 6, 9, "rot"),
        ItemTag("shoes", 0.5, "implied"),
    )
    store.put_items([put("b", *tags), put("a"), put("c", ItemTag("red", 0.5, "exact", status="rejected"))])
    assert list(store.items()) == [put("a"), put("b", *tags), put("c", ItemTag("red", 0.5, "exact", status="rejected"))]
    assert list(store.items(after="a", limit=1)) == [put("b", *tags)]
    assert store.items_of("red") == ["b"]
    store.put_items([put("b"), put("c", ItemTag("red", 0.5, "exact")), put("a", ItemTag("red", 0.5, "exact"))])
    assert store.items_of("red") == ["a", "c"]
    assert store.items_of("red", limit=1) == ["a"]
    assert store.items_of("shoes") == store.items_of("nobody") == []


def test_items_are_erased_with_what_was_thought_of_them(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, RED))
    store.put_items([put(id, ItemTag("red", 0.5, "exact")) for id in "abc"])
    for item in ("a", "b"):
        store.put_feedback(Feedback(f"1-{item}", "2026-01-01T00:00:00Z", "ann", "red", "right", item))
    assert store.items_of("red", after="a", limit=1) == ["b"]
    assert store.delete_items(["a", "c", "a", "nobody"]) == 2
    assert [item.id for item in store.items()] == store.items_of("red") == ["b"]
    assert [one.item for one in store.feedback()] == ["b"]
    assert store.delete_items([]) == 0


def test_feedback_comes_back_and_changes_the_tags_of_its_item(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, BOOTS, RED))
    tags = (ItemTag("shoes", 0.9, "exact"), ItemTag("red", 0.4, "dense", 0, 3, "ruby", "proposed"))
    store.put_items([put("a", *tags)])
    row = {"title": "Rubber boots", "lang": "en"}
    given = [
        Feedback("1", "2026-01-01T00:00:00Z", "ann", "shoes", "wrong", "a", reason="they are boots"),
        Feedback("2", "2026-01-01T00:00:01Z", "ann", "red", "right", "a"),
        Feedback("3", "2026-01-01T00:00:02Z", "bob", "boots", "missing", "a", span=(7, 12)),
        Feedback("4", "2026-01-01T00:00:03Z", "bob", "boots", "missing", product=row),
        Feedback("5", "2026-01-01T00:00:04Z", "bob", "boots", "missing", "not stored"),
    ]
    for one in given:
        store.put_feedback(one)
    assert list(store.feedback()) == given
    assert list(store.feedback(after="2", limit=1)) == given[2:3]
    assert list(store.feedback(concept="boots")) == given[2:]
    found = store.item("a")
    assert found is not None
    assert [(tag.concept, tag.status, tag.method) for tag in found.tags] == [
        ("shoes", "rejected", "exact"), ("red", "accepted", "dense"), ("boots", "accepted", "given")
    ]  # fmt: skip
    assert (found.tags[2].start, found.tags[2].end) == (7, 12)
    store.put_items([put("a", *tags)])  # tagged again
    again = store.item("a")
    assert again is not None
    assert [(tag.concept, tag.status) for tag in again.tags] == [(tag.concept, tag.status) for tag in found.tags]
    with pytest.raises(UnknownConcept, match="'nobody'"):
        store.put_feedback(Feedback("6", "", "ann", "nobody", "right"))
    assert len(list(store.feedback())) == len(given)


def test_a_verdict_is_taken_back(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES, BOOTS, RED))
    store.put_items([put("a", ItemTag("shoes", 0.9, "exact"), ItemTag("red", 0.4, "dense"))])
    at = "2026-01-01T00:00:00Z"
    for id, concept, verdict in (
        ("1", "shoes", "right"), ("2", "shoes", "wrong"), ("3", "red", "wrong"), ("4", "boots", "missing")
    ):  # fmt: skip
        store.put_feedback(Feedback(id, at, "ann", concept, verdict, "a"))  # type: ignore[arg-type]
    store.put_feedback(Feedback("5", at, "ann", "boots", "right", product={"title": "Boots"}))

    def tags() -> dict[str, str]:
        found = store.item("a")
        assert found is not None
        return {tag.concept: tag.status for tag in found.tags}

    assert tags() == {"shoes": "rejected", "red": "rejected", "boots": "accepted"}
    with pytest.raises(NotAllowed, match="is ann's"):
        store.delete_feedback("2", by="bob")
    taken = [store.delete_feedback(id, by="ann") for id in "2345"]
    assert [one.id for one in taken if one is not None] == ["2", "3", "4", "5"]
    assert tags() == {"shoes": "accepted", "red": "accepted"}, "the verdict before counts again; what was added goes"
    assert [one.id for one in store.feedback()] == ["1"]
    assert store.delete_feedback("2") is None


def test_events_of_a_profile_are_kept_and_erased(store: TaxonomyStore) -> None:
    store.put_events(
        [
            Event("1", "2026-01-01T00:00:00Z", "ann", 1.0, item="a"),
            Event("2", "2026-03-01T00:00:00Z", "ann", 3.0, concept="red"),
            Event("3", "2026-02-01T00:00:00Z", "ann", 0.5, item="never stored"),
            Event("4", "2026-01-01T00:00:00Z", "bob", 1.0, item="a"),
        ]
    )
    assert [event.id for event in store.events("ann")] == ["2", "3", "1"]
    assert store.events("ann", limit=1) == [Event("2", "2026-03-01T00:00:00Z", "ann", 3.0, concept="red")]
    assert store.delete_events() == 0
    assert store.delete_events(before="2026-02-01T00:00:00Z", profile="ann") == 1
    assert store.delete_events(profile="ann") == 2 and store.events("ann") == []
    assert len(store.events("bob")) == 1
    assert store.delete_events(before="2027-01-01T00:00:00Z") == 1
    store.put_events([])


def test_many_items_come_in_pages(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES))
    store.put_items([put(f"i{n:04}", ItemTag("shoes", 1.0, "given")) for n in range(1201)])
    assert [item.id for item in store.items()] == [f"i{n:04}" for n in range(1201)]
    assert len(list(store.items(limit=700))) == 700
    assert len(store.items_of("shoes")) == 1201


def test_tags_of_unknown_concepts_are_refused_whole(store: TaxonomyStore) -> None:
    store.apply(changes(SHOES))
    with pytest.raises(UnknownConcept, match="'nobody'"):
        store.put_items([put("i", ItemTag("shoes", 1.0, "given")), put("j", ItemTag("nobody", 1.0, "given"))])
    assert list(store.items()) == []


def test_keys(store: TaxonomyStore) -> None:
    key = ApiKey("k1", "search team", "ab" * 32, ("read", "tag"), "2026-01-01T00:00:00+00:00")
    store.put_key(key)
    store.put_key(ApiKey("k0", "", "cd" * 32, (), "2026-01-01T00:00:00+00:00"))
    assert list(map(attrgetter("id"), store.keys())) == ["k0", "k1"]
    assert store.keys()[1] == key
    assert store.delete_key("k0")
    assert not store.delete_key("k0")
    assert store.keys() == [key]
    store.put_key(replace(key, expires="2027-01-01T00:00:00+00:00"))
    assert store.keys()[0].expires == "2027-01-01T00:00:00+00:00"


def test_the_last_change_of_each_item_is_noted(store: TaxonomyStore) -> None:
    assert (store.item_changes(), store.item_seq()) == ([], 0)
    store.apply(changes(SHOES, BOOTS, RED))
    store.put_items([put("i", ItemTag("boots", 0.9, "exact")), put("j", ItemTag("red", 0.9, "exact")), put("k")])
    store.put_feedback(Feedback("f", "2026-01-01T00:00:00Z", "ann", "red", "wrong", "j", None, None, ""))
    store.put_feedback(Feedback("g", "2026-01-01T00:00:00Z", "ann", "red", "wrong", "nobody", None, None, ""))
    store.delete_items(["k", "nobody"])

    def noted(after: int = 0) -> list[tuple[str, int, str]]:
        return [(one.item, one.seq, one.change) for one in store.item_changes(after=after)]

    assert noted() == [("i", 1, "tagged"), ("j", 4, "tagged"), ("k", 5, "erased")]
    store.apply(changes(Retag("boots", "shoes")))
    assert noted(4) == [("k", 5, "erased"), ("i", 6, "tagged")] and store.item_seq() == 6
    store.apply(changes(DeleteConcept("red")))
    assert noted(6) == [("j", 7, "tagged")]
    assert len(store.item_changes(limit=2)) == 2
    assert store.old_items("2026-01-01") == [] and store.old_items("2100-01-01") == ["i", "j"]
    assert store.old_items("2100-01-01", limit=1) == ["i"]


def test_states_are_replaced_only_as_expected(store: TaxonomyStore) -> None:
    assert store.states("hook") == {}
    assert store.put_state("hook", "b", "1", expect=None) and store.put_state("hook", "a", "2", expect=None)
    assert not store.put_state("hook", "a", "3", expect=None) and not store.put_state("hook", "c", "3", expect="1")
    assert store.put_state("hook", "a", "3", expect="2") and store.put_state("other", "a", "4", expect=None)
    assert list(store.states("hook").items()) == [("a", "3"), ("b", "1")]
    assert store.put_state("hook", "b", None, expect="1") and store.put_state("hook", "z", None, expect=None)
    assert store.states("hook") == {"a": "3"}
