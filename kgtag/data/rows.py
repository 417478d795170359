"""The rows of a file of products, whatever it is made of, each with the place to name when it makes no sense."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError, InputError
from graph.formats import reading

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_FIELD_LIMIT = 10_000_000
"""Characters a CSV field may hold."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the file, by column, and where: the line, or in Parquet the row, from 1."""

    file: str
    line: int
    fields: Mapping[str, Any]

    def error(self, message: str) -> FileFormatError:
        return FileFormatError(self.file, message, line=self.line)

    def optional(self, field: str) -> str | None:
        """A text; None when it is missing, null or empty."""
        value = self.fields.get(field)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.error(f"{field!r} must be a string, not {reading.kind_of(value)}")
        return value

    def text(self, field: str) -> str:
        """A text that must be there and say something."""
        value = self.fields.get(field)
        if isinstance(value, str) and value.strip():
            return value
        if field not in self.fields:
            there = ", ".join(map(repr, self.fields)) or "none"
            raise self.error(f"{field!r} is missing; the fields here are {there}")
        wrong = "is empty" if isinstance(value, str) else f"is {reading.kind_of(value)}"
        raise self.error(f"{field!r} {wrong}; a string with something in it was expected")

    def id(self, field: str = "id") -> str:
        """The row's id as text; its number in the file when it has none."""
        value = self.fields.get(field)
        if value is None or value == "":
            return str(self.line)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"{field!r} must be a string or a whole number, not {reading.kind_of(value)}")
        return str(value)


def rows(path: Path) -> Iterator[Row]:
    """The rows of a JSONL, CSV, TSV (each also .gz) or Parquet file."""
    suffix, gzipped = reading.suffixes(path)
    if path.is_dir():
        raise FileFormatError(str(path), "this is a directory; a file was expected")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return (Row(str(path), line, fields) for line, fields in reading.json_rows(path))
    if suffix in (".csv", ".tsv"):
        return _table(path, delimiter="," if suffix == ".csv" else "\t")
    if suffix == ".parquet" and not gzipped:
        return _parquet(path)
    raise InputError(f"{path}: the suffix {suffix!r} names no product file; one of {', '.join(_SUFFIXES)} was expected")


def _table(path: Path, *, delimiter: str) -> Iterator[Row]:
    """A table with a header; its columns `attributes` and `spans` hold JSON."""
    csv.field_size_limit(_FIELD_LIMIT)
    source = (line for _, line in reading.lines(path))
    # Tab-separated files quote nothing, or whole fields: see _unquoted.
    how: Any = {"quoting": csv.QUOTE_NONE} if delimiter == "\t" else {"strict": True}
    reader = csv.reader(source, delimiter=delimiter, **how)
    header: list[str] = []
    start = 1
    try:
        for raw in reader:
            line, start = start, reader.line_num + 1
            cells = [_unquoted(cell) for cell in raw] if delimiter == "\t" else raw
            if not cells:
                continue
            if not header:
                header = _header(cells, path, line)
            elif len(cells) != len(header):
                raise FileFormatError(str(path), f"{len(cells)} columns where the header has {len(header)}", line=line)
            else:
                yield Row(str(path), line, _unpacked(dict(zip(header, cells, strict=True)), path, line))
    except csv.Error as error:
        raise FileFormatError(str(path), f"no valid CSV: {error}", line=reader.line_num or 1) from None
    if not header:
        raise FileFormatError(str(path), "the file is empty; a header with a column 'title' was expected")


def _unquoted(cell: str) -> str:
    """A tab-separated field without the quotes some programs put around it; inches and other lone quotes stay."""
    inner = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


def _header(cells: list[str], path: Path, line: int) -> list[str]:
    header = [cell.strip() for cell in cells]
    repeated = sorted({cell for cell in header if header.count(cell) > 1})
    if repeated:
        raise FileFormatError(str(path), f"the header names {repeated[0]!r} twice", line=line)
    return header


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
    """Nested columns as they are, those kept as JSON text read."""
    for name in ("attributes", "spans"):
        value = fields.get(name)
        if isinstance(value, str):
            fields[name] = reading.json_value(value, path, line=line) if value.strip() else None
    return fields
