"""`kgtag evaluate tags` on a small store, by labels alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kgtag.running import main

_TAXONOMY = Path(__file__).parents[1] / "examples" / "tents.jsonl"


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    for command in (("migrate",), ("import", "jsonl", _TAXONOMY)):
        ran = main(*command, "--store", url)
        assert ran.code == 0, ran.stderr
    return url


def test_what_tag_gives_against_gold(store: str, tmp_path: Path) -> None:
    gold = {"title": "Trailhead dome tent, green", "category": "Dome tents", "attributes": {"Color": ["Green"]}}
    file = tmp_path / "gold.jsonl"
    file.write_text("".join(json.dumps({"id": str(n), **gold}) + "\n" for n in range(3)), encoding="utf-8")
    ran = main("evaluate", "tags", "--data", file, "--store", store, "--samples", "20", "--json")
    assert ran.code == 0, ran.stderr
    answer = ran.json
    assert answer["n"] == 3 and answer["micro"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert answer["leaf_category_accuracy"] == answer["f1_at_5"] == answer["ndcg_at_10"] == 1.0
    assert (answer["contradictions"], answer["intervals"]["micro_f1"]) == (0, [1.0, 1.0])
    people = main("evaluate", "tags", "--data", file, "--store", store, "--given-category", "--samples", "20")
    assert people.code == 0 and "most specific category right" in people.stdout
    assert "category given" in people.stderr


def test_nothing_to_measure(store: str, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    ran = main("evaluate", "tags", "--data", tmp_path / "none.jsonl", "--store", store)
    assert ran.code == 2
