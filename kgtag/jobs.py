"""Batches: files in, files out, with progress, and resumable where they take long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.binding import require_concept
from kgtag.output import tagged_item, tagging_row
from kgtag.products import parse_products, read_products
from kgtag.tagger import Tagger
from kgtag.types import Linked, Linker, Product, Query, Tagging

_BATCH = 64


@dataclass(frozen=True, slots=True)
class TagReport:
    """Products by outcome; `skipped` were in the output file already."""

    tagged: int
    failed: int
    skipped: int
    seconds: float


class TagJob:
    """Tags a stream of products. What is written is whole lines, flushed batch by batch, so a kill loses one batch."""

    def __init__(self, tagger: Tagger, *, store: TaxonomyStore | None = None, lang: str | None = None) -> None:
        self._tagger = tagger
        self._store = store
        self._lang = lang

    def run(self, source: Path | None, out: Path | None, *, resume: bool = False) -> TagReport:
        """Tag from `source` (None: stdin) to `out` (None: stdout). Raises InputError for a file that doesn't read.

        With `resume`, the rows that `out` holds already are skipped, and a torn last line is cut off first.
        """
        if resume and out is None:
            raise InputError("--resume goes on where a file ends; name it with --out FILE")
        if out is not None and out.exists() and not resume:
            raise InputError(f"{out} is there already; --resume goes on with it, or remove it first")
        started = time.perf_counter()
        skipped = _whole_lines(out) if out is not None and resume and out.exists() else 0
        products = (product for _, product in self._read(source))
        tagged = failed = 0
        with _opened(out) as sink, _progress() as progress:
            task = progress.add_task("tagging", total=None, completed=skipped)
            rest = islice(products, skipped, None)
            while batch := list(islice(rest, _BATCH)):
                outcomes = self._tagger.attempt(batch)
                for product, outcome in zip(batch, outcomes, strict=True):
                    sink.write(orjson.dumps(_row(product, outcome)) + b"\n")
                    failed += isinstance(outcome, InputError)
                    tagged += not isinstance(outcome, InputError)
                sink.flush()
                self._record(batch, outcomes)
                progress.advance(task, len(batch))
        return TagReport(tagged, failed, skipped, time.perf_counter() - started)

    def _read(self, source: Path | None) -> Iterator[tuple[int, Product]]:
        if source is None:
            return parse_products(sys.stdin.buffer, lang=self._lang)
        return read_products(source, lang=self._lang)

    def _record(self, batch: list[Product], outcomes: list[Tagging | InputError]) -> None:
        if self._store is not None:
            done = [(p, t) for p, t in zip(batch, outcomes, strict=True) if isinstance(t, Tagging)]
            self._store.put_items([tagged_item(product, tagging) for product, tagging in done])


def _row(product: Product, outcome: Tagging | InputError) -> dict[str, Any]:
    if isinstance(outcome, InputError):
        return {"id": product.id, "error": {"title": type(outcome).__name__, "detail": str(outcome)}}
    return tagging_row(outcome)


def _whole_lines(path: Path) -> int:
    """How many whole lines the file holds; what follows the last line break is cut off."""
    with path.open("rb+") as file:
        count, end = 0, 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            count += 1
            end += len(line)
        file.truncate(end)
    return count


def _opened(out: Path | None) -> IO[bytes]:
    if out is None:
        return open(sys.stdout.fileno(), "wb", closefd=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.open("ab")


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def link_rows(
    linker: Linker, taxonomy: Taxonomy, lines: Iterable[bytes], *, scheme: str | None = None
) -> Iterator[dict[str, Any]]:
    """One answer a line, in order, streaming. Raises FileFormatError for a line that is no query."""
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(numbered, _BATCH)):
        asked = [_query(line, n, taxonomy) for n, line in batch]
        for (id, query), linked in zip(asked, linker.link([query for _, query in asked]), strict=True):
            yield {"id": id, **_links(linked, taxonomy, query.lang, scheme)}


def _query(line: bytes, number: int, taxonomy: Taxonomy) -> tuple[Any, Query]:
    row = reading.json_object(reading.decode(line, "<stdin>", number), "<stdin>", line=number)
    if not isinstance(row.get("text"), str):
        raise FileFormatError("<stdin>", 'a text was expected under "text"', line=number)
    named = {field: row.get(field) for field in ("attribute", "category", "lang")}
    for field, value in named.items():
        if value is not None and not isinstance(value, str):
            raise FileFormatError("<stdin>", f'"{field}" must be a text, not {value!r}', line=number)
    attribute = require_concept(taxonomy, named["attribute"], "attribute") if named["attribute"] else None
    category = require_concept(taxonomy, named["category"], "category") if named["category"] else None
    return row.get("id", number), Query(row["text"], attribute, category, named["lang"])


def _links(linked: Linked, taxonomy: Taxonomy, lang: str | None, scheme: str | None) -> dict[str, Any]:
    kept = [c for c in linked.candidates if scheme in (None, taxonomy[c.concept].scheme)]
    links = [
        {
            "concept": c.concept,
            "label": taxonomy[c.concept].label(lang),
            "score": round(c.score, 4),
            "probability": round(c.probability, 4),
            "method": c.method,
        }
        for c in kept
    ]
    return {"links": links, "nil": linked.link is None or linked.link not in kept}
