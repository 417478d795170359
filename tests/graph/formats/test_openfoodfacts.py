from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError, InputError
from graph.formats import openfoodfacts
from graph.formats.openfoodfacts import tag_id
from graph.formats.parsed import Parsed
from graph.model import Concept, Relation

SOUPS = r"""# a comment
stopwords:fr:de,la

synonyms:en:veg, vegetable

en:Soups, Broths and soups
fr:Soupes , potages,
nl_be:Soep
xx:Soup
wikidata:en:Q41415
description:en:Liquid food.
ciqual_food_code:en:25903

<en:soups
<en: Cold dishes
en:Gazpacho, Soup\, cold, Soup with 1,5% fat
# in the middle
de:Kalte Süppchen

< fr:Potages
<en:Nobody's
fr:Crème d’asperges

en:Cold dishes
"""


def _read(folder: Path, content: str, name: str = "soups.txt") -> Parsed:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return openfoodfacts.read([file])


def test_blocks_become_concepts_with_all_their_parents(tmp_path: Path) -> None:
    found = _read(tmp_path, SOUPS)
    scheme = "openfoodfacts-soups"
    assert found.concepts == (
        Concept("en:cold-dishes", scheme, "category", {"en": "Cold dishes"}),
        Concept(
            "en:gazpacho",
            scheme,
            "category",
            {"de": "Kalte Süppchen", "en": "Gazpacho"},
            {"en": ("Soup, cold", "Soup with 1,5% fat")},
        ),
        Concept(
            "en:soups",
            scheme,
            "category",
            {"en": "Soups", "fr": "Soupes", "nl-BE": "Soep", "und": "Soup"},
            {"en": ("Broths and soups",), "fr": ("potages",)},
            definition={"en": "Liquid food."},
            notation="wikidata:Q41415",
        ),
        Concept("fr:creme-d-asperges", scheme, "category", {"fr": "Crème d'asperges"}),
    )
    assert found.relations == (
        Relation("broader", "en:gazpacho", "en:cold-dishes"),
        Relation("broader", "en:gazpacho", "en:soups", primary=True),
        Relation("broader", "fr:creme-d-asperges", "en:soups", primary=True),
    )
    assert found.notes == (
        "1 parents are unknown names and were left out, e.g. en:Nobody's in line 21 of soups.txt",
        "2 lines of synonyms and stopwords are rules, not names, and were left out, "
        "e.g. stopwords:fr:de,la; synonyms:en:veg, vegetable",
        "1 properties of 1 kinds were left out (ciqual_food_code 1, …)",
    )


@pytest.mark.parametrize(
    ("lang", "name", "id"),
    [
        ("fr", "Crème brûlée", "fr:creme-brulee"),
        ("de", "Frühstücks-Müsli", "de:frühstücks-müsli"),
        ("fr", "Œufs & bœuf (extra)", "fr:oeufs-boeuf-extra"),
        ("zh", "婴儿食品", "zh:婴儿食品"),
        ("en", "S.A. 1,5% Fat!", "en:s-a-1-5-fat"),
    ],
)
def test_ids_are_those_of_open_food_facts(lang: str, name: str, id: str) -> None:
    assert tag_id(lang, name) == id


def test_a_second_entry_of_an_id_is_joined(tmp_path: Path) -> None:
    found = _read(tmp_path, "en:Soup, Broth\n\nen:Food\n\n<en:Food\nen:soup, Potage\nde:Suppe\n")
    assert found.concepts[1].labels() == [
        ("Suppe", "de", "pref"),
        ("Soup", "en", "pref"),
        ("Broth", "en", "alt"),
        ("soup", "en", "alt"),
        ("Potage", "en", "alt"),
    ]
    assert found.relations == (Relation("broader", "en:soup", "en:food", primary=True),)
    assert found.notes == (
        "1 entries have the id of an earlier one and were joined with it, e.g. 'en:soup' in line 5 of soups.txt",
    )


def test_a_parent_may_come_with_its_synonyms(tmp_path: Path) -> None:
    found = _read(tmp_path, "es:Casa S.L., Casa\n\n<es:La Casa, Casa\nes:Hija\n")
    assert found.relations == (Relation("broader", "es:hija", "es:casa-s-l", primary=True),)


def test_cycles_and_odd_lines_are_left_out_with_a_note(tmp_path: Path) -> None:
    cycle = "".join(f"<en:N{(i + 1) % 10_000}\nen:N{i}\n\n" for i in range(10_000))
    content = f"{cycle}<en:Self\nen:Self\n\n<en:N1\nen:Fine\n\njust words\n\n<en:N1\n\nen:!!\n"
    found = _read(tmp_path, content)
    assert len(found.concepts) == 10_002
    assert found.relations == (Relation("broader", "en:fine", "en:n1", primary=True),)
    nameless, unread, cycles = found.notes
    assert nameless.startswith("1 entries have names of punctuation alone")
    assert unread.startswith("2 lines are neither names, parents nor properties") and "just words" in unread
    assert cycles.startswith("10,001 relations contradict others (10000 concepts are broader than themselves")


def test_every_file_is_a_taxonomy_of_its_own(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_text("en:A\n")
    files[1].write_text("<en:A\nen:B\n")
    with pytest.raises(InputError, match="2 files, each a taxonomy of its own"):
        openfoodfacts.read(files)
    found = openfoodfacts.read(files, scheme="food")
    assert found.relations == (Relation("broader", "en:b", "en:a", primary=True),)
    files[1].write_text("nothing of ours\n")
    with pytest.raises(FileFormatError, match=r"b\.txt: no entry in the file"):
        openfoodfacts.read(files, scheme="food")


def test_a_name_of_megabytes_is_refused_in_a_short_message(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"soups\.txt:2: a name of 10000000 characters") as refused:
        _read(tmp_path, "# big\nen:" + "a" * 10_000_000)
    assert len(str(refused.value)) < 500
