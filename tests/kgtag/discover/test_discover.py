"""From NIL mentions to proposals, and from accepted proposals to training data."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from graph.editing import edit
from graph.errors import InputError
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.proposals import workflow as proposals
from graph.proposals.workflow import Person
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated
from kgtag.discover.mentions import NilGroup, accepted_gold, cluster, group_mentions
from kgtag.discover.propose import Places, propose_values
from kgtag.types import Product
from tests.kgtag.running import main

ANN, BOB = Person("ann"), Person("bob")
VALUES = {"color": ("Black", "Red", "Green", "Dark green", "Bottle green"), "style": ("Running shoes", "Hiking boots")}


@pytest.fixture
def shop(sqlite_store: SqliteStore) -> SqliteStore:
    changes: list[Any] = []
    for attribute, labels in VALUES.items():
        changes.append(PutConcept(Concept(attribute, "s", "attribute", {"en": attribute.title()})))
        for label in labels:
            id = label.lower().replace(" ", "-")
            changes.append(PutConcept(Concept(id, "s", "value", {"en": label})))
            changes.append(PutRelation(Relation("value_of", id, attribute)))
    changes += [PutRelation(Relation("broader", f"{one}-green", "green", True)) for one in ("dark", "bottle")]
    edit.apply(sqlite_store, ChangeSet(tuple(changes), "ann"))
    return sqlite_store


def row(id: str, title: str, *nils: tuple[str, str | None]) -> dict[str, Any]:
    """A "tags out" row whose NIL mentions stand in the title."""
    made = []
    for surface, attribute in nils:
        start = title.index(surface)
        one: dict[str, Any] = {"span": [start, start + len(surface)], "surface": surface, "score": 0.9}
        made.append(one if attribute is None else one | {"attribute": attribute})
    return {"id": id, "tags": [], "dropped": [], "nil": made, "model": "m", "revision": "r"}


TITLES = {
    "1": "Acme trail running shoes sage green",
    "2": "Acme Trail Running Shoe, sage-green",
    "3": "Trail-running shoes by Norda",
    "4": "Norda bag 38L",
    "5": "Norda bag 48L",
    "6": "Velox sage greens hat",
}
ROWS = [
    row("1", TITLES["1"], ("trail running shoes", "style"), ("sage green", "color")),
    row("2", TITLES["2"], ("Trail Running Shoe", "style"), ("sage-green", "color")),
    row("3", TITLES["3"], ("Trail-running shoes", "style")),
    row("4", TITLES["4"], ("38L", None)),
    row("5", TITLES["5"], ("48L", None)),
    row("6", TITLES["6"], ("sage greens", "color")),
    {"id": "7", "error": "the title is empty"},
]
PRODUCTS = {id: Product(id, title, lang="en") for id, title in TITLES.items()}


def found(rows: list[dict[str, Any]] = ROWS) -> list[NilGroup]:
    return group_mentions(enumerate(rows, start=1))


def test_spellings_of_one_value_count_together() -> None:
    named = {(one.attribute, one.name): one for one in found()}
    shoes = named["style", "Trail Running Shoe"]
    assert list(shoes.products) == ["1", "2", "3"] and shoes.mentions == 3
    assert list(named["color", "sage green"].products) == ["1", "2", "6"]
    assert group_mentions(enumerate(ROWS, start=1), min_probability=0.95) == []


def test_clusters_merge_similar_spellings_but_not_other_numbers() -> None:
    rows = [
        row("1", "x stainless steel y", ("stainless steel", "m")),
        row("2", "x stainles steel", ("stainles steel", "m")),
    ]
    rows += [row("3", "5 mm steel", ("5 mm steel", "m")), row("4", "6 mm steel", ("6 mm steel", "m"))]
    rows += [row("5", "x stainless steel y", ("stainless steel", "other"))]
    clusters = cluster(found(rows))
    assert sorted(sorted(one.surfaces) for one in clusters if one.attribute == "m") == [
        ["5 mm steel"], ["6 mm steel"], ["stainles steel", "stainless steel"],
    ]  # fmt: skip
    assert [list(one.products) for one in clusters if one.attribute == "other"] == [["5"]]
    assert [len(one.forms) for one in cluster(found(rows), similarity=1.0)] == [1] * 5


def test_every_pair_of_a_cluster_is_similar() -> None:
    """The middle one is near both ends, but the ends aren't near each other: complete link parts them."""
    chain = ["abcdefghijkl", "abcdefghijklmnop", "efghijklmnopqrst"]
    rows = [row(str(n), text, (text, "a")) for n, text in enumerate(chain)]
    clusters = cluster(found(rows), similarity=0.5)
    assert all(not {chain[0], chain[2]} <= set(one.surfaces) for one in clusters)
    assert max(len(one.forms) for one in clusters) == 2


