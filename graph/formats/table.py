"""Delimited text with a header row: the one reader of tables of taxonomies and of products."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from graph.errors import FileFormatError
from graph.formats import reading

_LONGEST_CELL = 1 << 26
_TOKENS = re.compile(r"\\[\\|\s]|[^\\|]+|[\\|]")
_LIST_SPECIAL = re.compile(r"[\\|]|^\s|\s$")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line by which Excel states the delimiter."""
_LONE_CR = re.compile(r"(?<=\r)(?!\n)")


@dataclass(frozen=True, slots=True)
class Row:
    """A record: its first line in the file and its cells, as written, by column name."""

    file: Path
    line: int
    columns: Mapping[str, int]
    cells: Mapping[str, str]

    def error(self, column: str, message: str) -> FileFormatError:
        at = self.columns.get(column)
        place = None if at is None else at + 1
        return FileFormatError(str(self.file), f"column {column!r}: {message}", line=self.line, column=place)


def rows(file: Path, *, known: Collection[str] = (), plain_tabs: bool = False) -> Iterator[Row]:
    """The records of a CSV or TSV file, without blank ones.

    Cells missing at the end of a row are empty. The delimiter is that of a `sep=` line, else a tab for .tsv, else the
    one of comma, semicolon and tab that the header has most of. Line ends may be CR, LF or both.

    Args:
        file: UTF-8, or UTF-16 with a byte order mark; perhaps gzipped.
        known: Names of columns that are recognised in any case, also before "@".
        plain_tabs: In .tsv files a quote stands for itself, except around a whole cell.

    Raises:
        FileFormatError: The file does not read; names line and column.
    """
    header: list[str] = []
    columns: dict[str, int] = {}
    with _long_cells():
        lines = _lines(file)
        first = next(lines, "")
        stated = _SEPARATOR.fullmatch(first)
        first = next(lines, "") if stated else first
        delimiter = stated[1] if stated else delimiter_of(file, first)
        plain = plain_tabs and delimiter == "\t"
        how: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if plain else {"strict": True}
        table = csv.reader(chain((first,) if first else (), lines), delimiter=delimiter, **how)
        before = start = 2 if stated else 1
        while True:
            try:
                cells = next(table)
            except StopIteration:
                break
            except csv.Error as error:
                message = f"no valid CSV: {error}; text with quotes or line ends must stand in quotes"
                raise FileFormatError(str(file), message, line=start) from None
            line, start = start, table.line_num + before
            if plain:
                cells = [_unquoted(cell) for cell in cells]
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                columns = _columns(header, known, file, line)
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                message = f"{len(cells)} cells in a table of {len(header)} columns; text with separators needs quotes"
                raise FileFormatError(str(file), message, line=line, column=len(header) + 1)
            yield Row(file, line, columns, {name: cells[at] for name, at in columns.items() if at < len(cells)})
    if not header:
        raise FileFormatError(str(file), "the file is empty; a row of column names was expected")


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


def delimiter_of(file: Path, header: str = "") -> str:
    """Tab for .tsv, else the delimiter that the header has most of, a comma when it has none."""
    if reading.suffixes(file)[0] == ".tsv":
        return "\t"
    return max((",", ";", "\t"), key=header.count)


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


def _columns(header: Sequence[str], known: Collection[str], file: Path, line: int) -> dict[str, int]:
    spelling = {name.casefold(): name for name in known if name not in header}
    columns: dict[str, int] = {}
    for at, written in enumerate(header):
        base, separator, tag = written.partition("@")
        name = spelling.get(base.casefold(), base) + separator + tag
        if name in columns:
            raise FileFormatError(str(file), f"a second column {name!r}", line=line, column=at + 1)
        if name:
            columns[name] = at
    return columns


@contextmanager
def _long_cells() -> Iterator[None]:
    """Raise the csv module's limit of 128 KiB a cell, which is global."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
