"""Tags that move with their concepts, in every store: they remember, and the way back is exact."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.changes import net
from graph.editing.retag import retagged
from graph.errors import InputError, UnknownConcept
from graph.model import Change, ChangeSet, Concept, DeleteConcept, ItemTag, PutConcept, Retag, Retagged, TaggedItem
from graph.model.changes import dump_change, load_change
from graph.store import TaxonomyStore


def put(*changes: Change) -> ChangeSet:
    return ChangeSet(changes, "ann", "why")


def item(id: str, *tags: ItemTag) -> TaggedItem:
    return TaggedItem(id, id, "en", "m", "r", tags, "2026-01-31T12:00:00Z")


def concepts(ids: str) -> list[Change]:
    return [PutConcept(Concept(id, "test", "category", {"en": id})) for id in ids]


@pytest.fixture
def shop(store: TaxonomyStore) -> TaxonomyStore:
    store.apply(put(*concepts("abc")))
    store.put_items(
        [
            item("1", ItemTag("a", 0.9, "exact", 0, 3, "Kicks"), ItemTag("b", 0.5, "dense", 4, 7, "shoe")),
            item("2", ItemTag("b", 0.9, "exact"), ItemTag("a", 0.9, "exact", 1, 2, "trainer")),
            item("3", ItemTag("a", 0.3, "exact", status="rejected"), ItemTag("c", 0.8, "exact")),
            item("4", ItemTag("c", 0.8, "exact")),
            item(
                "5", ItemTag("a", 0.4, "exact"), ItemTag("a", 0.6, "implied"), ItemTag("b", 0.2, "x", status="proposed")
            ),
        ]
    )
    return store


def test_tags_move_and_an_item_carries_no_concept_twice(shop: TaxonomyStore) -> None:
    before = list(shop.items())
    shop.apply(put(Retag("a", "b")))
    from_a = (Retagged("a", "a", "accepted", 2),)
    assert list(shop.items()) == [
        item(
            "1",
            ItemTag("b", 0.9, "exact", 0, 3, "Kicks", retagged_from=from_a),
            ItemTag("b", 0.5, "dense", 4, 7, "shoe", "merged", (Retagged("a", "b", "accepted", 2),)),
        ),
        item("2", ItemTag("b", 0.9, "exact"), ItemTag("b", 0.9, "exact", 1, 2, "trainer", "merged", from_a)),
        item(
            "3",
            ItemTag("b", 0.3, "exact", status="rejected", retagged_from=(Retagged("a", "a", "rejected", 2),)),
            ItemTag("c", 0.8, "exact"),
        ),
        before[3],
        item(
            "5",
            ItemTag("b", 0.4, "exact", status="merged", retagged_from=from_a),
            ItemTag("b", 0.6, "implied", retagged_from=from_a),
            ItemTag("b", 0.2, "x", status="proposed"),
        ),
    ]
    assert shop.items_of("a") == [] and shop.items_of("b") == ["1", "2", "5"]
    assert shop.item("1") == next(shop.items())
    shop.apply(put(Retag("b", "a", back=True)))
    assert list(shop.items()) == before


def test_a_chain_goes_back_step_by_step(shop: TaxonomyStore) -> None:
    states = [list(shop.items())]
    for source, target in (("a", "b"), ("b", "c")):
        shop.apply(put(Retag(source, target)))
        states.append(list(shop.items()))
    assert shop.items_of("a") == shop.items_of("b") == []
    assert shop.items_of("c") == ["1", "2", "3", "4", "5"]
    for source, target in (("c", "b"), ("b", "a")):
        states.pop()
        shop.apply(put(Retag(source, target, back=True)))
        assert list(shop.items()) == states[-1]


def test_only_these_surfaces(shop: TaxonomyStore) -> None:
    shop.apply(put(Retag("a", "b", surfaces=("kicks", "TRAINER"))))
    assert shop.items_of("a") == ["5"] and shop.items_of("b") == ["1", "2"]


def test_each_change_set_goes_back_by_itself(shop: TaxonomyStore) -> None:
    states = [list(shop.items())]
    for surfaces in (("kicks",), None):
        shop.apply(put(Retag("a", "b", surfaces=surfaces)))
        states.append(list(shop.items()))
    shop.apply(put(Retag("b", "a", back=True, version=3)))
    assert list(shop.items()) == states[1]
    shop.apply(put(Retag("b", "a", back=True, version=2)))
    assert list(shop.items()) == states[0]


def test_tags_leave_a_concept_before_it_is_deleted(shop: TaxonomyStore) -> None:
    """As in the inverse of a split: what had moved to a part goes back, and the part goes."""
    before = list(shop.items())
    shop.apply(put(*concepts("p"), Retag("a", "p")))
    shop.apply(put(Retag("p", "a", back=True), DeleteConcept("p")))
    assert list(shop.items()) == before
    shop.apply(put(*concepts("q"), Retag("a", "q"), DeleteConcept("a")))
    assert shop.items_of("q") == ["1", "2", "5"]


def test_a_retag_that_cannot_be_writes_nothing(shop: TaxonomyStore) -> None:
    before = list(shop.items())
    with pytest.raises(UnknownConcept, match="nobody"):
        shop.apply(put(*concepts("d"), Retag("a", "nobody")))
    with pytest.raises(InputError, match="to itself"):
        shop.apply(put(Retag("a", "a")))
    with pytest.raises(InputError, match="two steps"):
        shop.apply(put(DeleteConcept("b"), *concepts("b"), Retag("a", "b"), DeleteConcept("a")))
    assert list(shop.items()) == before and shop.read().version == 1


def test_steps_travel_with_the_item(shop: TaxonomyStore) -> None:
    """An item that is read and put again can still go back."""
    before = list(shop.items())
    shop.apply(put(Retag("a", "b")))
    shop.put_items(list(shop.items()))
    shop.apply(put(Retag("b", "a", back=True)))
    assert list(shop.items()) == before


@pytest.mark.parametrize(
    "retag", [Retag("a", "b"), Retag("a", "b", ("x",), back=True), Retag("a", "b", back=True, version=7)]
)
def test_a_retag_survives_json(retag: Retag) -> None:
    assert load_change(dump_change(retag)) == retag


def test_retags_keep_their_order() -> None:
    chain = (Retag("a", "b"), Retag("b", "c"))
    assert net(put(*chain)).retag == chain


_tags = st.lists(
    st.builds(
        ItemTag,
        concept=st.sampled_from("abcd"),
        probability=st.sampled_from((0.2, 0.5, 0.5, 0.9)),
        method=st.just("exact"),
        surface=st.sampled_from((None, "x", "Y", "z")),
        status=st.sampled_from(("accepted", "accepted", "proposed", "rejected")),
    ),
    max_size=6,
)
_steps = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from("abcd"),
        st.none() | st.lists(st.sampled_from(("x", "y", "z")), max_size=2).map(tuple),
    ).filter(lambda step: step[0] != step[1]),
    max_size=5,
)


@given(_tags, _steps)
def test_the_way_back_is_exact(tags: list[ItemTag], steps: list[tuple[str, str, tuple[str, ...] | None]]) -> None:
    states: list[Sequence[ItemTag]] = [tags]
    for version, (source, target, surfaces) in enumerate(steps):
        states.append(retagged(states[-1], Retag(source, target, surfaces), version=version))
        moved = {tag.concept for tag, old in zip(states[-1], states[-2], strict=True) if tag.concept != old.concept}
        for concept in moved:
            assert sum((tag.concept, tag.status) == (concept, "accepted") for tag in states[-1]) <= 1
    for version, (source, target, surfaces) in reversed(list(enumerate(steps))):
        now = states.pop()
        back = Retag(target, source, surfaces, back=True, version=version)
        assert retagged(now, back, version=99) == list(states[-1])


@given(_tags, _steps, st.randoms(use_true_random=False))
def test_undo_in_any_order_never_duplicates_a_tag(
    tags: list[ItemTag], steps: list[tuple[str, str, tuple[str, ...] | None]], random: object
) -> None:
    once = [tag for i, tag in enumerate(tags) if tag.concept not in {other.concept for other in tags[:i]}]
    now: Sequence[ItemTag] = once
    for version, (source, target, surfaces) in enumerate(steps):
        now = retagged(now, Retag(source, target, surfaces), version=version)
    order = list(enumerate(steps))
    random.shuffle(order)  # type: ignore[attr-defined]
    for version, (source, target, _) in order:
        now = retagged(now, Retag(target, source, back=True, version=version), version=99)
        carried = [tag.concept for tag in now if tag.status == "accepted"]
        assert len(carried) == len(set(carried))
