"""Attributes and values that a new concept is likely to have."""

from __future__ import annotations

import json

import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.discover.place import LikelyTags, NewConcept, Placer, place_rows
from kgtag.recommend import CoOccurrence
from kgtag.search.query import QueryParser

_TREE = {
    "lamps": "home",
    "desk-lamps": "lamps",
    "floor-lamps": "lamps",
    "pans": "home",
    "frying-pans": "pans",
    "sauce-pans": "pans",
}
_APPLIES = {"color": ["home"], "power": ["desk-lamps", "floor-lamps"], "diameter": ["frying-pans", "sauce-pans"]}
_ITEMS = [
    ["desk-lamps", "led"],
    ["desk-lamps", "led"],
    ["floor-lamps", "led"],
    ["floor-lamps", "led"],
    ["sauce-pans", "steel"],
]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    concepts = [Concept(id, "shop", "category", {"en": id.replace("-", " ").title()}) for id in ["home", *_TREE]]
    concepts += [Concept(id, "shop", "attribute", {"en": id.title()}) for id in _APPLIES]
    concepts += [Concept(id, "shop", "value", {"en": id.upper()}) for id in ("led", "steel")]
    edges = [Relation("broader", child, parent) for child, parent in _TREE.items()]
    edges += [Relation("applies_to", a, category) for a, categories in _APPLIES.items() for category in categories]
    edges += [Relation("value_of", "led", "power"), Relation("value_of", "steel", "color")]
    return Taxonomy.of(TaxonomyData.of(1, tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(edges))))


@pytest.fixture(scope="module")
def placer(taxonomy: Taxonomy) -> Placer:
    return Placer(taxonomy)


def test_concepts_like_it_vote(taxonomy: Taxonomy, placer: Placer) -> None:
    counted = CoOccurrence.of(taxonomy, _ITEMS)
    likely = LikelyTags(placer, counted=counted)
    asked = [NewConcept("Table lamps"), NewConcept("Grill pans")]
    places = placer.place(asked)
    lamps, pans = likely.attributes(asked, places)
    assert {"color", "power"} <= {one.concept for one in lamps} and lamps[0].concept == "color"
    scores = {one.concept: one.score for one in pans}
    assert scores["diameter"] > scores.get("power", 0) and all(0 < score <= 1 + 1e-6 for score in scores.values())
    on_lamps, on_pans = likely.values(asked, places)
    assert on_lamps[0].concept == "led"
    assert "steel" not in {one.concept for one in on_pans}  # one item is no evidence


def test_the_rows_have_them(taxonomy: Taxonomy, placer: Placer) -> None:
    lines = [b'{"id": 1, "label": "Table lamps"}', b"[]", b'{"label": "Grill pans"}']
    first, broken, last = place_rows(placer, lines, limit=1, likely=LikelyTags(placer))
    assert first["id"] == 1 and len(first["places"]) == 1 and "values" not in first
    assert first["attributes"][0]["concept"] == "power" and "color" not in {
        one["concept"] for one in first["attributes"]
    }
    assert "error" in broken and {"concept", "score"} == set(last["attributes"][0])
    assert "attributes" not in next(place_rows(placer, lines)) and json.dumps(last)


def test_without_any_attributes_there_are_none() -> None:
    concepts = (Concept("a", "s", "category", {"en": "A"}), Concept("b", "s", "category", {"en": "B"}))
    placer = Placer(Taxonomy.of(TaxonomyData.of(1, concepts, (Relation("broader", "b", "a"),))))
    asked = [NewConcept("C")]
    likely = LikelyTags(placer)
    assert likely.attributes(asked, placer.place(asked)) == [[]] == likely.values(asked, placer.place(asked))
    assert likely.rows(asked, placer.place(asked)) == [{}]


def test_what_a_label_names_comes_first(taxonomy: Taxonomy, placer: Placer) -> None:
    parser = QueryParser(taxonomy)
    assert parser.values("") == [] == parser.values("Steel-free pans")
    asked = [NewConcept("LED lamps"), NewConcept("Pans, steel")]
    likely = LikelyTags(placer, named=parser.values)
    led, steel = (row["values"] for row in likely.rows(asked, placer.place(asked)))
    assert [one["concept"] for one in led] == ["led"] and [one["concept"] for one in steel] == ["steel"]
    assert led[0]["score"] == 1
