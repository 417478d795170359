from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated
from kgtag.train.extractor.data_checks import DataFinding, inspect_data
from kgtag.types import AnnotatedProduct, Product, Span

CONCEPTS = (
    Concept("socks", "shop", "category", {"en": "Socks"}),
    Concept("lamps", "shop", "category", {"en": "Lamps"}),
    Concept("color", "shop", "attribute", {"en": "Color"}),
    Concept("size", "shop", "attribute", {"en": "Size"}),
    Concept("red", "shop", "value", {"en": "Red"}),
)
TAXONOMY = Taxonomy.of(
    TaxonomyData.of(
        1, CONCEPTS, (Relation("applies_to", "color", "socks"), Relation("applies_to", "size", "socks"),
                      Relation("value_of", "red", "color"))
    )
)  # fmt: skip


def item(id: str, title: str, category: str | None = "Socks", **values: str) -> AnnotatedProduct:
    return AnnotatedProduct(Product(id, title, category=category), {name: (value,) for name, value in values.items()})


def by_code(found: list[DataFinding]) -> dict[str, DataFinding]:
    return {one.code: one for one in found}


def test_sound_data_has_no_findings() -> None:
    data = [item("1", "red socks", Color="red"), item("2", "blue socks", Color="blue")]
    assert inspect_data(data, [item("3", "green socks", Color="green")], taxonomy=TAXONOMY) == []


def test_what_contradicts_itself_is_counted_with_examples() -> None:
    spans = (("Color", Span(0, 3)), ("Color", Span(0, 9)), ("Size", Span(4, 9)))
    odd = AnnotatedProduct(Product("5", "red socks"), {"Color": ("red", "red socks"), "Size": ("socks",)}, spans)
    train = [
        item("1", "red socks", Color="red"),
        item("2", "red socks", Color="socks"),
        item("3", " "),
        item("4", "plain", Color="mauve"),
        odd,
        item("6", "hat", Color="hat"),
        item("7", "hat", Color="hat"),
    ]
    found = by_code(inspect_data(train, [item("8", "hat", Color="hat")]))
    assert found["overlap_within"].count == 1 and "'red' and Color 'red socks'" in found["overlap_within"].examples[0]
    assert found["overlap_across"].level == "note" and found["overlap_across"].count == 1
    assert found["unreadable_title"].examples[0].startswith("3: ")
    assert found["not_in_text"].examples == ("4: plain ← Color 'mauve'",)
    assert found["contradicting"].count == 1 and "1: red socks (also 2, 5)" in found["contradicting"].examples
    assert found["repeated"].count == 1 and found["repeated"].level == "note"
    assert found["in_train_and_dev"].examples == ("8: hat",)
    assert found["seen_once"].examples == ("Size",)


def test_what_contradicts_the_taxonomy_is_counted() -> None:
    train = [
        item("1", "red hat", "Hats", Color="red"),
        item("2", "red socks", Size="red"),
        item("3", "red lamp", "Lamps", Color="red"),
        item("4", "wool socks", Fabric="wool"),
        item("5", "red wool socks", Size="red"),
    ]
    found = by_code(inspect_data(train, taxonomy=TAXONOMY))
    assert found["unknown_category"].examples == ("Hats",)
    assert found["unknown_attribute"].examples == ("Fabric",)
    assert found["not_applicable"].examples == ("Color on Lamps",)
    assert found["other_attribute"].count == 2
    assert found["other_attribute"].examples == ("Size 'red', which the taxonomy has under Color (2×)",)


def test_five_examples_are_enough_and_findings_come_before_notes() -> None:
    train = [item(str(n), f"socks {n}", Color="nowhere") for n in range(9)] + [item("a", "x"), item("b", "x")]
    found = inspect_data(train)
    assert (found[0].count, len(found[0].examples)) == (9, 5)
    assert [one.level for one in found] == ["finding", "note"]


def test_spans_out_of_range_are_left_out_and_told_when_somebody_keeps_a_list(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    good = {"start": 0, "end": 3, "label": "Color"}
    rows = [{"id": "1", "title": "red", "spans": [good, {"start": 2, "end": 9, "label": "Size"}]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(FileFormatError, match="isn't within the text"):
        list(read_annotated(path))
    misplaced: list[FileFormatError] = []
    (one,) = read_annotated(path, misplaced=misplaced)
    assert one.spans == (("Color", Span(0, 3)),)
    (found,) = (one for one in inspect_data([one], misplaced=misplaced) if one.code == "out_of_range")
    assert "data.jsonl:1: spans[1]: [2, 9)" in found.examples[0]
    path.write_text('{"id": "1", "title": "red", "spans": [{"start": "0", "end": 3, "label": "Color"}]}\n')
    with pytest.raises(FileFormatError, match=r"data.jsonl:1: .*whole numbers"):
        list(read_annotated(path, misplaced=[]))
