"""Rows of product files in JSONL, CSV, TSV or Parquet, with their place for errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError, InputError
from graph.formats import reading, table
from graph.formats.reading import Row

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_COLUMNS = ("id", "title", "text", "category", "lang", "image", "attributes", "spans")
"""Columns that tables may name in any case."""


def rows(path: Path) -> Iterator[Row]:
    """The rows of a JSONL, CSV, TSV (each also .gz) or Parquet file."""
    suffix, gzipped = reading.suffixes(path)
    if path.is_dir():
        raise FileFormatError(str(path), "this is a directory; a file was expected")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return (Row(str(path), line, fields) for line, fields in reading.json_rows(path))
    if suffix in (".csv", ".tsv"):
        return _table(path)
    if suffix == ".parquet" and not gzipped:
        return _parquet(path)
    raise InputError(f"{path}: the suffix {suffix!r} names no product file; one of {', '.join(_SUFFIXES)} was expected")


def _table(path: Path) -> Iterator[Row]:
    """A table with a header; its columns `attributes` and `spans` hold JSON."""
    for row in table.rows(path, known=_COLUMNS, plain_tabs=True):
        fields = {name: row.cells.get(name, "") for name in row.columns}
        yield Row(str(path), row.line, _unpacked(fields, path, row.line))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise FileFormatError(str(path), "there is no such file")
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=10_000):
                for fields in batch.to_pylist(maps_as_pydicts="strict"):
                    number += 1
                    yield Row(str(path), number, _unpacked(fields, path, number))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(str(path), f"no readable Parquet file: {error}", line=number + 1) from None


def _unpacked(fields: dict[str, Any], path: Path, line: int) -> dict[str, Any]:
    """The fields, with nested columns that hold JSON text decoded."""
    for name in ("attributes", "spans"):
        value = fields.get(name)
        if isinstance(value, str):
            fields[name] = reading.json_value(value, path, line=line) if value.strip() else None
    return fields
