"""Tags as a directory of Parquet, and files of object stores."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.tag import outputs
from kgtag.tag.batch import TagJob
from kgtag.tag.shown import Shown
from tests.kgtag.tag.test_batch import Colors, _products, _rows, _tagger, _write, taxonomy

__all__ = ["taxonomy"]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def rows_of(directory: Path | str) -> list[dict[str, Any]]:
    rows = without_nulls(pq.read_table(str(directory)).to_pylist())
    return [row | {"error": json.loads(row["error"])} if "error" in row else row for row in rows]


def test_a_directory_of_parquet_has_the_rows_of_the_lines(taxonomy: Taxonomy, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.jsonl", [*_products(3), {"id": "bad"}, {"id": "c", "title": "super clone watch"}])
    TagJob(_tagger(taxonomy), shown=Shown(explain=True)).run(source, tmp_path / "out.jsonl")
    report = TagJob(_tagger(taxonomy), shown=Shown(explain=True)).run(source, tmp_path / "out.parquet")
    assert (report.tagged, report.failed) == (4, 1)
    assert rows_of(tmp_path / "out.parquet") == _rows(tmp_path / "out.jsonl")


def test_parquet_is_resumed_part_by_part(taxonomy: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_PART_ROWS", 50)
    source, out = _write(tmp_path / "in.jsonl", _products(300)), tmp_path / "out.parquet"
    TagJob(_tagger(taxonomy)).run(source, tmp_path / "whole.parquet")
    with pytest.raises(KeyboardInterrupt):
        TagJob(_tagger(taxonomy, Colors(stop_at=200))).run(source, out)
    done = len(rows_of(out))
    assert 0 < done < 300 and done % 50 == 0
    (out / ".part-000009").write_bytes(b"PAR")  # torn
    with pytest.raises(InputError, match="already exists; continue it with --resume"):
        TagJob(_tagger(taxonomy)).run(source, out)
    report = TagJob(_tagger(taxonomy)).run(source, out, resume=True)
    assert (report.skipped, report.tagged) == (done, 300 - done)
    assert rows_of(out) == rows_of(tmp_path / "whole.parquet")
    assert TagJob(_tagger(taxonomy)).run(source, out, resume=True).tagged == 0


def test_files_of_an_object_store(taxonomy: Taxonomy, tmp_path: Path) -> None:
    bucket = f"memory://shop-{uuid.uuid4().hex}"
    with fsspec.open(f"{bucket}/in/p.csv", "w") as file:
        file.write("id,title\n1,red socks\n2,green tea\n")
    TagJob(_tagger(taxonomy)).run(f"{bucket}/in/p.csv", f"{bucket}/tags.parquet")
    system, root = fsspec.core.url_to_fs(f"{bucket}/tags.parquet")
    system.get(root, str(tmp_path / "local.parquet"), recursive=True)
    assert [row["id"] for row in rows_of(tmp_path / "local.parquet")] == ["1", "2"]
    assert TagJob(_tagger(taxonomy)).run(f"{bucket}/in/p.csv", f"{bucket}/tags.parquet", resume=True).skipped == 2


@pytest.mark.parametrize(
    ("source", "out", "expected"),
    [
        ("p.jsonl", "memory://shop/out.jsonl", "give a directory of Parquet, NAME.parquet"),
        ("p.jsonl", "{}/file.parquet", "is a file; the rows go to a directory"),
        ("memory://nowhere/p.csv", "{}/out.jsonl", "memory://nowhere/p.csv can't be read"),
        ("nosuch://b/p.csv", "{}/out.jsonl", "nosuch://b/p.csv: Protocol not known: nosuch"),
        ("p.jsonl", "nosuch://b/t.parquet", "nosuch://b/t.parquet: Protocol not known: nosuch"),
    ],
)
def test_places_that_do_not_do(taxonomy: Taxonomy, tmp_path: Path, source: str, out: str, expected: str) -> None:
    _write(tmp_path / "p.jsonl", _products(2))
    (tmp_path / "file.parquet").write_bytes(b"")
    given = source if "://" in source else str(tmp_path / source)
    with pytest.raises(InputError, match=re.escape(expected)):
        TagJob(_tagger(taxonomy)).run(given, out.format(tmp_path))
