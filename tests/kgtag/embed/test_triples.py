from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.model import Concept, ItemTag, Relation, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.embed.triples import (
    Triples,
    concept_groups,
    concepts_of,
    cooccurrence_triples,
    hold_out,
    read_triples,
    taxonomy_triples,
)


def small() -> Taxonomy:
    concepts = [
        Concept("boots", "s", "category", {"en": "Boots"}),
        Concept("color", "s", "attribute", {"en": "Color"}),
        Concept("old", "s", "category", {"en": "Old"}, status="deprecated"),
        Concept("red", "s", "value", {"en": "Red"}),
        Concept("sandals", "s", "category", {"en": "Sandals"}),
        Concept("shoes", "s", "category", {"en": "Shoes"}),
        Concept("warm", "s", "value", {"en": "Warm"}),
        Concept("feel", "s", "attribute", {"en": "Feel"}),
        Concept("blue", "s", "value", {"en": "Blue"}),
    ]
    relations = [
        Relation("broader", "boots", "shoes"),
        Relation("broader", "sandals", "shoes"),
        Relation("broader", "old", "shoes"),
        Relation("replaced_by", "old", "boots"),
        Relation("value_of", "red", "color"),
        Relation("value_of", "blue", "color"),
        Relation("value_of", "warm", "feel"),
        Relation("applies_to", "color", "shoes"),
        Relation("related", "boots", "sandals"),
    ]
    return Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(relations)))


def test_a_taxonomy_gives_its_asserted_relations_symmetric_ones_both_ways() -> None:
    found = taxonomy_triples(small())
    assert ("boots", "broader", "shoes") in found
    assert ("shoes", "broader", "boots") not in found
    assert {("boots", "related", "sandals"), ("sandals", "related", "boots")} <= set(found)
    assert not any("old" in (head, tail) for head, _, tail in found)


def test_groups_are_kind_and_attribute() -> None:
    groups = concept_groups(small())
    assert groups["red"] == groups["blue"] != groups["warm"]
    assert groups["boots"] == groups["shoes"] != groups["color"]


def test_cooccurrence_counts_and_lift_decide() -> None:
    items = [{"boots", "warm", "blue"}] * 5 + [{"sandals", "red"}] * 5 + [{"boots", "red"}] + [{"old", "warm"}]
    found = cooccurrence_triples(small(), items, min_count=3)
    assert ("warm", "occurs_in", "boots") in found
    assert ("red", "occurs_in", "boots") not in found
    assert {("warm", "occurs_with", "blue"), ("blue", "occurs_with", "warm")} <= set(found)
    assert found == cooccurrence_triples(small(), reversed(items), min_count=3)


def test_values_of_one_attribute_and_unknown_ids_are_no_company() -> None:
    found = cooccurrence_triples(small(), [{"red", "blue", "nobody"}] * 5 + [{"boots"}] * 5)
    assert found == []


def test_only_accepted_tags_of_items_count() -> None:
    tags = (ItemTag("red", 0.9, "exact"), ItemTag("blue", 0.3, "dense", status="rejected"))
    assert list(concepts_of([TaggedItem("1", "x", "en", "m", "r", tags)])) == [frozenset({"red"})]


def test_reading_a_directory_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress("a\tr\tb\nb\tr\tc\r\n\n鞋\tr\ta\n".encode()))
    (tmp_path / "test.txt").write_text("a\tr\tz\na\tr\tc\n")
    triples = read_triples(tmp_path)
    assert triples.entities == ("a", "b", "c", "鞋", "z")
    assert triples.trained == 4
    assert triples.labelled(triples.test) == [("a", "r", "z"), ("a", "r", "c")]
    assert triples.valid.shape == (0, 3)


@pytest.mark.parametrize(
    ("content", "where"),
    [(b"a\tr\tb\na r b\n", ":2:"), (b"a\tr\tb\na\tr\t\n", ":2:"), (b"a\tr\tb\nx\tr\t\xff\n", ":2:")],
)
def test_a_bad_line_is_named(content: bytes, where: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(FileFormatError, match=f"train.txt{where}"):
        read_triples(tmp_path)


def test_a_directory_without_triples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.txt"):
        read_triples(tmp_path)
    (tmp_path / "train.txt").write_bytes(b"\n")
    with pytest.raises(InputError, match="no triples to train on"):
        read_triples(tmp_path)
    (tmp_path / "train.tsv").write_bytes(b"a\tr\tb\n")
    with pytest.raises(InputError, match=r"has both train\.txt and train\.tsv"):
        read_triples(tmp_path)


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(b"a\tr\tb\n" * 1000)[:-12])
    with pytest.raises(FileFormatError, match=r"train\.txt\.gz"):
        read_triples(tmp_path)


def test_holding_out_keeps_every_entity_in_train_and_both_ways_together() -> None:
    rng = np.random.default_rng(0)
    pairs = {(int(a), int(b)) for a, b in rng.integers(30, size=(200, 2)) if a < b}
    labelled = [(f"e{a}", "r", f"e{b}") for a, b in pairs]
    labelled += [triple for a, b in pairs for triple in ((f"e{a}", "related", f"e{b}"), (f"e{b}", "related", f"e{a}"))]
    triples = Triples.of(labelled)
    split = hold_out(triples, 0.2, seed=1)
    assert len(split.train) + len(split.valid) == len(triples.train)
    assert len(split.valid) == pytest.approx(0.2 * len(triples.train), abs=2)
    assert set(np.unique(split.train[:, [0, 2]])) == set(range(len(triples.entities)))
    train = set(split.labelled(split.train))
    for head, relation, tail in split.labelled(split.valid):
        assert relation != "related" or (tail, relation, head) not in train
    assert (hold_out(triples, 0.2, seed=1).train == split.train).all()
