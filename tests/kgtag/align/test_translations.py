"""Labels in another language, from what concepts are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.align.translations import Translation, find_translations
from tests.kgtag.running import main

CONCEPTS = (
    Concept("boots", "shop", "category", {"en": "Boots"}),
    Concept("cream", "shop", "category", {"en": "Cream"}),
    Concept("goods", "shop", "category", {"en": "Goods", "de": "Waren"}),
    Concept("hats", "shop", "category", {"en": "Hats"}),
    Concept("t:boots", "theirs", "category", {"en": "Boots", "de-AT": "Stiefel"}),
    Concept("t:cream", "theirs", "category", {"en": "Cream", "de": "Sahne"}),
    Concept("t:cream2", "other", "category", {"en": "Cream", "de": "Rahm"}),
    Concept("t:cream3", "other", "category", {"en": "Whipping cream", "de": "rahm"}),
    Concept("t:hats", "theirs", "category", {"en": "Hats"}),
)
EDGES = (
    Relation("broader", "boots", "goods", primary=True),
    Relation("exact_match", "boots", "t:boots"),
    Relation("exact_match", "cream", "t:cream"),
    Relation("exact_match", "cream", "t:cream2"),
    Relation("exact_match", "cream", "t:cream3"),
    Relation("exact_match", "hats", "t:hats"),
)


def test_labels_come_from_exact_matches_the_commonest_first() -> None:
    taxonomy = Taxonomy.of(TaxonomyData.of(0, CONCEPTS, tuple(sorted(EDGES))))
    assert find_translations(taxonomy, "de", scheme="shop") == [
        Translation("boots", "de", "Stiefel", ("t:boots",), 1),
        Translation("cream", "de", "Rahm", ("t:cream2", "t:cream3"), 3),
    ]
    with pytest.raises(InputError, match="no concept has a label in 'fr'; there is de, en"):
        find_translations(taxonomy, "fr")


def test_a_name_that_a_sibling_has_is_told() -> None:
    taken = Concept("wellies", "shop", "category", {"en": "Wellingtons", "de": "Stiefel"})
    concepts = tuple(sorted((*CONCEPTS, taken), key=lambda one: one.id))
    edges = tuple(sorted((*EDGES, Relation("broader", "wellies", "goods", primary=True))))
    (first, *_) = find_translations(Taxonomy.of(TaxonomyData.of(0, concepts, edges)), "de", scheme="shop")
    assert (first.concept, first.taken) == ("boots", "wellies")


def test_from_the_command_line_they_are_proposed_or_written(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'two.db'}")
    store.migrate()
    store.apply(ChangeSet((*map(PutConcept, CONCEPTS), *map(PutRelation, EDGES)), "ann"))
    where = ("--scheme", "shop", "--store", store.url)
    assert [row["label"] for row in main("translate", "de", *where, "--json").json["translations"]] == [
        "Stiefel",
        "Rahm",
    ]
    assert "Stiefel" in main("translate", "de", *where).stdout
    assert main("translate", "de", *where, "--propose", "--write").code == 2
    assert "2 proposals made" in main("translate", "de", *where, "--propose").stderr
    assert "0 proposals made; 2 open" in main("translate", "de", *where, "--propose").stderr
    assert "2 labels written" in main("translate", "de", *where, "--write").stderr
    assert load_taxonomy(store)["boots"].pref_label == {"en": "Boots", "de": "Stiefel"}
    assert main("translate", "de", *where, "--json").json["translations"] == []
