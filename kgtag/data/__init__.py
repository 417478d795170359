"""Product files in JSONL, CSV, TSV or Parquet, annotated or not, read as they are used, so that they may be huge."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError, InputError, KgtagError
from graph.formats import headers, reading, table
from graph.formats.reading import Row
from kgtag.data.annotated import annotated, extractgpt, plain, spans
from kgtag.data.sequences import bieos, bio
from kgtag.types import AnnotatedProduct, Product

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_COLUMNS: Mapping[str, str] = {
    "id": "id product_id item_id sku product_sku variant_sku",
    "title": "title product_title item_title product_name product_display_name name",
    "text": "text description product_description short_description",
    "category": "category product_category",
    "lang": "lang language locale",
    "image": "image image_url",
    "at": "at",
    "group": "group item_group_id product_group group_id",
    "attributes": "attributes",
    "spans": "spans",
}
"""Headers of tables by field, best first; compared as those of taxonomies are."""
_FIELDS = {
    headers.key(one): (field, rank) for field, every in _COLUMNS.items() for rank, one in enumerate(every.split())
}


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not hold a product: the id that it names, None without one, and its line in the file."""

    id: str | None
    line: int
    error: KgtagError


Columns = Mapping[str, str]
"""Headers, or fields of JSON, by the field that they hold, where the names alone don't tell."""


def read_columns(given: Sequence[str] | None) -> Columns | None:
    """Columns from `FIELD=HEADER` as the command line has them. Raises InputError."""
    found: dict[str, str] = {}
    for one in given or ():
        field, equals, header = one.partition("=")
        if not equals or field not in _COLUMNS or not header:
            raise InputError(f"--column {one}: FIELD=HEADER was expected, with one of {', '.join(_COLUMNS)}")
        found[field] = header
    return found or None


def rows(path: Path, columns: Columns | None = None) -> Iterator[Row]:
    """The rows of a JSONL, CSV, TSV (each also .gz) or Parquet file."""
    suffix, gzipped = reading.suffixes(path)
    if path.is_dir():
        raise FileFormatError(str(path), "this is a directory; a file was expected")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return (Row(str(path), line, _named(fields, columns)) for line, fields in reading.json_rows(path))
    if suffix in (".csv", ".tsv"):
        return _table(path, columns)
    if suffix == ".parquet" and not gzipped:
        return (replace(row, fields=_named(row.fields, columns)) for row in _parquet(path))
    raise InputError(f"{path}: the suffix {suffix!r} names no product file; one of {', '.join(_SUFFIXES)} was expected")


def _named(fields: Mapping[str, Any], columns: Columns | None) -> Mapping[str, Any]:
    return fields if columns is None else {**fields, **{name: fields.get(of) for name, of in columns.items()}}


def _table(path: Path, columns: Columns | None = None) -> Iterator[Row]:
    for row in _attempt_table(path, columns):
        if isinstance(row, BadRow):
            raise row.error
        yield row


def _attempt_table(path: Path, columns: Columns | None = None) -> Iterator[Row | BadRow]:
    """The rows of a table with a header; its columns `attributes` and `spans` hold JSON."""
    known = _FIELDS.keys() | {headers.key(one) for one in (columns or {}).values()}
    opened = table.read(path, lambda header: sum(headers.key(one) in known for one in header), plain_tabs=True)
    names = _fields(opened, columns or {})
    for row in opened.rows:
        if row.fault:
            yield BadRow(
                None, row.line, FileFormatError(str(path), f"the row has {table.FAULTS[row.fault]}", line=row.line)
            )
            continue
        fields = {name: row.cell(at) for at, name in names.items()}
        try:
            yield Row(str(path), row.line, _unpacked(fields, path, row.line))
        except FileFormatError as error:
            yield BadRow(_id(fields), row.line, error)


def _fields(opened: table.Table, columns: Columns) -> dict[int, str]:
    """The field of each column: one of `_COLUMNS`, or its header. Raises FileFormatError for one that is repeated, or
    a column that is not there."""
    best: dict[str, tuple[int, int]] = {}
    given = {headers.key(header): (field, -2) for field, header in columns.items()}
    there = {headers.key(header) for header in opened.header}
    if missing := next((of for of in columns.values() if headers.key(of) not in there), None):
        message = f"no column {missing!r}; there is {', '.join(opened.header)}"
        raise FileFormatError(str(opened.file), message, line=opened.line)
    for at, header in enumerate(opened.header):
        own = (header, -1) if header in _COLUMNS else _FIELDS.get(headers.key(header), (header, 0))
        field, rank = given.get(headers.key(header), own)
        if header and (field not in best or rank < best[field][0]):
            best[field] = (rank, at)
        elif field in _COLUMNS and rank == best[field][0]:
            message = f"a second column {field!r}"
            raise FileFormatError(str(opened.file), message, line=opened.line, column=at + 1)
    return {at: field for field, (_, at) in best.items()}


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


