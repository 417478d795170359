from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import FileFormatError
from graph.formats import shops
from graph.model import Concept, Relation


def _read(folder: Path, document: Any) -> Any:
    file = folder / "taxonomy.json"
    file.write_text(json.dumps(document))
    return shops.read_whatnot([file])


def test_numbers_become_ids_and_types_notations(tmp_path: Path) -> None:
    rows = [
        {"id": 2, "type": "kites", "label": "Kites", "parent_id": 1, "allows_inventory": True},
        {"id": 1, "type": "toys", "label": "Toys", "parent_id": None, "allows_inventory": False},
        {"id": 3, "label": "Odd", "parent_id": 99},
    ]
    found = _read(tmp_path, {"version": "1", "categories": rows})
    assert found.concepts == (
        Concept("1", "whatnot", "category", {"en": "Toys"}, notation="toys"),
        Concept("2", "whatnot", "category", {"en": "Kites"}, notation="kites"),
        Concept("3", "whatnot", "category", {"en": "Odd"}),
    )
    assert found.relations == (Relation("broader", "2", "1", primary=True),)
    assert found.notes == (
        "1 parents are not in the file and were ignored, e.g. '3' under '99'",
        "1 categories take no items themselves (allows_inventory), which is not kept, e.g. '1' (Toys)",
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], r"\{categories: .* was expected"),
        ({"categories": []}, "no category in the file"),
        ({"categories": [7]}, r"categories\[0\]: an object was expected, not a number"),
        ({"categories": [{"id": True}]}, r"categories\[0\]: 'id' must be a string or a whole number, not a boolean"),
        ({"categories": [{"id": 1, "label": " "}]}, r"categories\[0\]: 'label' is empty; a string"),
        ({"categories": [{"id": 1, "label": "A", "type": 7}]}, "'type' must be a string, not a number"),
        ({"categories": [{"id": 1, "label": "A", "parent_id": []}]}, "'parent_id' must be a string or a whole number"),
        ({"categories": [{"id": 1, "label": "A"}, {"id": "1", "label": "B"}]}, r"\[1\]: a second category '1'"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        _read(tmp_path, document)
