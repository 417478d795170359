from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError
from graph.formats import listings
from graph.model import Concept, Relation

HIERARCHY = (
    "10\ttoy\t (GPC segment)\n"
    "20\tkite and yoyo\t (GPC family)\n"
    "30\tkite\tThings on strings. (GPC class)\n"
    "40\tbox kite\tA kite, boxed (in the wind). (GPC brick)\n"
    "41\tdelta kite\t (GPC brick)\n"
    "11\tgame\t (GPC segment)\n"
)


def _file(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return file


def test_parents_follow_from_the_order(tmp_path: Path) -> None:
    found = listings.read_gpc([_file(tmp_path, "hier.tsv", HIERARCHY)])
    assert found.concepts[0] == Concept("10", "gpc", "category", {"en": "toy"}, notation="10")
    assert found.concepts[4].definition == {"en": "A kite, boxed (in the wind)."}
    assert [(r.source, r.target, r.primary) for r in found.relations] == [
        ("20", "10", True),
        ("30", "20", True),
        ("40", "30", True),
        ("41", "30", True),
    ]


def test_types_are_attributes_and_values_without_one_are_counted(tmp_path: Path) -> None:
    types = _file(tmp_path, "types.tsv", "500\tcolour\tWhat it looks like. (GPC attType)\n")
    values = _file(tmp_path, "values.tsv", "600\tred\t (GPC attValue)\n601\tblue\t (GPC attValue)\n")
    found = listings.read_gpc([_file(tmp_path, "hier.tsv", HIERARCHY), types, values], scheme="gs1", lang="de")
    assert [c.id for c in found.concepts if c.kind == "attribute"] == ["500"]
    assert {c.scheme for c in found.concepts} == {"gs1"} and set(found.concepts[0].pref_label) == {"de"}
    assert not any(c.kind == "value" for c in found.concepts)
    assert found.notes == (
        "2 attribute values are not linked to an attribute in this file and were left out, e.g. '600' (red); "
        "'601' (blue)",
    )
    with pytest.raises(FileFormatError, match="nothing to import: 2 attribute values"):
        listings.read_gpc([values])
    assert Relation("broader", "20", "10", primary=True) in found.relations


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n", "the file is empty"),
        ("10\ttoy\n", r"hier\.tsv:1: code, name, description expected, not 2 columns"),
        ("ten\ttoy\t (GPC segment)\n", r":1:1: the code 'ten' is not a number"),
        ("10\t \t (GPC segment)\n", r":1:4: '10' has no name"),
        ("10\ttoy\tA toy.\n", r":1:8: the description of '10' must end in its kind"),
        ("20\tkite\t (GPC family)\n", r":1: a family without a segment above it"),
        (HIERARCHY + "40\tagain\t (GPC segment)\n", r":7:1: a second '40'; the first is at .*hier\.tsv:4"),
        ("10\ta\t (GPC segment)\n40\tb\t (GPC brick)\n", r":2: a brick without a class above it"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        listings.read_gpc([_file(tmp_path, "hier.tsv", content)])
