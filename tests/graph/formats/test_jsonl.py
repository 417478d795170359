from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.formats import jsonl
from graph.formats.format import ExportOptions
from graph.model import Relation
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies

SHOES = '{"id": "shoes", "kind": "category", "pref_label": {"en": "Shoes"}}\n'


def _file(folder: Path, content: str | bytes, name: str = "t.jsonl") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@settings(max_examples=25)
@given(data=taxonomies(), packed=st.booleans())
def test_what_is_written_reads_back_the_same(
    data: TaxonomyData, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    taxonomy = Taxonomy.of(data)
    file = tmp_path_factory.mktemp("jsonl") / ("t.jsonl.gz" if packed else "t.jsonl")
    jsonl.write(taxonomy, file)
    again = jsonl.read([file])
    assert (again.concepts, again.relations) == (taxonomy.concepts, taxonomy.relations)


def test_the_first_broader_is_the_primary_one(tmp_path: Path) -> None:
    rows = (
        SHOES
        + SHOES.replace("shoes", "b")
        + '{"id": "a", "kind": "category", "pref_label": {"en": "A"}, "broader": ["shoes", "b"]}'
    )
    found = jsonl.read([_file(tmp_path, rows)])
    assert found.relations == (Relation("broader", "a", "b"), Relation("broader", "a", "shoes", primary=True))
    assert {concept.scheme for concept in found.concepts} == {"kgtag"}


def test_scheme_and_language_are_defaults_for_rows_without(tmp_path: Path) -> None:
    row = '{"id": "a", "kind": "category", "pref_label": "鞋", "alt_label": ["鞋子"]}'
    (concept,) = jsonl.read([_file(tmp_path, row)], scheme="mine", lang="zh").concepts
    assert (concept.scheme, concept.pref_label, concept.alt_label) == ("mine", {"zh": "鞋"}, {"zh": ("鞋子",)})


def test_one_scheme_can_be_written_alone(tmp_path: Path) -> None:
    rows = SHOES + SHOES.replace('"shoes"', '"x", "scheme": "other"')
    taxonomy = Taxonomy.of(TaxonomyData.of(0, *_rows(jsonl.read([_file(tmp_path, rows)]))))
    jsonl.write(taxonomy, tmp_path / "out.jsonl", ExportOptions(scheme="other"))
    assert [concept.id for concept in jsonl.read([tmp_path / "out.jsonl"]).concepts] == ["x"]


def _rows(parsed: object) -> tuple[object, object]:
    return parsed.concepts, parsed.relations  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        (SHOES + "{", r":2:2: no valid JSON"),
        (SHOES + "[1]", r":2: a JSON object was expected, not a list"),
        (SHOES + SHOES, r":2: a second concept 'shoes'; the first is at .*:1"),
        ('{"kind": "category"}', r":1: 'id' is missing; the fields here are 'kind'"),
        (
            '{"id": "a", "kind": "thing", "pref_label": {"en": "A"}}',
            r"'kind' is 'thing'; one of category, attribute, value",
        ),
        ('{"id": "a", "kind": "category", "pref_label": "A"}', r"'pref_label' must be an object .* give --lang"),
        ('{"id": "a", "kind": "category", "pref_label": {"english": "A"}}', r"'english' is not a language tag"),
        (
            '{"id": "a", "kind": "category", "pref_label": {"en": 7}}',
            r"'pref_label' in 'en' must be a string, not a number",
        ),
        (
            '{"id": "a", "kind": "category", "pref_label": {"en": "A"}, "boarder": []}',
            r"unknown field 'boarder'; did you mean broader",
        ),
        (
            '{"id": "a", "kind": "category", "pref_label": {"en": "A"}, "broader": 3}',
            r"'broader' must be a list of concept ids",
        ),
        ('{"id": "a", "kind": "category", "pref_label": {"en": " "}}', r":1: concept 'a' .*has an empty label"),
        ('{"id": "a", "kind": "category"}', r":1: concept 'a' .*has no preferred label"),
        (b'{"id": "\xff"}', r":1:9: byte 0xff is not UTF-8"),
        ('{"a":' * 100_000, "no valid JSON"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        jsonl.read([_file(tmp_path, content)])


def test_a_cycle_is_refused_at_one_of_its_concepts(tmp_path: Path) -> None:
    row = '{{"id": "{}", "kind": "category", "pref_label": {{"en": "X"}}, "broader": ["{}"]}}\n'
    with pytest.raises(FileFormatError, match="broader than themselves: a → b") as caught:
        jsonl.read([_file(tmp_path, SHOES + row.format("a", "b") + row.format("b", "a"))])
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain", "not a whole gzip file"),
        (gzip.compress(SHOES.encode(), mtime=0)[:-12], "not a whole gzip file"),
        (gzip.compress(SHOES.encode(), mtime=0)[:12] + b"\xff" * 40, "not a whole gzip file"),
    ],
    ids=["plain", "cut off", "garbled"],
)
def test_broken_gzip_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        jsonl.read([_file(tmp_path, content, "t.jsonl.gz")])


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="there is no such file"):
        jsonl.read([tmp_path / "none.jsonl"])
    with pytest.raises(FileFormatError, match="this is a directory"):
        jsonl.read([tmp_path])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = _file(tmp_path, "old")
    broken = Taxonomy.of(TaxonomyData.of(0, *_rows(jsonl.read([_file(tmp_path, SHOES, "in.jsonl")]))))
    object.__setattr__(broken.concepts[0], "notation", "\ud800")
    with pytest.raises(TypeError):
        jsonl.write(broken, file)
    assert file.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "t.jsonl"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    taxonomy = Taxonomy.of(TaxonomyData.of(0, *_rows(jsonl.read([_file(tmp_path, SHOES)]))))
    with pytest.raises(InputError, match=r"can't write '.*none/t\.jsonl'"):
        jsonl.write(taxonomy, tmp_path / "none" / "t.jsonl")
