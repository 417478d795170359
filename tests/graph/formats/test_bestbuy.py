from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import FileFormatError
from graph.formats import shops
from graph.model import Concept, Relation


def _named(id: str) -> dict[str, str]:
    return {"id": id, "name": id.upper()}


def _row(*path: str, below: tuple[str, ...] = (), name: str | None = "") -> dict[str, Any]:
    """The category at the end of the path."""
    row: dict[str, Any] = {**_named(path[-1]), "path": [_named(id) for id in path]}
    row["subCategories"] = [_named(id) for id in below]
    return row if name == "" else {**row, "name": name}


def _read(folder: Path, *rows: Any) -> Any:
    file = folder / "categories.json"
    file.write_text(json.dumps(rows))
    return shops.read_bestbuy([file])


def test_paths_give_primary_parents_and_lists_the_others(tmp_path: Path) -> None:
    found = _read(tmp_path, _row("tv", below=("led",)), _row("sale", below=("led",)), _row("tv", "led"))
    assert found.concepts[0] == Concept("led", "bestbuy", "category", {"en": "LED"})
    assert found.relations == (Relation("broader", "led", "sale"), Relation("broader", "led", "tv", primary=True))
    assert found.notes == ()


def test_categories_without_a_record_are_counted(tmp_path: Path) -> None:
    found = _read(tmp_path, _row("tv", below=("gone", "lost")), _row("tv", "retired", "led", name=None))
    assert found.relations == (Relation("broader", "led", "tv", primary=True),)
    assert found.concepts[0].pref_label == {"en": "led"}
    assert found.notes == (
        "2 subcategories have no entry of their own and were left out, e.g. 'gone' below 'tv'; 'lost' below 'tv'",
        "1 categories are below one without an entry; the nearest above that has one was taken, "
        "e.g. 'led' under 'retired'",
        "1 categories have no name and are called by their id, e.g. 'led'",
    )


def test_cycles_are_left_out_with_a_note(tmp_path: Path) -> None:
    found = _read(tmp_path, _row("a", below=("b", "c")), _row("b", below=("a",)), _row("c", below=("c",)))
    assert found.relations == (Relation("broader", "c", "a", primary=True),)
    (said,) = found.notes
    assert said.startswith("3 relations contradict others (2 concepts are broader than themselves: a → b; 'c' broader")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "a list of categories was expected, not an object"),
        ([], "no category in the file"),
        ([7], r"\[0\]: an object was expected, not a number"),
        ([{"id": 7}], r"\[0\]: 'id' is a number; a string that is not blank was expected"),
        ([{"id": "a", "name": ["A"]}], r"\[0\]: 'name' must be a string, not a list"),
        ([{"id": "a", "name": "A", "path": {}}], r"\[0\]: 'path' must be a list, not an object"),
        ([{"id": "a", "name": "A", "subCategories": [{}]}], r"\[0\]\.subCategories\[0\]: 'id' is missing"),
        ([_row("a"), _row("a")], r"\[1\]: a second category 'a'"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, rows: Any, message: str) -> None:
    file = tmp_path / "categories.json"
    file.write_text(json.dumps(rows))
    with pytest.raises(FileFormatError, match=message):
        shops.read_bestbuy([file])
