"""Editing operations: what each does to concepts, redirects and items, and that it can all be undone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import editing
from graph.columns.assemble import TaxonomyData
from graph.editing import Part, Signature, edit
from graph.errors import ConflictError, InputError, InvariantError, LostRace, UnknownConcept
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    ItemTag,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
    Retag,
    TaggedItem,
)
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.strategies import filling, taxonomies

BY = Signature("ann", "why")


def category(id: str, *alt: str, **more: object) -> Concept:
    return Concept(id, "shop", "category", {"en": id.title()}, alt_label={"en": alt} if alt else {}, **more)  # type: ignore[arg-type]


def edge(type: RelationType, source: str, target: str, primary: bool | None = None) -> Relation:
    return Relation(type, source, target, type == "broader" if primary is None else primary)


DATA = TaxonomyData.of(
    1,
    tuple(
        sorted(
            (
                *map(category, ("bags", "shoes", "totes", "packs", "old", "older", "all")),
                Concept("size", "shop", "attribute", {"en": "Size"}),
                Concept("colour", "shop", "attribute", {"en": "Colour"}),
                Concept("red", "shop", "value", {"en": "Red"}),
                Concept("blue", "shop", "value", {"en": "Blue"}),
            ),
            key=lambda c: c.id,
        )
    ),
    tuple(
        sorted(
            (
                edge("broader", "bags", "all"),
                edge("broader", "shoes", "all"),
                edge("broader", "totes", "bags"),
                edge("broader", "packs", "bags"),
                edge("related", "bags", "shoes"),
                edge("applies_to", "size", "bags"),
                edge("value_of", "red", "colour"),
                edge("value_of", "blue", "colour"),
                edge("replaced_by", "old", "bags"),
                edge("replaced_by", "older", "old"),
            )
        )
    ),
)
TAXONOMY = Taxonomy.of(DATA)
PARTS = (
    Part("handbags", {"en": "Handbags"}, {"en": ("purse", "bag")}, takes=("totes", "shoes")),
    Part("rucksacks", {"en": "Rucksacks"}, {"en": ("Bag",)}, takes=("packs",)),
)


def done(changes: ChangeSet, data: TaxonomyData = DATA) -> Taxonomy:
    result = Taxonomy.of(edit.after(data, changes))
    assert not result.problems
    return result


def test_rename_keeps_the_old_label() -> None:
    boots = Concept("b", "s", "category", {"en": "Boots", "zh": "靴"}, {"en": ("Booties",)}, {"en": ("Botes",)})
    data = TaxonomyData.of(1, (boots,), ())
    result = done(editing.rename(Taxonomy.of(data), "b", {"en": "Booties", "de": "Stiefel"}, BY), data)["b"]
    assert result.pref_label == {"en": "Booties", "zh": "靴", "de": "Stiefel"}
    assert result.alt_label == {"en": ("Boots",)}
    back = done(editing.rename(Taxonomy.of(data), "b", {"en": "Botes"}, BY), data)["b"]
    assert (back.alt_label, back.hidden_label) == ({"en": ("Booties", "Boots")}, {})
    for same in ({"en": "Boots"}, {}):
        with pytest.raises(InputError, match="already"):
            editing.rename(Taxonomy.of(data), "b", same, BY)


def test_move() -> None:
    moved = done(editing.move(TAXONOMY, "totes", ["shoes", "bags"], BY))
    assert moved.path("totes") == ["all", "shoes", "totes"] and moved.out("totes", "broader") == ["bags", "shoes"]
    assert done(editing.move(TAXONOMY, "totes", ["shoes", "bags"], BY, primary="bags")).path("totes")[1] == "bags"
    assert done(editing.move(TAXONOMY, "totes", [], BY)).path("totes") == ["totes"]
    with pytest.raises(UnknownConcept, match="nowhere"):
        editing.move(TAXONOMY, "totes", ["nowhere"], BY)
    with pytest.raises(InputError, match="can't be primary"):
        editing.move(TAXONOMY, "totes", ["bags"], BY, primary="shoes")


def test_merge_and_deprecate_resolve_chains_and_take_items_along() -> None:
    for changes in (editing.merge(TAXONOMY, "bags", "shoes", BY), editing.deprecate(TAXONOMY, "bags", "shoes", BY)):
        assert Retag("bags", "shoes") in changes.changes
        result = done(changes)
        assert [result.out(id, "replaced_by") for id in ("older", "old", "bags")] == [["shoes"]] * 3
    assert not any(isinstance(c, Retag) for c in editing.deprecate(TAXONOMY, "bags", None, BY).changes)


def test_redirects_never_form_a_cycle() -> None:
    for operation in (editing.merge, editing.deprecate):
        with pytest.raises(InputError, match="leads back"):
            operation(TAXONOMY, "bags", "old", BY)


def test_split() -> None:
    changes = editing.split(TAXONOMY, "bags", PARTS, BY)
    result = done(changes)
    assert result["bags"].status == "deprecated"
    for id in ("bags", "old", "older"):
        assert result.out(id, "replaced_by") == ["handbags", "rucksacks"] and result.resolve(id) == id
    assert result.path("totes") == ["all", "handbags", "totes"]
    assert result.path("packs") == ["all", "rucksacks", "packs"]
    assert result.out("handbags", "related") == ["shoes"] and result.out("bags", "related") == []
    assert result.out("size", "applies_to") == ["handbags", "rucksacks"]
    assert [c for c in changes.changes if isinstance(c, Retag)] == [
        Retag("bags", "handbags", ("handbags", "purse")),
        Retag("bags", "rucksacks", ("rucksacks",)),
    ]


def test_split_of_a_value_and_of_an_attribute() -> None:
    parts = [Part("crimson", {"en": "Crimson"}), Part("scarlet", {"en": "Scarlet"})]
    result = done(editing.split(TAXONOMY, "red", parts, BY))
    assert [result.attribute_of(id) for id in ("crimson", "scarlet", "red")] == ["colour"] * 3
    parts = [Part("hue", {"en": "Hue"}, takes=("red",)), Part("tone", {"en": "Tone"}, takes=("blue",))]
    result = done(editing.split(TAXONOMY, "colour", parts, BY))
    assert (result.attribute_of("red"), result.attribute_of("blue")) == ("hue", "tone")


def test_split_into_what_is_there() -> None:
    parts = [Part("totes"), Part("handbags", {"en": "Handbags"}, takes=("packs",))]
    result = done(editing.split(TAXONOMY, "bags", parts, BY))
    assert result.path("totes") == ["all", "totes"] and result.path("packs") == ["all", "handbags", "packs"]
    with pytest.raises(ConflictError, match="leave its labels out"):
        editing.split(TAXONOMY, "bags", [Part("totes", {"en": "Totes"}), *PARTS], BY)
    with pytest.raises(InputError, match="of kind attribute"):
        editing.split(TAXONOMY, "bags", [Part("size"), *PARTS], BY)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (PARTS[:1], "two parts or more"),
        ((PARTS[0], PARTS[0]), "two parts have the id"),
        ((PARTS[0], Part("bags", {"en": "B"})), "part of itself"),
        ((PARTS[0], Part("x", {"en": "X"})), "without a place.*packs"),
        ((PARTS[0], Part("x", {"en": "X"}, takes=("packs", "red"))), "'red', which has no relation"),
        ((PARTS[0], Part("x", {"en": "X"}, takes=("pack",))), "no concept 'pack'; did you mean 'Packs'"),
        ((PARTS[0], Part("tote", takes=("packs",))), "no concept 'tote'; did you mean 'Totes'"),
    ],
)
def test_a_split_that_leaves_something_open(parts: Sequence[Part], message: str) -> None:
    with pytest.raises(InputError, match=message):
        editing.split(TAXONOMY, "bags", parts, BY)


def test_expectations() -> None:
    editing.require_expected(TAXONOMY, "bags", TAXONOMY.revision)
    editing.require_expected(TAXONOMY, "bags", TAXONOMY.etag("bags"))
    for id in ("bags", "new"):
        with pytest.raises(LostRace, match="read it again"):
            editing.require_expected(TAXONOMY, id, "0" * 16)
    with pytest.raises(LostRace, match="not at"):
        editing.require_revision(TAXONOMY, "0" * 16)


@pytest.mark.parametrize(
    ("edit_request", "title"),
    [
        (
            {"operation": "create", "concept": "hats", "kind": "category", "pref_label": {"en": "Hats"}},
            "create category 'Hats' (hats)",
        ),
        ({"operation": "set", "concept": "bags", "status": "candidate"}, "set 'Bags' (bags): status"),
        ({"operation": "rename", "concept": "bags", "pref_label": {"en": "Sacks"}}, "rename 'Bags' (bags) to 'Sacks'"),
        ({"operation": "move", "concept": "bags", "broader": "shoes"}, "move 'Bags' (bags) below 'Shoes' (shoes)"),
        ({"operation": "merge", "concept": "bags", "into": "shoes"}, "merge 'Bags' (bags) into 'Shoes' (shoes)"),
        ({"operation": "deprecate", "concept": "bags"}, "deprecate 'Bags' (bags)"),
        (
            {"operation": "relate", "type": "related", "source": "shoes", "target": "totes"},
            "relate 'Shoes' (shoes) related 'Totes' (totes)",
        ),
        (
            {"operation": "unrelate", "type": "related", "source": "shoes", "target": "bags"},
            "unrelate 'Shoes' (shoes) related 'Bags' (bags)",
        ),
        (
            {
                "operation": "split",
                "concept": "bags",
                "parts": [
                    {"id": "a", "pref_label": {"en": "A"}, "alt_label": {"en": ["x"]}, "takes": ["totes"]},
                    {"id": "b", "pref_label": {"en": "B"}, "takes": "packs"},
                ],
            },
            "split 'Bags' (bags) into a, b",
        ),
    ],
)  # fmt: skip
def test_edit_requests(edit_request: dict[str, object], title: str) -> None:
    assert editing.title(edit_request, TAXONOMY) == title
    result = done(editing.plan(edit_request, TAXONOMY, BY))
    assert result.revision != TAXONOMY.revision


@pytest.mark.parametrize(
    ("edit_request", "message"),
    [
        ({}, "no operation None; there is create, set"),
        ({"operation": ["merge"]}, "no operation"),
        ({"operation": "merge", "concept": "bags"}, "merge needs 'into'"),
        ({"operation": "merge", "concept": "bags", "into": 3}, "into is 3; a text"),
        ({"operation": "merge", "concept": "bags", "into": "shoes", "why": ""}, "no field 'why'; there is"),
        ({"operation": "merge", "concept": "bag", "into": "shoes"}, "did you mean 'Bags'"),
        ({"operation": "set", "concept": "bags"}, "nothing to change"),
        ({"operation": "set", "concept": "bags", "status": "gone"}, "one of active, candidate, deprecated"),
        ({"operation": "set", "concept": "bags", "pref_label": "Bags"}, "a text for each language"),
        ({"operation": "set", "concept": "bags", "alt_label": {"en": [1]}}, "a text or a list of texts"),
        (
            {"operation": "set", "concept": "bags", "alt_label": {"en": ["a\x00"]}},
            r"control character U\+0000; leave it",
        ),
        ({"operation": "set", "concept": "bags", "pref_label": {"en": "Big\nbags"}}, r"control character U\+000A"),
        ({"operation": "create", "concept": "x", "kind": "thing", "pref_label": {"en": "X"}}, "one of category"),
        ({"operation": "create", "concept": "x", "kind": "category", "status": "active"}, "needs 'pref_label'"),
        ({"operation": "split", "concept": "bags", "parts": ["a", "b"]}, "parts is a list of objects"),
        ({"operation": "split", "concept": "bags", "parts": [{"id": "a", "label": "A"}]}, "no field 'label'"),
        ({"operation": "relate", "type": "near", "source": "bags", "target": "shoes"}, "one of broader"),
    ],
)
def test_bad_edit_requests(edit_request: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        editing.plan(edit_request, TAXONOMY, BY)


def inverse(before: Taxonomy, changes: ChangeSet, after: Taxonomy, version: int) -> ChangeSet:
    """What undoes the change set: tags first, then rows."""
    retags = [c for c in reversed(changes.changes) if isinstance(c, Retag)]
    rows: list[Change] = [Retag(c.target, c.source, c.surfaces, True, version) for c in retags]
    rows += [DeleteRelation(r) for r in set(after.relations) - set(before.relations)]
    rows += [DeleteConcept(c.id) for c in after if c.id not in before]
    rows += [PutConcept(c) for c in before if after.get(c.id) != c]
    rows += [PutRelation(r) for r in set(before.relations) - set(after.relations)]
    return ChangeSet(tuple(rows), "ann", "undo")


def _operation(data: st.DataObject, taxonomy: Taxonomy) -> ChangeSet:
    ids = st.sampled_from(taxonomy.ids)
    id, other = data.draw(ids), data.draw(ids)
    match data.draw(st.sampled_from(("merge", "split", "move", "deprecate", "rename"))):
        case "merge":
            return editing.merge(taxonomy, id, other, BY)
        case "deprecate":
            return editing.deprecate(taxonomy, id, data.draw(st.none() | ids), BY)
        case "move":
            return editing.move(taxonomy, id, data.draw(st.lists(ids, max_size=2)), BY)
        case "rename":
            return editing.rename(taxonomy, id, {"en": "x"}, BY)
    below = [*taxonomy.into(id, "broader"), *taxonomy.values_of(id)]
    first = tuple(one for one in below if data.draw(st.booleans()))
    rest = tuple(one for one in below if one not in first)
    n = len(taxonomy)
    return editing.split(
        taxonomy, id, [Part(f"n{n}", {"en": "x"}, takes=first), Part(f"m{n}", {"en": "y"}, takes=rest)], BY
    )


@settings(max_examples=25)
@given(st.data())
def test_every_operation_keeps_the_taxonomy_sound_and_can_be_undone(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder) / "kgtag.db")
        store.migrate()
        with closing(store):
            store.apply(filling(data.draw(taxonomies(max_size=4))))
            ids = [concept.id for concept in store.read().concepts]
            tags = st.builds(
                ItemTag,
                concept=st.sampled_from(ids),
                probability=st.sampled_from((0.3, 0.6, 0.9)),
                method=st.just("exact"),
                surface=st.sampled_from((None, "X", "y", "z")),
                status=st.sampled_from(("accepted", "accepted", "rejected")),
            )
            rows = data.draw(st.lists(st.lists(tags, max_size=4), max_size=3))
            store.put_items([TaggedItem(str(n), "", None, "m", "r", tuple(row)) for n, row in enumerate(rows)])
            _there_and_back(data, store)


def _there_and_back(data: st.DataObject, store: SqliteStore) -> None:
    states, undo = [], []
    for _ in range(3):
        before = Taxonomy.of(store.read())
        state = (before.revision, list(store.items()))
        try:
            changes = _operation(data, before)
            after = edit.apply(store, changes)
        except (InputError, ConflictError, InvariantError):
            assert (Taxonomy.of(store.read()).revision, list(store.items())) == state
            continue
        states.append(state)
        undo.append(inverse(before, changes, after, after.version))
        assert not after.problems
        for id in {c.source for c in changes.changes if isinstance(c, Retag) and c.surfaces is None}:
            assert store.items_of(id) == [] and after[after.resolve(id)].status != "deprecated"
    while undo:
        store.apply(undo.pop())
        assert (Taxonomy.of(store.read()).revision, list(store.items())) == states.pop()
