"""Files of pairs (a user and an item, an item and a tag), and the sparse matrix that they make."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graph.errors import FileFormatError
from graph.formats import reading

if TYPE_CHECKING:
    from scipy import sparse

_HEADER = re.compile(r"(user|visitor|session|basket|item|product|artist|movie|tag|concept|label|name|id|sku)s?(_?id)?")
"""Column names that mark a first row as a header, without regard to case."""
_LISTS = 1 / 3
"""Share of rows with a comma from which a file whose keys all differ is read as baskets."""


class Pair(NamedTuple):
    """A row of a file. `weight` is above 0; `time` in any unit that grows, None when the file has none."""

    row: str
    column: str
    weight: float = 1.0
    time: float | None = None


@dataclass(slots=True)
class Pairs:
    """The pairs of a file in order. `baskets`: each line of the file was one row with all its columns."""

    pairs: list[Pair] = field(default_factory=list)
    baskets: bool = False


def read_pairs(path: Path) -> Pairs:
    """Read rows of two to four columns: row, column, weight, time; TAB, or commas in a `.csv`; `.gz` too.

    A header is skipped. A file of baskets, an id TAB names separated by commas, is read as one pair for each name.

    Raises:
        FileFormatError: A row has less than two columns, or a weight that is not a number above 0.

    Example: rows of `user TAB item TAB plays`, as `2 TAB 51 TAB 13883`.
    """
    rows = list(_rows(path))
    if rows and _is_header(rows):
        del rows[0]
    if not rows:
        raise FileFormatError(str(path), "no rows; user TAB item expected on each line")
    if _are_baskets(rows):
        names = ((cells[0], name.strip()) for _, cells in rows for name in cells[1].split(","))
        return Pairs([Pair(row, name) for row, name in names if name], baskets=True)
    return Pairs([_pair(path, number, cells) for number, cells in rows])


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells stripped) of every line that is not blank."""
    comma = reading.suffixes(path)[0] == ".csv"
    for number, line in reading.lines(path):
        if not line.strip():
            continue
        cells = next(csv.reader([line])) if comma else line.split("\t")
        cells = [cell.strip() for cell in cells]
        if len(cells) < 2 or not cells[0] or not cells[1]:
            wanted = "two columns expected, user " + ("and item" if comma else "TAB item")
            raise FileFormatError(str(path), f"{wanted}, not {line.strip()[:80]!r}", line=number)
        yield number, cells


def _is_header(rows: Sequence[tuple[int, list[str]]]) -> bool:
    first = rows[0][1]
    if len(first) > 2 and first[2] and _number(first[2]) is None:
        return True
    return all(_HEADER.fullmatch(cell.casefold()) for cell in first[:2])


def _are_baskets(rows: Sequence[tuple[int, list[str]]]) -> bool:
    if any(len(cells) != 2 for _, cells in rows) or len({cells[0] for _, cells in rows}) < len(rows):
        return False
    return sum("," in cells[1] for _, cells in rows) >= _LISTS * len(rows)


def _pair(path: Path, number: int, cells: list[str]) -> Pair:
    weight = _number(cells[2]) if len(cells) > 2 and cells[2] else 1.0
    if weight is None or not 0 < weight < float("inf"):
        raise FileFormatError(str(path), f"a weight above 0 expected, not {cells[2]!r}", line=number)
    time = _number(cells[3]) if len(cells) > 3 else None
    return Pair(cells[0], cells[1], weight, time)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Pairs as a sparse matrix: `values` (rows, columns) float32 holds the sums of the weights.

    `rows` and `columns` are the names, ascending.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: sparse.csr_array

    @classmethod
    def of(cls, pairs: Iterable[Pair], columns: Iterable[str] = ()) -> Matrix:
        """Sum the weights of equal pairs; `columns` are names that have a column even without a pair."""
        from scipy import sparse

        found = list(pairs)
        rows = {name: i for i, name in enumerate(sorted({pair.row for pair in found}))}
        names = {name: i for i, name in enumerate(sorted({pair.column for pair in found}.union(columns)))}
        weights = np.array([pair.weight for pair in found], dtype=np.float32)
        places = ([rows[pair.row] for pair in found], [names[pair.column] for pair in found])
        values = sparse.csr_array((weights, places), shape=(len(rows), len(names)))
        values.sum_duplicates()
        return cls(tuple(rows), tuple(names), values)


def read_labels(path: Path) -> dict[str, str]:
    """Labels by name, from rows of name TAB label; a header does no harm. Raises FileFormatError as `read_pairs`."""
    return {cells[0]: cells[1] for _, cells in _rows(path)}
