from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError, InputError
from graph.formats import listings
from graph.model import Concept, Relation

OLD = "# Google_Product_Taxonomy_Version: 2015-02-19\n"
NEW = "# Google_Product_Taxonomy_Version: 2019-07-10\n"


def _file(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return file


def test_locales_meet_on_the_ids(tmp_path: Path) -> None:
    en = _file(tmp_path, "taxonomy-with-ids.en-US.txt", NEW + "7 - Toys\n70 - Toys > Kites\n")
    zh = _file(tmp_path, "taxonomy-with-ids.zh-CN.txt", NEW + "7 - 玩具\r\n70 - 玩具 > 风筝\r\n")
    found = listings.read_google([en, zh])
    assert found.concepts == (
        Concept("7", "google", "category", {"en-US": "Toys", "zh-CN": "玩具"}, notation="7"),
        Concept("70", "google", "category", {"en-US": "Kites", "zh-CN": "风筝"}, notation="70"),
    )
    assert found.relations == (Relation("broader", "70", "7", primary=True),)
    assert found.notes == ()


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_version_counts_and_what_it_lacks_is_deprecated(tmp_path: Path, newest_first: bool) -> None:
    new = _file(tmp_path, "t.en.txt", NEW + "7 - Toys\n8 - Games\n70 - Games > Kites\n71 - Games > Dice\n")
    old = _file(tmp_path, "t.de.txt", OLD + "7 - Spielzeug\n70 - Spielzeug > Drachen\n79 - Spielzeug > Kreisel\n")
    found = listings.read_google([new, old] if newest_first else [old, new])
    assert {c.id: (c.status, dict(c.pref_label)) for c in found.concepts} == {
        "7": ("active", {"en": "Toys", "de": "Spielzeug"}),
        "70": ("active", {"en": "Kites", "de": "Drachen"}),
        "71": ("active", {"en": "Dice"}),
        "79": ("deprecated", {"de": "Kreisel"}),
        "8": ("active", {"en": "Games"}),
    }
    assert found.relations == tuple(
        Relation("broader", id, up, primary=True) for id, up in (("70", "8"), ("71", "8"), ("79", "7"))
    )
    assert found.notes == (
        "1 categories are only in files older than 2019-07-10 and became deprecated, e.g. '79' (Kreisel)",
        "1 categories have another parent in another file; the newest counts, e.g. '70' (Drachen) in t.de.txt",
        "3 categories are missing in some of the languages, e.g. '71'; '79'; '8'",
    )


def test_a_parent_without_a_line_is_noted(tmp_path: Path) -> None:
    found = listings.read_google([_file(tmp_path, "t.txt", "70 - Toys > Kites\n")], lang="en", scheme="mine")
    assert found.concepts == (Concept("70", "mine", "category", {"en": "Kites"}, notation="70"),)
    assert found.relations == ()
    assert found.notes == ("1 parents are not in their file and were ignored, e.g. '70' under 'Toys'",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no category in the file"),
        (NEW, "no category in the file"),
        ("Toys\nKites\n", r"en\.txt:1: 'Toys' is not a line like `1604 - Apparel > Clothing`"),
    ],
)
def test_bad_files_are_refused_with_the_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        listings.read_google([_file(tmp_path, "t.en.txt", content)])


def test_bad_lines_are_notes(tmp_path: Path) -> None:
    lines = ("7 - Toys", "Kites", "8 - Toys >  > Kites", "7 - Kites", "9 - Toys", "10 - Toys > Low (> 5 cm)")
    found = listings.read_google([_file(tmp_path, "t.en.txt", "\n".join(lines))])
    assert [(c.id, c.label()) for c in found.concepts] == [("10", "Low (> 5 cm)"), ("7", "Toys")]
    assert found.faults == (
        "2 lines are not like `1604 - Apparel > Clothing` and were left out, "
        "e.g. t.en.txt:2 ('Kites'); t.en.txt:3 ('8 - Toys >  > Kites')",
        "2 lines repeat the id or the path of an earlier one and were left out, "
        "e.g. t.en.txt:4 ('7 - Kites'); t.en.txt:5 ('9 - Toys')",
    )


def test_without_ids(tmp_path: Path) -> None:
    file = _file(tmp_path, "taxonomy.en-US.txt", NEW + "Toys\nToys > Kites\n")
    found = listings.read_google([file])
    assert [(c.id, c.label(), c.notation) for c in found.concepts] == [
        ("google:toys", "Toys", None),
        ("google:toys.kites", "Kites", None),
    ]
    assert found.relations == (Relation("broader", "google:toys.kites", "google:toys", primary=True),)
    assert found.notes == ("taxonomy.en-US.txt has no ids; they were made from the names, and change when those do",)
    with pytest.raises(InputError, match="has no ids, by which languages could be joined"):
        listings.read_google([file, _file(tmp_path, "t.de.txt", "7 - Spielzeug\n")])


def test_a_language_once(tmp_path: Path) -> None:
    file = _file(tmp_path, "t.en.txt", "7 - Toys\n")
    with pytest.raises(InputError, match="a second file for language 'en'"):
        listings.read_google([file, file])
    with pytest.raises(InputError, match="2 files but one language"):
        listings.read_google([file, file], lang="en")
    with pytest.raises(InputError, match="'toys' is not a language tag"):
        listings.read_google([_file(tmp_path, "toys.txt", "7 - Toys\n")])
