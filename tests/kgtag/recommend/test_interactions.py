"""Files of pairs as they are published: headers, weights, commas, baskets; and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from graph.errors import FileFormatError
from kgtag.recommend.interactions import Matrix, Pair, read_labels, read_pairs


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.tsv", "u1\ti1\nu1\ti2\n", [Pair("u1", "i1"), Pair("u1", "i2")]),
        ("a.tsv", "user\tartist\tplays\n2\t51\t13883\n", [Pair("2", "51", 13883.0)]),
        ("a.tsv", "item\ttag\n1\trock\n", [Pair("1", "rock")]),
        ("a.csv", 'userId,movieId,rating,timestamp\n1,"3, 4",4.0,964\n', [Pair("1", "3, 4", 4.0, 964.0)]),
        ("a.tsv", "0\tmilk,cream cheese ,rice\n1\tmilk\n", [Pair("0", "milk"), Pair("0", "cream cheese"),
                                                         Pair("0", "rice"), Pair("1", "milk")]),
    ],
)  # fmt: skip
def test_files_as_they_come(tmp_path: Path, name: str, text: str, expected: list[Pair]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_pairs(tmp_path / name).pairs == expected
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_pairs(packed).pairs == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u1 i1\n", "two columns expected, user TAB item, not 'u1 i1'"),
        ("u1\ti1\t1\nu1\ti2\tmany\n", "a weight above 0 expected, not 'many'"),
        ("u1\ti1\t0\n", "a weight above 0 expected, not '0'"),
        ("\n", "no rows"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=message):
        read_pairs(tmp_path / "a.tsv")


def test_matrix_sums_weights(tmp_path: Path) -> None:
    matrix = Matrix.of([Pair("b", "x", 2.0), Pair("a", "y"), Pair("b", "x", 1.0)])
    assert (matrix.rows, matrix.columns) == (("a", "b"), ("x", "y"))
    assert matrix.values.toarray().tolist() == [[0, 1], [3, 0]]
    (tmp_path / "texts.tsv").write_text("1\trock\tloud\n", encoding="utf-8")
    assert read_labels(tmp_path / "texts.tsv") == {"1": "rock"}
