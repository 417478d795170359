from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import FileFormatError, InputError
from kgtag.data import attempt_lines, read_annotated, read_columns, read_products
from kgtag.data.annotated import locate, occurrences
from kgtag.types import AnnotatedProduct, Product, Span

TITLE = 'Navy-blue Tee, navy blue trim 40mm 12" 纯棉T恤'


def _file(folder: Path, content: str | bytes, name: str = "p.jsonl") -> Path:
    file = folder / name
    raw = content if isinstance(content, bytes) else content.encode()
    file.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return file


def _jsonl(*rows: Any) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _one(folder: Path, row: Any, format: str = "annotated") -> AnnotatedProduct:
    (found,) = read_annotated(_file(folder, _jsonl(row)), format=format)
    return found


# -- products -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.jsonl", "p.ndjson", "p.jsonl.gz"])
def test_jsonl_products(tmp_path: Path, name: str) -> None:
    rows = _jsonl({"id": 7, "title": "A", "text": "long", "category": "c", "lang": "de", "image": "x"}, {"title": "B"})
    found = list(read_products(_file(tmp_path, "\ufeff" + rows + "\n\n", name), lang="en"))
    assert found == [(1, Product("7", "A", "long", "c", "de")), (2, Product("2", "B", lang="en"))]


def test_tables(tmp_path: Path) -> None:
    comma = _file(tmp_path, 'id,title,text\nx,"two\nlines",\ny,"say ""hi""",T\n', "p.csv")
    assert list(read_products(comma)) == [(2, Product("x", "two\nlines")), (4, Product("y", 'say "hi"', "T"))]
    tab = _file(tmp_path, 'id\ttitle\nx\t12" pan\ny\t"quoted ""one"""\nz\t"Best" pan\n', "p.tsv.gz")
    assert [p.title for _, p in read_products(tab)] == ['12" pan', 'quoted "one"', '"Best" pan']


@pytest.mark.parametrize(
    "content",
    [
        "id;title;text\nx;Mug, blue;T\n",
        'sep=;\nid;title;text\nx;"Mug, blue";T\n',
        "\ufeffID;Title;TEXT\r\nx;Mug, blue;T\r\n",
        "id\ttitle\ttext\rx\tMug, blue\tT\r",
    ],
    ids=["semicolons", "stated", "any case", "tabs and CR"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_as_spreadsheets_save_them(tmp_path: Path, content: str, encoding: str) -> None:
    raw = content.removeprefix("\ufeff").encode("utf-16") if encoding == "utf-16" else content.encode()
    (found,) = read_products(_file(tmp_path, raw, "p.csv"))
    assert found[1] == Product("x", "Mug, blue", "T")


def test_lines_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, 'sep=;\nid;title\n\nx;"two\nlines"\ny;\n', "p.csv")
    rows = read_products(file)
    assert next(rows) == (4, Product("x", "two\nlines"))
    with pytest.raises(FileFormatError, match=r"p.csv:6: 'title' is empty"):
        next(rows)


def test_a_column_named_as_expected_wins_over_one_in_another_case(tmp_path: Path) -> None:
    ((_, found),) = read_products(_file(tmp_path, "title,Title\na,b\n", "p.csv"))
    assert found.title == "a"


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "title": ["A", "B"], "attributes": [{"Color": ["A"]}, {"Color": None}]})
    pq.write_table(table, tmp_path / "p.parquet")
    assert list(read_products(tmp_path / "p.parquet")) == [(1, Product("1", "A")), (2, Product("2", "B"))]
    found = list(read_annotated(tmp_path / "p.parquet"))
    assert [one.attributes for one in found] == [{"Color": ("A",)}, {}]


