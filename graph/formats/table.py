"""Delimited text with a header row: cells by column, lists within a cell, and complaints that name row and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import reading

_LONGEST_CELL = 1 << 26
_TOKENS = re.compile(r"\\[\\|\s]|[^\\|]+|[\\|]")
_LIST_SPECIAL = re.compile(r"[\\|]|^\s|\s$")


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its first line in the file, and its cells, as written, by column name."""

    file: Path
    line: int
    columns: Mapping[str, int]
    cells: Mapping[str, str]

    def error(self, column: str, message: str) -> FileFormatError:
        at = self.columns.get(column)
        place = None if at is None else at + 1
        return FileFormatError(str(self.file), f"column {column!r}: {message}", line=self.line, column=place)


def rows(file: Path) -> Iterator[Row]:
    """The records of a CSV or TSV file (comma, semicolon or tab, as the header has it); blank ones are skipped.

    Cells that are missing at the end of a row are empty ones.
    """
    start = 1
    header: list[str] = []
    columns: dict[str, int] = {}
    with _long_cells():
        lines = (text for _, text in reading.lines(file))
        first = next(lines, "")
        table = csv.reader(_chain(first, lines), delimiter=delimiter_of(file, first), strict=True)
        while True:
            try:
                cells = next(table)
            except StopIteration:
                break
            except csv.Error as error:
                message = f"no valid CSV: {error}; text with quotes or line ends must stand in quotes"
                raise FileFormatError(str(file), message, line=start) from None
            line, start = start, table.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                columns = _columns(header, file, line)
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                message = f"{len(cells)} cells in a table of {len(header)} columns; text with separators needs quotes"
                raise FileFormatError(str(file), message, line=line, column=len(header) + 1)
            yield Row(file, line, columns, {name: cells[at] for name, at in columns.items() if at < len(cells)})
    if not header:
        raise FileFormatError(str(file), "the file is empty; a row of column names was expected")


def split(cell: str) -> list[str]:
    """The items of a list cell: parted by `|`, less the space around them; `\\|`, `\\\\` and backslash space escape."""
    if "\\" not in cell:
        return [item for part in cell.split("|") if (item := part.strip())]
    items: list[list[tuple[str, bool]]] = [[]]
    for token in _TOKENS.findall(cell):
        if token == "|":
            items.append([])
        elif len(token) == 2 and token[0] == "\\":
            items[-1].append((token[1], True))
        else:
            items[-1].append((token, False))
    return [text for item in items if (text := _stripped(item))]


def join(items: Sequence[str]) -> str:
    """The list cell that `split` reads back."""
    return "|".join(_LIST_SPECIAL.sub(lambda found: f"\\{found[0]}", item) for item in items)


def line(cells: Sequence[str], *, delimiter: str) -> bytes:
    """One record as RFC 4180 has it."""
    out = _Echo()
    csv.writer(out, delimiter=delimiter).writerow(cells)
    return out.text.encode()


def delimiter_of(file: Path, header: str = "") -> str:
    """Tab for .tsv; else what the header has most of, a comma when it has none."""
    if reading.suffixes(file)[0] == ".tsv":
        return "\t"
    return max((",", ";", "\t"), key=header.count)


class _Echo:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


def _stripped(parts: list[tuple[str, bool]]) -> str:
    """The item without the space around it, but for space that was escaped."""
    start, end = 0, len(parts)
    while start < end and not parts[start][1] and not parts[start][0].strip():
        start += 1
    while end > start and not parts[end - 1][1] and not parts[end - 1][0].strip():
        end -= 1
    kept = parts[start:end]
    if not kept:
        return ""
    texts = [text for text, _ in kept]
    if not kept[0][1]:
        texts[0] = texts[0].lstrip()
    if not kept[-1][1]:
        texts[-1] = texts[-1].rstrip()
    return "".join(texts)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _columns(header: Sequence[str], file: Path, line: int) -> dict[str, int]:
    columns: dict[str, int] = {}
    for at, name in enumerate(header):
        if name in columns:
            raise FileFormatError(str(file), f"a second column {name!r}", line=line, column=at + 1)
        if name:
            columns[name] = at
    return columns


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module refuses cells above 128 KiB unless told otherwise, for all who use it."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
