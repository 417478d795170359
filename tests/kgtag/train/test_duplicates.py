"""Near-duplicates: by a rule on labels, and learned from merged concepts."""

from __future__ import annotations

import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Kind, Relation
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.train.duplicates import Duplicates
from tests.api import shop
from tests.kgtag.running import main as run


def _taxonomy(labels: dict[str, str], *, merged: dict[str, str] | None = None, kind: Kind = "category") -> Taxonomy:
    merged = merged or {}
    concepts = [
        Concept(id, "s", kind, {"en": label}, status="deprecated" if id in merged else "active")
        for id, label in sorted(labels.items())
    ]
    edges = sorted(Relation("replaced_by", source, target) for source, target in merged.items())
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(edges)))


def test_labels_that_are_nearly_equal_are_listed_and_others_are_not() -> None:
    labels = {
        "a": "T-shirts", "b": "T shirts", "c": "Hooded sweatshirts", "d": "Sweatshirts, hooded",
        "e": "Men", "f": "Women", "g": "Bluetooth 5.0", "h": "Bluetooth 5.3", "i": "Tents", "j": "Tent",
    }  # fmt: skip
    found = Duplicates(_taxonomy(labels), usage={"b": 5, "j": 2}).find()
    assert [(one.concept, one.into, one.same) for one in found] == [
        ("a", "b", "spelling"), ("i", "j", "plural"), ("d", "c", "words")
    ]  # fmt: skip
    assert found[0].score > found[1].score > found[2].score and not found[0].learned
    assert "spaces, hyphens" in found[0].why
    assert Duplicates(_taxonomy({"a": "Alone"})).find() == []


def test_a_label_in_common_makes_a_pair_whatever_the_others_are() -> None:
    concepts = [
        Concept("navy", "s", "category", {"en": "Navy"}, {"en": ("dark blue",)}),
        Concept("deep", "s", "category", {"en": "Dark blue"}, {}),
        Concept("red", "s", "category", {"en": "Red"}, {}),
    ]
    (found,) = Duplicates(Taxonomy.of(TaxonomyData.of(0, tuple(sorted(concepts, key=lambda c: c.id)), ()))).find()
    assert {found.concept, found.into} == {"navy", "deep"} and "dark blue" in found.why.lower()


def test_values_of_different_attributes_and_concepts_above_each_other_are_no_pairs() -> None:
    concepts = [
        Concept("colour", "s", "attribute", {"en": "Colour"}),
        Concept("scent", "s", "attribute", {"en": "Scent"}),
        Concept("r1", "s", "value", {"en": "Rose"}),
        Concept("r2", "s", "value", {"en": "Rose"}),
        Concept("w1", "s", "category", {"en": "Wallets"}),
        Concept("w2", "s", "category", {"en": "Wallets"}),
    ]
    edges = [
        Relation("value_of", "r1", "colour"),
        Relation("value_of", "r2", "scent"),
        Relation("broader", "w2", "w1", primary=True),
    ]
    data = TaxonomyData.of(0, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(edges)))
    assert Duplicates(Taxonomy.of(data)).find() == []


def test_merged_concepts_teach_what_makes_two_labels_the_same() -> None:
    nouns = [
        f"{a}{b}"
        for a in ("lamp", "desk", "sock", "boot", "tent", "vase")
        for b in ("er", "al", "um", "in", "ot", "ix")
    ]
    labels = {f"m{n}": f"{noun} kit" for n, noun in enumerate(nouns)} | {
        f"k{n}": f"kit {noun}" for n, noun in enumerate(nouns)
    }
    labels |= {f"x{n}": f"{noun} case" for n, noun in enumerate(nouns)}
    merged = {f"m{n}": f"k{n}" for n in range(32)}
    found = Duplicates(_taxonomy(labels, merged=merged)).find(limit=4)
    assert {(one.concept[1:], one.into[1:]) for one in found} == {(str(n), str(n)) for n in range(32, 36)}
    assert all({one.concept[0], one.into[0]} == {"m", "k"} and one.learned for one in found)


def test_the_command_lists_and_proposes(shop_store: SqliteStore) -> None:
    from graph.model import ChangeSet, PutConcept, PutRelation

    again = Concept("trainers", "shop", "category", {"en": "Sneaker", "zh": "球鞋"})
    edge = PutRelation(Relation("broader", "trainers", "shoes", primary=True))
    shop_store.apply(ChangeSet((PutConcept(again), edge), "test", "twice"))
    ran = run("dedupe", "--store", shop_store.url, "--propose", "5", "--json")
    (pair,) = ran.json["pairs"]
    assert pair["concepts"] == ["trainers", "sneakers"] and pair["evidence"]["same"] == "plural"
    assert pair["change"] == {"operation": "merge", "concept": "trainers", "into": "sneakers"}
    assert "1 merges proposed" in ran.stderr
    (proposal,) = shop_store.proposals()
    assert proposal.title == "merge 'Sneaker' (trainers) into 'Sneakers' (sneakers)" and proposal.evidence
    assert "Sneaker" in run("dedupe", "--store", shop_store.url).stdout
    assert "no near-duplicates" in run("dedupe", "--store", shop_store.url, "--kind", "value").stderr
    for wrong in (("--kind", "colour"), ("--scheme", "nope")):
        refused = run("dedupe", "--store", shop_store.url, *wrong)
        assert refused.code == 2 and wrong[1] in refused.stderr


@pytest.fixture
def shop_store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store
