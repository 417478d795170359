from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import FileFormatError, InputError
from graph.formats import shopify
from graph.model import Concept, Relation


def _file(folder: Path, name: str, categories: list[Any]) -> Path:
    file = folder / name
    content = json.dumps({"version": "1", "verticals": [{"name": "V", "categories": categories}]}).encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def _row(id: str, name: str, parent: str | None = None) -> dict[str, Any]:
    return {"id": id, "name": name, "parent_id": parent}


def test_languages_meet_on_the_ids(tmp_path: Path) -> None:
    en = _file(tmp_path, "en.json", [_row("a", "Apparel"), _row("a-1", "Shoes", "a")])
    zh = _file(tmp_path, "zh-CN.json.gz", [_row("a", "服装"), _row("a-1", "鞋", "a")])
    found = shopify.read([en, zh])
    assert found.concepts == (
        Concept("a", "shopify", "category", {"en": "Apparel", "zh-CN": "服装"}),
        Concept("a-1", "shopify", "category", {"en": "Shoes", "zh-CN": "鞋"}),
    )
    assert found.relations == (Relation("broader", "a-1", "a", primary=True),)
    assert found.notes == ()


def test_what_does_not_fit_is_noted(tmp_path: Path) -> None:
    en = _file(tmp_path, "en.json", [_row("a", "A"), _row("b", "B", "a"), _row("c", "C", "gone")])
    de = _file(tmp_path, "de.json", [_row("a", "A"), _row("b", "B")])
    found = shopify.read([en, de])
    assert found.notes == (
        "1 parents are nowhere in the file and were ignored, e.g. 'c' under 'gone'",
        "1 categories are missing in some of the languages, e.g. 'c'",
        "1 categories have another parent in a later file; the first file counts, "
        "e.g. 'b' stands under None in de.json",
    )
    assert found.relations == (Relation("broader", "b", "a", primary=True),)


def test_the_language_comes_from_the_option_or_the_name(tmp_path: Path) -> None:
    file = _file(tmp_path, "categories.json", [_row("a", "A")])
    with pytest.raises(InputError, match="'categories' is no language tag"):
        shopify.read([file])
    assert shopify.read([file], lang="en", scheme="mine").concepts[0] == Concept("a", "mine", "category", {"en": "A"})
    with pytest.raises(InputError, match="2 files but one language"):
        shopify.read([file, file], lang="en")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('{"verticals": [', r":1:16: no valid JSON"),
        ("[]", "there is no list 'verticals'"),
        ('{"verticals": [{}]}', r"verticals\[0\]: .* no list 'categories'"),
        ('{"verticals": []}', "no category in the file"),
        ('{"verticals": [{"categories": [7]}]}', r"categories\[0\]: an object was expected, not a number"),
        ('{"verticals": [{"categories": [{"id": 7}]}]}', "'id' must be a string, not a number"),
        ('{"verticals": [{"categories": [\n{"id": "a", "name": ""}]}]}', r":2:8: .*'name' must be a string"),
        (
            '{"verticals": [{"categories": [{"id": "a", "name": "A", "parent_id": 7}]}]}',
            "'parent_id' must be a string or null",
        ),
        (
            '{"verticals": [{"categories": [{"id": "a", "name": "A"},\n{"id": "b", "name": "B", "parent_id": "a"},\n'
            '{"id": "a", "name": "A"}]}]}',
            r":3:8: .*a second category 'a'",
        ),
        (
            '{"verticals": [{"categories": [{"id": "a", "name": "A", "parent_id": "b"}, '
            '{"id": "b", "name": "B", "parent_id": "a"}]}]}',
            "broader than themselves: a → b",
        ),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "en.json"
    file.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        shopify.read([file])
