"""Items to analyse: of a store, of the rows of `kgtag tag`, or of a file of products, which is tagged first; and tables
of figures as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.formats import reading
from graph.formats.reading import Row
from graph.model import ItemNil, ItemTag, TaggedItem
from graph.model.times import time_text
from kgtag.data import Columns, read_products, rows
from kgtag.tag.tagger import Tagger
from kgtag.types import Tagging

_BATCH = 512


def items_of_file(path: Path, tagger: Callable[[], Tagger], columns: Columns | None = None) -> Iterator[TaggedItem]:
    """The items of "tags out" rows, or of products, which a tagger tags; products that it cannot tag are left out.

    Raises InputError for a file that does not read, or a row of neither shape.
    """
    read = rows(path, columns)
    first = next(iter(islice(read, 1)), None)
    if first is None:
        return
    if isinstance(first.fields.get("tags"), list):
        yield _item(first)
        yield from map(_item, read)
        return
    made = tagger()
    for batch in _batches(read_products(path, columns=columns)):
        products = [product for _, product in batch]
        for product, outcome in zip(products, made.attempt(products), strict=True):
            if isinstance(outcome, Tagging):
                yield outcome.to_item(product)


def _batches(read: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(read, _BATCH)):
        yield batch


def _item(row: Row) -> TaggedItem:
    """The item of a "tags out" row; a row with an error has no tags."""
    tags, nil = row.items("tags"), row.items("nil")
    at = row.optional("at")
    try:
        return TaggedItem(
            row.id(), "", None, str(row.fields.get("model", "")), str(row.fields.get("revision", "")),
            tuple(ItemTag(str(t["concept"]), float(t.get("probability", 1)), str(t.get("method", ""))) for t in tags),
            None if at is None else time_text(at),
            tuple(ItemNil(str(one["surface"]), one.get("attribute"), float(one.get("score", 1))) for one in nil),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise row.error("not a row of `kgtag tag`: tags need a concept, and nil mentions a surface") from None
    except InputError as error:
        raise row.error(str(error)) from None


def read_queries(path: Path) -> Iterator[tuple[str, int]]:
    """(query, times) of a text file, a line each, blank ones left out. Raises InputError."""
    for number, raw in reading.raw_lines(path):
        query, tab, times = reading.decode(raw, str(path), number).rstrip("\r\n").partition("\t")
        if tab and not times.strip().isdecimal():
            raise InputError(f"{path}:{number}: {times[:40]!r} is not a count; query TAB count was expected")
        if query.strip():
            yield query.strip(), int(times) if tab else 1


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write flat rows, all with the same fields, as CSV or Parquet by the suffix. Raises InputError."""
    names = list(rows[0]) if rows else []
    if path.suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        reading.write(path, [text.getvalue().encode()])
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
        except OSError as error:
            raise InputError(f"can't write {str(path)!r}: {error.strerror or error}") from error
    else:
        raise InputError(f"{path}: the suffix {path.suffix!r} names no table; .csv or .parquet was expected")


def flat(row: Mapping[str, Any], periods: Sequence[str]) -> dict[str, Any]:
    """A trend as a flat row: burst and season in columns of their own, and a column with the count of each period."""
    found = {name: value for name, value in row.items() if name not in ("burst", "season", "counts", "now", "before")}
    found = {"attribute": None, **found}
    burst, season = row["burst"] or {}, row["season"] or {}
    found |= {f"burst_{name}": burst.get(name) for name in ("start", "end", "weight", "q")}
    found |= {"season_peaks": " ".join(map(str, season.get("peaks", ()))) or None, "season_q": season.get("q")}
    return found | dict(zip(periods, row["counts"], strict=True))