def read_products(
    path: Path, *, lang: str | None = None, columns: Columns | None = None
) -> Iterator[tuple[int, Product]]:
    """(line, product) in file order; `lang` is for rows that name no language."""
    for row in rows(path, columns):
        yield row.line, plain(row, lang=lang)


def attempt_products(
    path: Path, *, lang: str | None = None, columns: Columns | None = None
) -> Iterator[Product | BadRow]:
    """Like `read_products`, but a bad row leaves a BadRow in its place. Raises FileFormatError for a file that doesn't
    read as a whole: missing, empty, a table without titles."""
    suffix, _ = reading.suffixes(path)
    if suffix in (".jsonl", ".ndjson", ".json"):
        lines = _attempt_numbered(reading.raw_lines(path), str(path), lang, columns)
        first = next(lines, None)
        if first is None:
            raise FileFormatError(str(path), "the file is empty; one JSON object a line was expected")
        yield first
        yield from lines
        return
    titled = False
    tables = suffix in (".csv", ".tsv") and not path.is_dir()
    for row in _attempt_table(path, columns) if tables else rows(path, columns):
        if isinstance(row, BadRow):
            yield row
            continue
        if not titled and "title" not in row.fields:
            there = ", ".join(map(str, row.fields))
            raise FileFormatError(str(path), f"no column 'title'; there is {there}", line=1)
        titled = True
        yield _attempt(row, lang)


def attempt_lines(
    lines: Iterable[bytes], *, name: str = "<stdin>", lang: str | None = None, columns: Columns | None = None
) -> Iterator[Product | BadRow]:
    """The same for JSONL that comes from elsewhere than a file; it may be empty."""
    numbered = ((n, raw.removeprefix(b"\xef\xbb\xbf") if n == 1 else raw) for n, raw in enumerate(lines, start=1))
    return _attempt_numbered(numbered, name, lang, columns)


def _attempt_numbered(
    lines: Iterable[tuple[int, bytes]], name: str, lang: str | None, columns: Columns | None
) -> Iterator[Product | BadRow]:
    for number, raw in lines:
        if not raw.strip():
            continue
        try:
            fields = reading.json_object(reading.decode(raw, name, number), name, line=number)
        except FileFormatError as error:
            yield BadRow(None, number, error)
        else:
            yield _attempt(Row(name, number, _named(fields, columns)), lang)


def _attempt(row: Row, lang: str | None) -> Product | BadRow:
    try:
        return plain(row, lang=lang)
    except FileFormatError as error:
        return BadRow(_id(row.fields), row.line, error)


def _id(fields: Mapping[str, Any]) -> str | None:
    id = fields.get("id")
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) and id != "" else None


_BY_ROW = {"annotated": annotated, "spans": spans, "extractgpt": extractgpt, "bio": bio}
FORMATS = (*_BY_ROW, "bieos")


def read_annotated(
    path: Path, *, format: str = "annotated", lang: str | None = None, misplaced: list[FileFormatError] | None = None
) -> Iterator[AnnotatedProduct]:
    """Products with their gold, in file order; `format` is one of FORMATS, `lang` for rows that name no language.

    With a list for what is `misplaced`, spans outside their text go there and not into the products, in place of an
    error at the first of them.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of annotated products; there is {', '.join(FORMATS)}")
    if format == "bieos":
        return (_in_language(one, lang) for one in bieos(path))
    read = rows(path) if misplaced is None else (_within(row, misplaced) for row in rows(path))
    return (_in_language(_BY_ROW[format](row), lang) for row in read)


def _within(row: Row, misplaced: list[FileFormatError]) -> Row:
    """The row without spans that begin or end outside its text; anything else that is wrong with it stays."""
    given, text = row.fields.get("spans"), row.fields.get("title", row.fields.get("text"))
    if not isinstance(given, list) or not isinstance(text, str):
        return row
    kept = []
    for number, one in enumerate(given):
        start, end = (one.get("start"), one.get("end")) if isinstance(one, dict) else (None, None)
        if isinstance(start, int) and isinstance(end, int) and not 0 <= start < end <= len(text):
            message = f"spans[{number}]: [{start}, {end}) isn't within the text, which has {len(text)} characters"
            misplaced.append(row.error(message))
        else:
            kept.append(one)
    return row if len(kept) == len(given) else replace(row, fields={**row.fields, "spans": kept})


def _in_language(one: AnnotatedProduct, lang: str | None) -> AnnotatedProduct:
    named = lang is None or one.product.lang is not None
    return one if named else replace(one, product=replace(one.product, lang=lang))
