"""Splits without leaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import InputError
from kgtag.data.split import near_duplicates, split_rows
from tests.kgtag.running import main


def _rows() -> list[dict[str, Any]]:
    words = ("oak", "pine", "iron", "silk", "wool", "clay", "jade", "cork", "felt", "rope")
    return [
        {"id": f"{i}-{copy}", "title": f"{words[i % 10]} {words[i // 10]} lamp model {i} {'new' * copy}".strip(),
         "brand": words[i % 10], "at": f"2026-01-{i % 28 + 1:02}"}
        for i in range(100) for copy in range(2)
    ]  # fmt: skip


def test_near_duplicates_stay_together_and_the_shares_are_kept() -> None:
    rows = _rows()
    parts, answer = split_rows(rows, (0.8, 0.1, 0.1))
    assert answer["leaked"] == 0 and answer["leaked_at_random"] > 0.5
    assert sum(answer["parts"].values()) == 200 and abs(answer["parts"]["test"] - 20) <= 4
    assert not {row["id"][:-2] for row in parts["train"]} & {row["id"][:-2] for row in parts["test"]}
    assert split_rows(rows, (0.8, 0.1, 0.1)) == (parts, answer)
    assert split_rows(rows, (0.8, 0.1, 0.1), seed=1)[0] != parts


def test_a_brand_is_in_one_part_as_a_field_an_attribute_or_a_span() -> None:
    rows = _rows()
    spans = [{"id": "s", "title": "Oak table", "spans": [{"start": 0, "end": 3, "label": "brand"}]}]
    attributes = [{"id": "t", "title": "A chair", "attributes": {"brand": ["OAK"]}}]
    parts, _ = split_rows([*rows, *spans, *attributes], (0.5, 0, 0.5), by=["brand"])
    oak = [n for n, part in parts.items() if any(row.get("brand") == "oak" or row["id"] in "st" for row in part)]
    assert len(oak) == 1 and not parts["dev"]


def test_the_latest_are_the_test() -> None:
    parts, _ = split_rows(_rows(), (0.8, 0.1, 0.1), time=True, similarity=1)
    assert max(row["at"] for row in parts["train"]) <= min(row["at"] for row in parts["test"])


def test_near_duplicates_in_both_scripts() -> None:
    titles = ["Red wool socks, 3 pairs", "red wool sock 3 pairs", "Blue tent", "红色羊毛袜三双", "红色羊毛袜 三双"]
    assert near_duplicates(titles, 0.7) == [(0, 1), (3, 4)]


@pytest.mark.parametrize(
    ("rows", "shares", "more", "message"),
    [
        ([{"title": "a"}], (1, 0), {}, "three numbers from 0"),
        ([{"title": "a"}], (0, 0, 1), {}, "train above 0"),
        ([{"id": 1}], (1, 0, 0), {}, "row 1 has neither 'title' nor 'text'"),
        ([{"title": "a"}], (1, 0, 0), {"by": ["brand"]}, "no row has the field or attribute 'brand'"),
        ([{"title": "a"}], (1, 0, 0), {"time": True}, "row 1 has no time 'at'"),
    ],
)
def test_wrong_requests_are_bad_input(rows: Any, shares: Any, more: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_rows(rows, shares, **more)


def test_the_command_writes_the_parts(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows()))
    row = main("split", tmp_path / "all.jsonl", "--out", tmp_path / "parts", "--shares", ".5,0,.5", "--json").json
    assert row["leaked"] == 0
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["test.jsonl", "train.jsonl"]
    assert main("split", tmp_path / "all.jsonl", "--out", tmp_path / "p", "--shares", "a").code == 2