def test_the_same_clusters_in_any_order() -> None:
    findings = found()
    wanted = cluster(findings)
    for seed in range(3):
        shuffled = list(findings)
        random.Random(seed).shuffle(shuffled)
        assert cluster(shuffled) == wanted


def test_a_place_by_the_head_or_by_the_neighbours(shop: SqliteStore) -> None:
    places = Places(Taxonomy.of(shop.read()))
    assert places.find("trail running shoes", "style").broader == "running-shoes"
    forest = places.find("dark greenish", "color")
    assert (forest.attribute, forest.broader) == ("color", "green") and "dark-green" in forest.near
    assert places.find("dark greens", None).attribute == "color"
    nowhere = places.find("zzz", None)
    assert (nowhere.attribute, nowhere.broader, nowhere.near) == (None, None, ())


def test_proposals_name_their_evidence(shop: SqliteStore) -> None:
    report = propose_values(shop, cluster(found()), ANN, products=PRODUCTS)
    assert len(report.made) == 2
    assert report.skipped == {"on fewer than 2 products": 2}
    by_concept = {one.operation["concept"]: one for one in shop.proposals() if one.operation}
    shoes = by_concept["style-trail-running-shoe"]
    assert shoes.operation is not None and shoes.evidence is not None
    assert shoes.operation["value_of"] == ["style"] and shoes.operation["broader"] == ["running-shoes"]
    assert shoes.operation["pref_label"] == {"en": "Trail Running Shoe"}
    assert shoes.evidence["items"] == 3 and shoes.evidence["examples"][0] == {"id": "1", "title": TITLES["1"]}
    again = propose_values(shop, cluster(found()), ANN, products=PRODUCTS)
    assert again.made == () and again.skipped["proposed already"] == 2
    proposals.reject(shop, shoes.id, BOB)
    assert propose_values(shop, cluster(found()), ANN).skipped["rejected before"] == 1


def test_an_accepted_proposal_is_a_concept_and_training_data(shop: SqliteStore, tmp_path: Path) -> None:
    propose_values(shop, cluster(found()), ANN, products=PRODUCTS)
    for one in shop.proposals(status="open"):
        proposals.accept(shop, one.id, BOB)
    taxonomy = Taxonomy.of(shop.read())
    assert taxonomy.attribute_of("color-sage-green") == "color"
    assert taxonomy.out("color-sage-green", "broader") == ["green"]
    assert propose_values(shop, cluster(found()), ANN).skipped["known by now"] == 2
    gold = list(accepted_gold(shop, enumerate(ROWS, start=1), PRODUCTS, names={"style": "Kind of shoe"}))
    assert [one["id"] for one in gold] == ["1", "2", "3", "6"]
    file = tmp_path / "gold.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in gold))
    first = next(iter(read_annotated(file)))
    assert first.attributes == {"Kind of shoe": ("trail running shoes",), "Color": ("sage green",)}
    assert first.concepts["Color", "sage green"] == "color-sage-green"
    with pytest.raises(InputError, match="isn't in the title of '1'"):
        list(accepted_gold(shop, enumerate(ROWS, start=1), {"1": Product("1", "short", lang="en")}))


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="line 3: 'nil' must be a list of mentions"):
        group_mentions([(3, {"id": "1", "nil": [{"surface": 4}]})])


def test_the_commands(shop: SqliteStore, tmp_path: Path) -> None:
    tags, products = tmp_path / "tags.jsonl", tmp_path / "products.jsonl"
    tags.write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    products.write_text("".join(json.dumps({"id": id, "title": t}) + "\n" for id, t in TITLES.items()))
    args = [tags, "--products", products, "--store", shop.url]
    ran = main("propose", *args, "--author", "ann", "--json")
    assert ran.code == 0, ran.stderr
    assert ran.json["clusters"] == 4 and len(ran.json["proposed"]) == 2
    for number in ran.json["proposed"]:
        assert main("proposals", "accept", str(number), "--author", "bob", "--store", shop.url).code == 0
    out = tmp_path / "gold.jsonl"
    ran = main("proposals", "gold", *args, "--out", out)
    assert ran.code == 0 and ran.stdout == "" and "4 annotated products" in ran.stderr
    assert len(out.read_text().splitlines()) == 4
