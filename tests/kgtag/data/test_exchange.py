"""Annotated products in the formats of annotation tools, out and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.errors import FileFormatError, InputError
from kgtag.data import read_annotated
from kgtag.data.exchange import read_annotations, write_annotations
from kgtag.types import AnnotatedProduct, Mention, Product, Span
from tests.kgtag.running import main

GOLD = (
    AnnotatedProduct(
        Product("a-1", "Trail tent, dark green, 2-person", category="tents", lang="en", text="Weighs 2 kg."),
        {"color": ("dark green",), "persons": ("2-person",), "style": ("outdoor",), "scent": ()},
        (("color", Span(12, 22)), ("persons", Span(24, 32))),
        {("color", "dark green"): "color.dark-green", ("persons", "2-person"): None},
    ),
    AnnotatedProduct(
        Product("a-2", "🎁 红色T恤 😀 women’s tee", lang="zh"),
        {"color": ("红色",), "audience": ("women",)},
        (("color", Span(2, 4)), ("audience", Span(9, 14))),
    ),
    AnnotatedProduct(
        Product("a-3", "full-grain leather boots"),
        {"material": ("full-grain leather", "leather"), "type": ("full-grain leather", "boots")},
        (("material", Span(0, 18)), ("type", Span(0, 18)), ("material", Span(11, 18)), ("type", Span(19, 24))),
    ),
)


@pytest.fixture(params=["label-studio", "doccano", "conll", "docbin"])
def format(request: pytest.FixtureRequest) -> str:
    if request.param == "docbin":
        pytest.importorskip("spacy")
    return str(request.param)


def test_products_come_back_as_they_went(format: str, tmp_path: Path) -> None:
    assert write_annotations(tmp_path / "out", GOLD, format) == 3
    assert list(read_annotations(tmp_path / "out", format)) == list(GOLD)


def test_a_model_annotates_beforehand(format: str, tmp_path: Path) -> None:
    product = AnnotatedProduct(Product("b-1", "red tent"), {})
    mention = Mention(Span(0, 3), "red", "color", 0.75)
    write_annotations(tmp_path / "out", [product], format, predict=lambda given: [(mention,)], version="m-1")
    found = list(read_annotations(tmp_path / "out", format))
    if format != "label-studio":
        assert [one.spans for one in found] == [(("color", Span(0, 3)),)]
        return
    assert found == []  # nobody has annotated it
    (task,) = json.loads((tmp_path / "out").read_text())
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("m-1", 0.75)
    assert prediction["result"][0]["value"] == {"start": 0, "end": 3, "text": "red", "labels": ["color"]}
    assert '<Label value="color"/>' in (tmp_path / "out.config.xml").read_text()


def test_label_studio_annotations_of_one_annotator_or_the_latest(tmp_path: Path) -> None:
    def annotation(who: str, start: int, end: int, at: str, **more: object) -> dict[str, object]:
        value = {"start": start, "end": end, "labels": ["color"]}
        result = [{"type": "labels", "value": value}, {"type": "choices", "value": {"choices": ["ok"]}}]
        return {"completed_by": {"id": 1, "email": who}, "updated_at": at, "result": result, **more}

    mine, theirs = annotation("a@x.org", 0, 3, "2026-01-01"), annotation("b@x.org", 4, 8, "2026-01-02")
    skipped = annotation("b@x.org", 0, 8, "2026-01-03", was_cancelled=True)
    (tmp_path / "p.json").write_text(
        json.dumps([{"id": 7, "data": {"text": "red tent"}, "annotations": [mine, theirs, skipped]}])
    )
    assert [one.spans[0][1] for one in read_annotations(tmp_path / "p.json", "label-studio")] == [Span(4, 8)]
    (only,) = read_annotations(tmp_path / "p.json", "label-studio", annotator="a@x.org")
    assert (only.product.id, only.spans[0][1]) == ("7", Span(0, 3))


def test_offsets_of_browsers_are_told_from_characters_by_the_text(tmp_path: Path) -> None:
    value = {"start": 4, "end": 6, "text": "红色", "labels": ["color"]}
    task = {"id": 1, "data": {"title": "🎁🎁红色"}, "annotations": [{"result": [{"value": value}]}]}
    (tmp_path / "p.json").write_text(json.dumps([task]))
    (found,) = read_annotations(tmp_path / "p.json", "label-studio")
    assert found.spans == (("color", Span(2, 4)),)
    value["text"] = "蓝色"
    (tmp_path / "p.json").write_text(json.dumps([task]))
    with pytest.raises(FileFormatError, match="not its text '蓝色'"):
        list(read_annotations(tmp_path / "p.json", "label-studio"))


def test_files_of_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"id": 3, "text": "red tent", "label": [[0, 3, "color"]], "Comments": []}\n')
    (tmp_path / "r.jsonl").write_text(
        '{"id": 4, "text": "red tent", "entities": [{"id": 1, "label": "color", "start_offset": 0, "end_offset": 3}]}\n'
    )
    for name in ("d", "r"):
        (found,) = read_annotations(tmp_path / f"{name}.jsonl", "doccano")
        assert found.spans == (("color", Span(0, 3)),)
    (tmp_path / "c.conll").write_text("dark B-color\ngreen I-color\ntent O\n\nred\tB-color\n")
    first, second = read_annotations(tmp_path / "c.conll", "conll")
    assert (first.product.title, first.spans) == ("dark green tent", (("color", Span(0, 10)),))
    assert second.spans == (("color", Span(0, 3)),)


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [
        ("label-studio", '{"id": 1}', "a list of tasks was expected"),
        ("label-studio", '[{"id": 1}]', "'data' must be an object"),
        ("doccano", '{"text": "red", "label": [1]}', r"\[start, end, label\] was expected"),
        ("doccano", '{"text": "red", "label": [[0, 9, "color"]]}', r"\[0, 9\) isn't within the text"),
        ("conll", "red X", "the tag 'X' is neither O nor B- or I-"),
        ("conll", "", "the file is empty"),
    ],
)
def test_damaged_files_are_bad_input(tmp_path: Path, format: str, text: str, message: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(FileFormatError, match=message):
        list(read_annotations(tmp_path / "f.json", format))


def test_unsupported_formats_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format 'brat'"):
        write_annotations(tmp_path / "out", GOLD, "brat")


def test_the_commands_round_trip(tmp_path: Path) -> None:
    row = {"id": "1", "title": "red tent", "spans": [{"start": 0, "end": 3, "label": "color", "concept": "red"}]}
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    asked = ("annotations", "export", tmp_path / "gold.jsonl", "--out", tmp_path / "tasks.json")
    assert main(*asked).code == 0
    ran = main("annotations", "import", tmp_path / "tasks.json", "--out", tmp_path / "back.jsonl")
    assert ran.code == 0 and "1 annotated products" in ran.stderr
    assert list(read_annotated(tmp_path / "back.jsonl")) == list(read_annotated(tmp_path / "gold.jsonl"))
    (tmp_path / "plain.jsonl").write_text('{"id": "2", "title": "blue tent"}\n')
    assert main("annotations", "export", tmp_path / "plain.jsonl", "--out", tmp_path / "t.json").code == 0
    assert "annotations" not in json.loads((tmp_path / "t.json").read_text())[0]
