"""Shapes that use asks for: groups, levels, splits, pruning, combinations, and the proposals of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.stores import load_taxonomy
from kgtag.discover.groups import find_groups, name_of
from kgtag.discover.restructure import restructurings
from tests.kgtag.running import main

CUTS = ("slim", "wide", "long", "short", "soft")
GARMENTS = ("trousers", "jackets", "scarves")
CHILDREN = [f"{cut.title()} {garment}" for garment in GARMENTS for cut in CUTS]


def test_groups_are_by_the_word_that_says_what_it_is() -> None:
    groups = find_groups(CHILDREN)
    assert len(groups.fit) == 3 and min(groups.fit) > 0.3
    for number in range(3):
        own = [CHILDREN[at] for at in groups.members(number)]
        others = [text for text in CHILDREN if text not in own]
        assert len(own) == 5 and name_of(own, others) == own[0].split()[1]


def test_a_group_without_a_shared_word_has_no_name() -> None:
    assert name_of(["red cup", "blue mug", "green plate"], ["socks"]) is None
    assert name_of(["Cups, red", "Cups, blue", "red Cups"], ["red socks"]) == "Cups"


@pytest.fixture
def filled(sqlite_store: SqliteStore) -> SqliteStore:
    """Fifteen garments beside each other; one is crowded with two kinds of items, one unused; one is olive often."""
    concepts = [
        Concept("wear", "shop", "category", {"en": "Wear"}),
        Concept("color", "shop", "attribute", {"en": "Color"}),
    ]
    concepts += [Concept(f"c{n:02}", "shop", "category", {"en": label}) for n, label in enumerate(CHILDREN)]
    concepts.append(Concept("olive", "shop", "value", {"en": "Olive"}))
    edges = [Relation("broader", f"c{n:02}", "wear", True) for n in range(len(CHILDREN))]
    edges.append(Relation("value_of", "olive", "color"))
    changes = (*map(PutConcept, concepts), *map(PutRelation, edges))
    sqlite_store.apply(ChangeSet(changes, "test", "fill"))
    items = []
    for n in range(80):
        text = f"ski trousers with braces no {n}" if n % 2 else f"yoga trousers with waistband no {n}"
        items.append(TaggedItem(f"i{n}", text, "en", "m", "r", (ItemTag("c00", 0.9, "exact"),)))
    for n in range(1, 14):
        for k in range(6):
            olive = (ItemTag("olive", 0.9, "exact"),) if n == 5 or (n, k) == (1, 0) else ()
            tags = (ItemTag(f"c{n:02}", 0.9, "exact"), *olive)
            items.append(TaggedItem(f"j{n}-{k}", f"{CHILDREN[n]} {k}", "en", "m", "r", tags))
    for k in range(40):
        olive = (ItemTag("olive", 0.9, "exact"),) if k % 2 else ()
        tags = (ItemTag("c06", 0.9, "exact"), *olive)
        items.append(TaggedItem(f"k{k}", f"jacket {k}", "en", "m", "r", tags))
    sqlite_store.put_items(items)
    return sqlite_store


def test_each_kind_of_suggestion_has_its_evidence(filled: SqliteStore) -> None:
    found = restructurings(load_taxonomy(filled), filled.items())
    by_kind = {kind: [one for one in found if one.what == kind] for kind in ("split", "level", "prune", "combine")}
    (split,) = by_kind["split"]
    assert split.concept == "c00" and split.draft.evidence is not None
    names = {one["name"] for one in split.draft.evidence["groups"]}
    kinds = ({"ski", "with braces", "braces"}, {"yoga", "with waistband", "waistband"})
    assert [sum(name.removeprefix("Slim trousers: ") in kind for name in names) for kind in kinds] == [1, 1]
    assert {one.draft.title for one in by_kind["level"]} == {f"A level {name!r} under 'Wear'" for name in GARMENTS}
    assert [one.concept for one in by_kind["prune"]] == ["c14"]
    assert [one.draft.title for one in by_kind["combine"]] == ["A category 'Olive wide jackets'"]


def test_suggestions_become_proposals_and_concepts(filled: SqliteStore, tmp_path: Path) -> None:
    ran = main("restructure", "--store", filled.url, "--what", "level", "--what", "prune", "--propose", "1", "--json")
    assert ran.code == 0, ran.stderr
    assert {one["what"] for one in ran.json["suggestions"]} == {"level", "prune"} and "2 proposed" in ran.stderr
    again = main("restructure", "--store", filled.url, "--what", "prune", "--propose", "1")
    assert "not proposed" in again.stderr
    level = next(
        one for one in main("proposals", "list", "--store", filled.url, "--json").json if "level" in one["title"]
    )
    assert main("proposals", "accept", str(level["id"]), "--store", filled.url).code == 0
    taxonomy = load_taxonomy(filled)
    (new,) = set(taxonomy.ids) - {"wear", "color", "olive", *(f"c{n:02}" for n in range(15))}
    assert taxonomy.path(new) == ["wear", new] and len(taxonomy.into(new, "broader")) == 5
    assert all(taxonomy.path(id) == ["wear", new, id] for id in taxonomy.into(new, "broader"))


def test_wrong_use(filled: SqliteStore) -> None:
    assert "there is split, level, prune, combine" in main("restructure", "--store", filled.url, "--what", "x").stderr
    assert "no scheme 'x'" in main("restructure", "--store", filled.url, "--scheme", "x").stderr