def test_times_are_read_in_every_format_and_named_by_hand(tmp_path: Path) -> None:
    day, hour = "2026-01-31", "2026-01-31T20:00:00+08:00"
    rows = _jsonl({"title": "A", "at": day}, {"title": "B", "at": hour}, {"title": "C", "at": None}, {"title": "D"})
    wanted = ["2026-01-31T00:00:00Z", "2026-01-31T12:00:00Z", None, None]
    assert [p.at for _, p in read_products(_file(tmp_path, rows))] == wanted
    named = {"at": "Listed on"}
    table = _file(tmp_path, f"title;at;Listed On\nA;x;{day}\nB;x;{hour}\nC;x;\nD;x;\n", "p.csv")
    assert [p.at for _, p in read_products(table, columns=named)] == wanted
    times = [datetime(2026, 1, 31), datetime(2026, 1, 31, 12, tzinfo=UTC), None, None]
    for kind in (pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns")):
        column = pa.array(
            [t.replace(tzinfo=UTC) if t and kind.tz else t and t.replace(tzinfo=None) for t in times], kind
        )
        pq.write_table(pa.table({"title": list("ABCD"), "Listed on": column}), tmp_path / "p.parquet")
        assert [p.at for _, p in read_products(tmp_path / "p.parquet", columns=named)] == wanted
    dates = pa.table({"title": ["A"], "at": pa.array([date(2026, 1, 31)])})
    pq.write_table(dates, tmp_path / "p.parquet")
    assert [p.at for _, p in read_products(tmp_path / "p.parquet")] == wanted[:1]
    lines = [json.dumps({"title": "A", "created": day}).encode()]
    assert [p.at for p in attempt_lines(lines, columns={"at": "created"}) if isinstance(p, Product)] == wanted[:1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"title": "A", "at": "31.1.2026"},
            "'at': no time '31.1.2026'; write it like 2026-01-31T12:00:00Z or 2026-01-31",
        ),
        ({"title": "A", "at": 1769817600}, "'at' must be a string, not a number"),
        ({"title": "A", "at": "0001-01-01T00:00:00+09:00"}, "before the year 1"),
    ],
)
def test_what_is_not_a_time_is_refused(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        list(read_products(_file(tmp_path, _jsonl(row))))


def test_columns_named_by_hand_are_checked(tmp_path: Path) -> None:
    assert read_columns(["at=created at", "title=Name=x"]) == {"at": "created at", "title": "Name=x"}
    for wrong in ("when=x", "at", "at="):
        with pytest.raises(InputError, match=f"--column {wrong}: FIELD=HEADER was expected, with one of id, title"):
            read_columns([wrong])
    with pytest.raises(FileFormatError, match="no column 'created'; there is id, title"):
        list(read_products(_file(tmp_path, "id,title\n1,A\n", "p.csv"), columns={"at": "created"}))


def test_a_products_row_reads_back() -> None:
    product = Product("1", "鞋\n", category="c", at="2026-01-31T12:00:00Z")
    assert list(attempt_lines([b"\n", json.dumps(product.to_dict()).encode()])) == [product]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.jsonl", "", "the file is empty"),
        ("p.jsonl", '{"title": "A"}\n{"title":', r":2:\d+: no valid JSON"),
        ("p.jsonl", '{"title": "A"}\n{"id": 1}', r":2: 'title' is missing; the fields here are 'id'"),
        ("p.jsonl", '{"title": null}', r":1: 'title' is null"),
        ("p.jsonl", '{"title": 3}', r":1: 'title' is a number"),
        ("p.jsonl", '{"title": " "}', r":1: 'title' is empty"),
        ("p.jsonl", '{"id": true, "title": "A"}', r":1: 'id' must be a string or a whole number, not a boolean"),
        ("p.jsonl", '{"title": "A", "category": ["x"]}', r":1: 'category' must be a string, not a list"),
        ("p.jsonl", b'{"title": "A"}\n{"title": "\xe9"}', r":2:12: byte 0xe9 is not UTF-8"),
        ("p.csv", "", "the file is empty"),
        ("p.csv", "title,title\n", r":1:2: a second column 'title'"),
        ("p.csv", "id,title\n1,A\n2\n", r":3: 'title' is empty"),
        ("p.csv", 'id,title\n1,"A', r":2: the row has quotes in the middle of a cell"),
        ("p.csv", "id,title\n1,A,B", r":2: the row has more cells than the table has columns"),
        ("p.csv", "id,colour\n1,A\n", r":2: 'title' is missing"),
        ("p.parquet", "no parquet", "no readable Parquet file"),
        ("p.jsonl.gz", "", "the file is empty"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        list(read_products(_file(tmp_path, content, name)))


def test_missing_files_directories_and_suffixes_are_refused(tmp_path: Path) -> None:
    for name in ("none.jsonl", "none.csv", "none.parquet", "none.jsonl.gz"):
        with pytest.raises(FileFormatError, match="there is no such file"):
            list(read_products(tmp_path / name))
    with pytest.raises(FileFormatError, match="this is a directory"):
        list(read_products(tmp_path))
    with pytest.raises(InputError, match=r"the suffix '.txt' names no product file"):
        list(read_products(tmp_path / "p.txt"))
    with pytest.raises(InputError, match="no format 'conll' of annotated products"):
        read_annotated(tmp_path / "p.jsonl", format="conll")


# -- values in the title ------------------------------------------------------------------------------


def _found(text: str, **attributes: list[str]) -> list[tuple[str, str]]:
    return [(name, text[span.start : span.end]) for name, span in locate(text, attributes)]


def test_every_occurrence_is_found_on_token_boundaries() -> None:
    assert _found("red and red, not reddish", color=["red"]) == [("color", "red"), ("color", "red")]
    assert _found("40mm 40 mm", size=["40"]) == [("size", "40")]
    assert _found(TITLE, material=["纯棉"]) == [("material", "纯棉")]
    assert _found("Cottons", material=["Cotton"]) == []


def test_case_is_ignored_only_when_nothing_stands_as_written() -> None:
    assert _found(TITLE, color=["navy blue"]) == [("color", "navy blue")]
    assert _found("RED Red", color=["red"]) == [("color", "RED"), ("color", "Red")]
    assert occurrences("İ red", "RED") == [Span(2, 5)]


def test_the_longest_value_stands() -> None:
    assert _found("dark navy blue, navy", color=["navy", "navy blue", "dark navy blue"]) == [
        ("color", "dark navy blue"),
        ("color", "navy"),
    ]


def test_values_of_several_attributes_may_overlap_but_free_places_win() -> None:
    assert _found("Nike Air", brand=["Nike"], model=["Nike Air"]) == [("brand", "Nike"), ("model", "Nike Air")]
    assert _found("Cotton Candy, cotton-free Cotton", flavor=["Cotton Candy"], material=["Cotton"]) == [
        ("flavor", "Cotton Candy"),
        ("material", "Cotton"),
    ]


@given(st.lists(st.text("ab 鞋-", min_size=1, max_size=5), max_size=4), st.text("abAB 鞋-", max_size=30))
def test_spans_say_what_the_value_says(values: list[str], text: str) -> None:
    for _, span in locate(text, {"x": values}):
        surface = " ".join(text[span.start : span.end].casefold().split())
        assert surface in [" ".join(value.casefold().split()) for value in values]


# -- annotated products -------------------------------------------------------------------------------


def test_attributes_keep_what_is_not_in_the_title(tmp_path: Path) -> None:
    row = {"title": "Red mug", "attributes": {"Color": ["Red"], "Style": ["cosy"], "Brand": [], "Use": "gift"}}
    found = _one(tmp_path, row)
    assert found.attributes == {"Color": ("Red",), "Style": ("cosy",), "Brand": (), "Use": ("gift",)}
    assert found.spans == (("Color", Span(0, 3)),)


def test_given_spans_are_taken_as_they_are(tmp_path: Path) -> None:
    spans = [
        {"start": 4, "end": 7, "label": "Type", "concept": "t.mug"},
        {"start": 0, "end": 3, "label": "Color", "concept": None},
    ]
    found = _one(tmp_path, {"title": "Red mug Red", "attributes": {"Color": ["Rouge"]}, "spans": spans})
    assert found.spans == (("Color", Span(0, 3)), ("Type", Span(4, 7)))
    assert found.attributes == {"Color": ("Rouge", "Red"), "Type": ("mug",)}
    assert found.concepts == {("Type", "mug"): "t.mug", ("Color", "Red"): None}


def test_the_spans_format(tmp_path: Path) -> None:
    found = _one(tmp_path, {"id": "9", "text": "Red mug", "spans": [{"start": 0, "end": 3, "label": "Color"}]}, "spans")
    assert found == AnnotatedProduct(Product("9", "Red mug"), {"Color": ("Red",)}, (("Color", Span(0, 3)),))


def test_the_extractgpt_format(tmp_path: Path) -> None:
    row = {"input": "SEA Lure 3.5g", "category": "Lure", "target_scores": {"Brand": {"SEA": 1}, "Size": {"n/a": 1}}}
    found = _one(tmp_path, row, "extractgpt")
    assert found.product == Product("1", "SEA Lure 3.5g", category="Lure")
    assert (found.attributes, found.spans) == ({"Brand": ("SEA",), "Size": ()}, (("Brand", Span(0, 3)),))


def test_values_are_placed_where_extractgpt_marked_them(tmp_path: Path) -> None:
    """By `pid`: 0 the title, 1 the text; without it in both."""
    scores = {"Ports": {"4": {"pid": [1], "score": 1}}, "Length": {"2": {"pid": [0], "score": 1}}, "Type": {"hub": 1}}
    row = {"id": 5, "input_title": "hub 4 2", "input_description": "2 hub, 4 ports", "target_scores": scores}
    found = _one(tmp_path, row, "extractgpt")
    assert [(name, found.product.cut(span), span) for name, span in found.spans] == [
        ("Type", "hub", Span(0, 3)),
        ("Length", "2", Span(6, 7)),
        ("Type", "hub", Span(2, 5, "text")),
        ("Ports", "4", Span(7, 8, "text")),
    ]


def test_values_without_spans_are_looked_for_in_title_and_text(tmp_path: Path) -> None:
    row = {"title": "Red mug", "text": "A mug, red", "attributes": {"Color": ["Red"], "Type": ["mug"]}}
    assert _one(tmp_path, row).spans == (
        ("Color", Span(0, 3)),
        ("Type", Span(4, 7)),
        ("Type", Span(2, 5, "text")),
        ("Color", Span(7, 10, "text")),
    )


def test_the_bio_format(tmp_path: Path) -> None:
    row = {"example_id": 3, "tokens": ["teeth", "whitening", "kit", "red"], "labels": ["B-t", "I-t", "I-x", "O"]}
    found = _one(tmp_path, row, "bio")
    assert found.product == Product("3", "teeth whitening kit red")
    assert found.spans == (("t", Span(0, 15)), ("x", Span(16, 19)))
    assert found.attributes == {"t": ("teeth whitening",), "x": ("kit",)}


def test_the_bieos_format(tmp_path: Path) -> None:
    file = _file(tmp_path, "睡\tB-HC\n衣\tE-HC\n \tO\n牌\tS-HP\r\n\n\n\t\tO\n猫\tB-HC", "p.bieos")
    first, second = read_annotated(file, format="bieos", lang="zh")
    assert first.product == Product("1", "睡衣 牌", lang="zh")
    assert first.spans == (("HC", Span(0, 2)), ("HP", Span(3, 4)))
    assert (second.product.title, second.spans) == ("\t猫", (("HC", Span(1, 2)),))


@pytest.mark.parametrize(
    ("format", "row", "message"),
    [
        ("annotated", {"title": "A"}, "neither 'attributes' nor 'spans'"),
        ("annotated", {"title": "A", "attributes": []}, "'attributes' must be an object"),
        ("annotated", {"title": "A", "attributes": {"x": [1]}}, "attribute 'x' must have a list of strings"),
        ("annotated", {"title": "A", "spans": {}}, "'spans' must be a list, not an object"),
        (
            "annotated",
            {"title": "A", "spans": [{"start": 0, "end": 2, "label": "x"}]},
            r"\[0, 2\) isn't within the text",
        ),
        ("annotated", {"title": "A", "spans": [{"start": 0, "end": 1.0, "label": "x"}]}, "must be whole numbers"),
        ("annotated", {"title": "A", "spans": [{"start": 0, "end": 1}]}, "'label' must be a string"),
        (
            "annotated",
            {"title": "A", "spans": [{"start": 0, "end": 1, "label": "x", "concept": 1}]},
            "'concept' must be",
        ),
        ("spans", {"text": "A"}, "'spans' is missing"),
        ("extractgpt", {"input": "A"}, "'target_scores' must be an object of values by attribute, not null"),
        ("extractgpt", {"input": "A", "target_scores": {"x": []}}, "'target_scores' of 'x' must be an object"),
        ("bio", {"tokens": ["a"], "labels": []}, "1 tokens but 0 labels"),
        ("bio", {"tokens": ["a"], "labels": ["X-a"]}, "the tag 'X-a' is neither O nor"),
        ("bio", {"tokens": [1], "labels": ["O"]}, "'tokens' must be a list of strings"),
    ],
)
def test_bad_annotations_are_refused_with_the_line(tmp_path: Path, format: str, row: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=rf":1: .*{message}"):
        _one(tmp_path, row, format)


def test_bad_bieos_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r":2:1: one character, TAB, tag was expected, not '衣服"):
        list(read_annotated(_file(tmp_path, "睡\tO\n衣服\tO\n"), format="bieos"))
    with pytest.raises(FileFormatError, match=r":4: the tag 'B' is neither"):
        list(read_annotated(_file(tmp_path, "睡\tO\n\n睡\tO\n衣\tB\n"), format="bieos"))
    with pytest.raises(FileFormatError, match="the file is empty"):
        list(read_annotated(_file(tmp_path, "\n"), format="bieos"))
