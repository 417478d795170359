from __future__ import annotations

import re
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
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        listings.read_gpc([_file(tmp_path, "hier.tsv", content)])


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("41\tdelta kite\t", "41\tdelta kite", r"1 lines can't be read and were left out, e\.g\. .*hier\.tsv:5: code"),
        ("41\tdelta kite", "x41\tdelta kite", r"1 lines can't be read .*:5:1: the code 'x41' is not a number"),
        (
            "delta kite\t (GPC brick)",
            "delta \udcff\t (GPC brick)",
            r"1 lines can't be read .*:5:10: byte 0xff is not UTF-8",
        ),
        ("41\tdelta", "40\tdelta", r"1 lines have the code of an earlier one .* hier\.tsv:5 \('40', delta kite\)"),
    ],
)
def test_a_bad_line_is_left_out_with_a_note(tmp_path: Path, old: str, new: str, note: str) -> None:
    file = tmp_path / "hier.tsv"
    file.write_bytes(HIERARCHY.replace(old, new).encode(errors="surrogateescape"))
    found = listings.read_gpc([file])
    assert [concept.id for concept in found.concepts] == ["10", "11", "20", "30", "40"]
    assert found.notes == found.faults and len(found.notes) == 1 and re.search(note, found.notes[0])


def test_rows_below_a_bad_one_do_not_go_elsewhere(tmp_path: Path) -> None:
    rows = "31\t\t (GPC class)\n42\tstunt kite\t (GPC brick)\n32\tyoyo\t (GPC class)\n43\tdiabolo\t (GPC brick)\n"
    file = _file(tmp_path, "hier.tsv", HIERARCHY.replace("11\tgame", rows + "11\tgame") + "44\tdice\t (GPC brick)\n")
    found = listings.read_gpc([file])
    parents = {edge.source: edge.target for edge in found.relations}
    assert (parents["42"], parents["43"], parents["44"]) == ("20", "32", "11")
    assert found.faults[1] == (
        "2 rows have no class above them and stand below what comes next, e.g. hier.tsv:7 ('42', stunt kite); "
        "hier.tsv:11 ('44', dice)"
    )
    assert listings.read_gpc([_file(tmp_path, "brick.tsv", "20\tkite\t (GPC family)\n")]).relations == ()
