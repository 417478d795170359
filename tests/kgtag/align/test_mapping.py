"""Two small shops that say the same in other words."""

from __future__ import annotations

import json
from collections.abc import Mapping as Labels
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.align.match import Mapping, map_schemes, unmapped
from tests.kgtag.running import main

Tree = dict[str, tuple[Labels[str, str], str | None]]

LEFT: Tree = {
    "a-clothes": ({"en": "Apparel", "zh": "服装"}, None),
    "a-trunks": ({"en": "Trunks", "zh": "泳裤"}, "a-clothes"),
    "a-boots": ({"en": "Boots", "zh": "靴子"}, "a-clothes"),
    "a-home": ({"en": "Home", "zh": "家居"}, None),
    "a-chest": ({"en": "Trunks", "zh": "衣箱"}, "a-home"),
    "a-vase": ({"en": "Vase", "zh": "花瓶"}, "a-home"),
    "a-odd": ({"en": "Quux"}, None),
}
RIGHT: Tree = {
    "b-wear": ({"en": "Clothing & Apparel", "zh-CN": "服装"}, None),
    "b-trunks": ({"en": "Trunks"}, "b-wear"),
    "b-boots": ({"en": "boots", "zh-CN": "靴子"}, "b-wear"),
    "b-house": ({"en": "House & Home", "zh-CN": "家居"}, None),
    "b-chest": ({"en": "Trunks"}, "b-house"),
    "b-vase": ({"en": "Vases", "zh-CN": "花瓶"}, "b-house"),
}


def rows(*trees: Tree) -> tuple[list[Concept], list[Relation]]:
    concepts = [
        Concept(id, id[0], "category", dict(labels)) for tree in trees for id, (labels, _) in sorted(tree.items())
    ]
    edges = [Relation("broader", id, up, primary=True) for tree in trees for id, (_, up) in tree.items() if up]
    return concepts, edges


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    concepts, edges = rows(LEFT, RIGHT)
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges))))


def best(found: list[Mapping]) -> dict[str, str]:
    return {one.source: one.target for one in found}


def test_labels_find_and_places_decide(taxonomy: Taxonomy) -> None:
    found = map_schemes(taxonomy, "a", "b")
    assert best(found) == {
        "a-clothes": "b-wear",
        "a-trunks": "b-trunks",
        "a-boots": "b-boots",
        "a-home": "b-house",
        "a-chest": "b-chest",
        "a-vase": "b-vase",
    }
    assert [one.source for one in found] == sorted(one.source for one in found)


def test_same_labels_are_exact_and_near_ones_close(taxonomy: Taxonomy) -> None:
    found = {one.source: one for one in map_schemes(taxonomy, "a", "b")}
    assert found["a-boots"].relation == "exact_match"
    assert found["a-clothes"].relation == "close_match"
    assert found["a-boots"].evidence["labels"] == {"en": 1.0, "zh": 1.0}
    assert found["a-boots"].evidence["mutual"] is True
    assert all(0 <= one.score <= 1 for one in found.values())


def test_several_candidates_best_first(taxonomy: Taxonomy) -> None:
    trunks = [one for one in map_schemes(taxonomy, "a", "b", per_concept=2) if one.source == "a-trunks"]
    assert [one.target for one in trunks] == ["b-trunks", "b-chest"]
    assert trunks[0].score > trunks[1].score


def test_one_language_alone(taxonomy: Taxonomy) -> None:
    found = map_schemes(taxonomy, "a", "b", languages=["zh-CN"])
    assert best(found)["a-vase"] == "b-vase"
    assert set(found[0].evidence["labels"]) == {"zh"}


@pytest.mark.parametrize(
    ("source", "target", "languages", "said"),
    [
        ("c", "b", None, "no scheme 'c'"),
        ("a", "c", None, "no scheme 'c'"),
        ("a", "b", ["fr"], "no labels in 'fr' on both sides"),
    ],
)
def test_nothing_to_compare_is_said(
    taxonomy: Taxonomy, source: str, target: str, languages: list[str] | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        map_schemes(taxonomy, source, target, languages=languages)


def test_no_value_to_map_is_said(taxonomy: Taxonomy) -> None:
    with pytest.raises(InputError, match="has no value to map"):
        map_schemes(taxonomy, "a", "b", kind="value")


def test_mapped_concepts_are_left_out() -> None:
    concepts, edges = rows(LEFT, RIGHT)
    edges.append(Relation("exact_match", "a-boots", "b-boots"))
    taxonomy = Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(sorted(edges))))
    left = unmapped(taxonomy, "b", map_schemes(taxonomy, "a", "b"))
    assert "a-boots" not in best(left)
    assert "a-vase" in best(left)


def test_from_the_command_line(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "two.db")
    store.migrate()
    concepts, edges = rows(LEFT, RIGHT)
    store.apply(ChangeSet((*map(PutConcept, concepts), *map(PutRelation, edges)), "ann"))
    done = main("map", "a", "b", "--min-score", "0.6", "--json", "--store", store.url)
    answer = json.loads(done.stdout)
    assert {row["source"]: row["target"] for row in answer["mappings"]}["a-trunks"] == "b-trunks"
    assert all(row["score"] >= 0.6 for row in answer["mappings"])
    assert "a-trunks" in main("map", "a", "b", "--store", store.url).stdout
    many = len(answer["mappings"])
    assert main("map", "a", "b", "--write", "--propose", "--store", store.url).code == 2
    proposed = main("map", "a", "b", "--min-score", "0.6", "--propose", "--store", store.url)
    assert f"{many} proposals made" in proposed.stderr
    again = main("map", "a", "b", "--min-score", "0.6", "--propose", "--store", store.url)
    assert f"0 proposals made; {many} open" in again.stderr
    written = main("map", "a", "b", "--min-score", "0.6", "--write", "--store", store.url)
    assert f"{many} mappings written" in written.stderr
    assert main("map", "a", "b", "--min-score", "0.6", "--json", "--store", store.url).stdout.count('"source":') == 1
    assert main("map", "a", "nope", "--store", store.url).code == 2
