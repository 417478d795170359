"""Delimited text with a header row: the one reader of tables of taxonomies and of products."""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from graph.errors import FileFormatError
from graph.formats import reading

_LONGEST_CELL = 1 << 26
_TOKENS = re.compile(r"\\[\\|\s]|[^\\|]+|[\\|]")
_LIST_SPECIAL = re.compile(r"[\\|]|^\s|\s$")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line by which Excel states the delimiter."""
_LONE_CR = re.compile(r"(?<=\r)(?!\n)")
_ABOVE = 20
"""Lines in which the column names are looked for."""
_LONGEST_HEADER = 1 << 16
_LONGEST_RECORD = 10_000
"""Lines of one record; after a quote without its end, `_NEXT_RECORD`, so that many of them don't take forever."""
_NEXT_RECORD = 20

Fault = Literal["", "cells", "quotes"]
FAULTS: Mapping[Fault, str] = {
    "cells": "more cells than the table has columns (text with separators needs quotes)",
    "quotes": "quotes in the middle of a cell (text with quotes needs quotes around it, and its own doubled)",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A record: its first line in the file and its cells, as written; those missing at the end are not there.

    Fault "cells": it has more cells than the table has columns. Fault "quotes": the cells are a guess.
    """

    line: int
    cells: Sequence[str]
    fault: Fault = ""

    def cell(self, at: int | None) -> str:
        """The cell of a column, "" where there is none."""
        return self.cells[at] if at is not None and at < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its column names, stripped, the line they stand in, the number of rows above them, and its records."""

    file: Path
    header: tuple[str, ...]
    line: int
    above: int
    rows: Iterator[Row]

    def error(self, at: int, message: str, *, line: int) -> FileFormatError:
        """An error in a cell of column `at`."""
        return FileFormatError(str(self.file), f"column {self.header[at]!r}: {message}", line=line, column=at + 1)


def read(file: Path, recognised: Callable[[Sequence[str]], int], *, plain_tabs: bool = False) -> Table:
    """Open a CSV or TSV file. Its blank records are skipped.

    The delimiter is that of a `sep=` line, else a tab for .tsv, else the one of comma, semicolon, tab and bar by which
    most column names are recognised, else the one that the first lines have most of. Line ends may be CR, LF or both.

    Args:
        file: UTF-8, or UTF-16 with a byte order mark; perhaps gzipped.
        recognised: How many of these column names are known; the first row with some is the header, and below the
            first line one with at least two, or one wider than all above. Without any, the first row that is as
            wide as most is the header.
        plain_tabs: In .tsv files a quote stands for itself, except around a whole cell.

    Raises:
        FileFormatError: The file does not read, or is empty.
    """
    lines = _lines(file)
    first = next(lines, "")
    stated = _SEPARATOR.fullmatch(first)
    before = 1 if stated else 0
    peeked = [*([] if stated else [first]), *islice(lines, _ABOVE)]
    delimiters = [stated[1]] if stated else ["\t"] if _is_tsv(file) else [",", ";", "\t", "|"]
    above, delimiter = _header(peeked, delimiters, recognised)
    plain = plain_tabs and delimiter == "\t"
    records = _Records(chain(peeked[above:], lines), delimiter, line=before + above + 1, plain=plain).rows()
    names = next(records, None)
    if names is None or not any(cell.strip() for cell in names.cells):
        raise FileFormatError(str(file), "the file is empty; a row of column names was expected")
    header = tuple(cell.strip() for cell in names.cells)
    skipped = sum(bool(line.strip(f"{delimiter} \t\r\n")) for line in peeked[:above])
    return Table(file, header, names.line, skipped, _checked(records, len(header)))


def _header(
    lines: Sequence[str], delimiters: Sequence[str], recognised: Callable[[Sequence[str]], int]
) -> tuple[int, str]:
    """The number of lines above the header, and the delimiter."""
    for above, line in enumerate(lines):
        if len(line) <= _LONGEST_HEADER and line.strip():
            found = [
                (recognised(_leniently(line, one)), line.count(one), -at, one) for at, one in enumerate(delimiters)
            ]
            known, cells, _, delimiter = max(found)
            wider = cells > max((len(_filled(one, delimiter)) for one in lines[:above]), default=0)
            if known > 1 or (known and (wider or not any(map(str.strip, lines[:above])))):
                return above, delimiter
    full = [line for line in lines if line.strip()]
    delimiter = max(delimiters, key=lambda one: sum(line.count(one) for line in full))
    filled = [len(_filled(line, delimiter)) for line in lines]
    usual = sorted(many for many in filled if many)[sum(map(bool, filled)) // 2] if any(filled) else 0
    return next((n for n, many in enumerate(filled) if many >= usual and many), 0), delimiter


def _filled(line: str, delimiter: str) -> list[str]:
    return [cell for cell in line.split(delimiter) if cell.strip()] if len(line) <= _LONGEST_HEADER else []


def _checked(rows: Iterator[Row], columns: int) -> Iterator[Row]:
    """Rows with something in them; those with too many cells have that fault."""
    for row in rows:
        if any(cell.strip() for cell in row.cells[columns:]):
            yield Row(row.line, row.cells, "cells")
        elif any(cell.strip() for cell in row.cells):
            yield row


class _Records:
    """Splits lines into records. One that is not valid CSV ends with its first line and has the fault "quotes"."""

    def __init__(self, lines: Iterator[str], delimiter: str, *, line: int, plain: bool) -> None:
        self._lines = lines
        self._returned: deque[str] = deque()
        self._line = line
        self._delimiter = delimiter
        self._plain = plain
        self._longest = _LONGEST_RECORD

    def rows(self) -> Iterator[Row]:
        while (text := self._next()) is not None:
            start = self._line
            self._line += 1
            if self._plain:
                yield Row(start, [_unquoted(cell) for cell in text.rstrip("\r\n").split(self._delimiter)])
            elif '"' not in text:
                yield Row(start, text.rstrip("\r\n").split(self._delimiter))
            else:
                yield self._quoted(text, start)

    def _next(self) -> str | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def _quoted(self, first: str, start: int) -> Row:
        taken: list[str] = []

        def more() -> Iterator[str]:
            yield first
            while len(taken) < self._longest and (text := self._next()) is not None:
                taken.append(text)
                yield text

        with _long_cells():
            try:
                cells = next(csv.reader(more(), delimiter=self._delimiter, strict=True))
            except csv.Error:
                if len(taken) > _NEXT_RECORD:
                    self._longest = _NEXT_RECORD
                self._returned.extendleft(reversed(taken))
                return Row(start, _leniently(first, self._delimiter), "quotes")
        self._line += len(taken)
        return Row(start, cells)


def _leniently(line: str, delimiter: str) -> list[str]:
    """The cells of a line that may not be valid CSV."""
    text = line.rstrip("\r\n")
    with _long_cells():
        try:
            return next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            return [_inner(cell.strip()).replace('""', '"') for cell in text.split(delimiter)]


def _inner(cell: str) -> str:
    if cell.count('"') == 1:
        return cell.removeprefix('"')
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def split(cell: str) -> list[str]:
    """The items of a list cell, separated by `|`; `\\|`, `\\\\` and backslash space are escapes."""
    if "\\" not in cell:
        return [item for part in cell.split("|") if (item := part.strip())]
    items: list[list[tuple[str, bool]]] = [[]]
    for token in _TOKENS.findall(cell):
        if token == "|":
            items.append([])
        elif len(token) == 2 and token[0] == "\\":
            items[-1].append((token[1], True))
        else:
            items[-1] += ((character, False) for character in token)
    return [text for item in items if (text := _stripped(item))]


def join(items: Sequence[str]) -> str:
    """The list cell that `split` reads back."""
    return "|".join(_LIST_SPECIAL.sub(lambda found: f"\\{found[0]}", item) for item in items)


def line(cells: Sequence[str], *, delimiter: str) -> bytes:
    """A record in the notation of RFC 4180."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerow(cells)
    return out.getvalue().encode()


def delimiter_of(file: Path) -> str:
    """The delimiter to write: a tab for .tsv, else a comma."""
    return "\t" if _is_tsv(file) else ","


def _is_tsv(file: Path) -> bool:
    return reading.suffixes(file)[0] == ".tsv"


def _stripped(item: list[tuple[str, bool]]) -> str:
    """The characters, escaped or not, without outer space that is not escaped."""
    kept = [at for at, (character, escaped) in enumerate(item) if escaped or not character.isspace()]
    return "".join(character for character, _ in item[kept[0] : kept[-1] + 1]) if kept else ""


def _lines(file: Path) -> Iterator[str]:
    """Lines, also those that end in CR alone when the first one does."""
    lines = (text for _, text in reading.lines(file))
    first = next(lines, "")
    every = chain((first,), lines)
    if "\r" not in first.rstrip("\r\n") and not first.endswith("\r"):
        return every
    return (part for line in every for part in _LONE_CR.split(line) if part)


def _unquoted(cell: str) -> str:
    """The cell without quotes around the whole of it, which some programs write; others, like inches, stay."""
    inner = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


@contextmanager
def _long_cells() -> Iterator[None]:
    """Raise the csv module's limit of 128 KiB a cell, which is global."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
