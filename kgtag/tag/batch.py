"""Batch tagging of files, with progress, and resumable."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import orjson

from graph.errors import InputError, KgtagError
from graph.store import TaxonomyStore
from kgtag.data import BadRow, Columns, attempt_lines, attempt_products
from kgtag.data.remote import fetched
from kgtag.rows.tagging import ErrorRow, TaggingRow
from kgtag.tag.outputs import Done, Line, Target, target
from kgtag.tag.shown import TAGS, Shown
from kgtag.tag.tagger import Tagger
from kgtag.text.personal import mask_product
from kgtag.types import Product, Tagging

_BATCH, _LONGEST = 64, 512

ProductRow = Product | BadRow
"""A row of a batch as it was read."""

Outcome = Tagging | KgtagError
"""A row's result: its tags, or why there are none."""

Batches = Generator[list[Line], None, None]
"""The rows of a batch each, in order."""

Engine = Callable[[Path, int], Batches]
"""Tags a file elsewhere, without its first rows, and gives its rows back in order."""

Watch = Callable[[int, int | None], None]
"""Called with the rows done, and of how many if that is known."""


def join_outcomes(
    rows: Sequence[ProductRow],
    tagged: Iterable[Tagging | InputError],
    *,
    store: TaxonomyStore | None = None,
    masked: bool = True,
) -> list[Outcome]:
    """One outcome per row of a batch, in order; `tagged` are those of its products.

    With a store, the tags are kept with the items; what it does not keep gets its error as the outcome. `masked`: items
    are stored without the personal data in their texts.
    """
    rest = iter(tagged)
    outcomes: list[Outcome] = [row.error if isinstance(row, BadRow) else next(rest) for row in rows]
    if store is None:
        return outcomes
    items = [
        one.to_item(mask_product(row) if masked else row)
        for row, one in zip(rows, outcomes, strict=True)
        if isinstance(row, Product) and isinstance(one, Tagging)
    ]
    try:
        store.put_items(items)
    except KgtagError as error:
        return [error if isinstance(one, Tagging) else one for one in outcomes]
    return outcomes


def outcome_row(
    row: ProductRow, outcome: Outcome, *, revision: str | None, shown: Shown = TAGS
) -> TaggingRow | ErrorRow:
    """The row of "tags out" for an outcome, with what is to be shown; an error has the revision of the taxonomy as
    well, and a row without an id that is not a product its line."""
    if isinstance(outcome, KgtagError):
        failed: ErrorRow = {"id": row.id, "error": outcome.to_dict(), "revision": revision}
        return {**failed, "line": row.line} if isinstance(row, BadRow) and row.id is None else failed
    return shown.row(outcome)


@dataclass(frozen=True, slots=True)
class TagReport:
    """Products by outcome; `skipped` were in the output file already, `failed_before` among them."""

    tagged: int
    failed: int
    skipped: int
    seconds: float
    failed_before: int = 0

    def to_json(self) -> dict[str, float]:
        """The counts of the whole output file, and the seconds of this run."""
        tagged = self.tagged + self.skipped - self.failed_before
        return {"tagged": tagged, "failed": self.failed + self.failed_before, "seconds": round(self.seconds, 1)}


class TagJob:
    """Tags a stream of products into whole lines, flushed by batch: a kill loses one batch at most."""

    def __init__(
        self,
        tagger: Tagger,
        *,
        store: TaxonomyStore | None = None,
        lang: str | None = None,
        shown: Shown = TAGS,
        columns: Columns | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._tagger = tagger
        self._store = store
        self._lang = lang
        self._shown = shown
        self._columns = columns
        self._engine = engine

    def run(
        self, source: str | Path | None, out: str | Path | None, *, resume: bool = False, watch: Watch | None = None
    ) -> TagReport:
        """Tag from `source` (None: stdin) to `out` (None: stdout; NAME.parquet: a directory of Parquet files). Either
        may be a URL that fsspec reads. Raises InputError for a file that doesn't read.

        A row that cannot be tagged gets its error as its row. With `resume`, the rows of `out` are skipped and a torn
        last line is cut off. `watch` is called with the rows done and, for a file, of how many.
        """
        if resume and out is None:
            raise InputError("--resume continues a file; name it with --out FILE")
        if self._engine is not None and source is None:
            raise InputError("standard input is read by one process; give a file, or leave out --engine")
        place = target(None if out is None else str(out))
        path = None if source is None else fetched(str(source))
        if (there := place.exists()) and not resume:
            raise InputError(f"{place} already exists; continue it with --resume, or remove it first")
        started = time.perf_counter()
        rest = (
            attempt_products(path, lang=self._lang, columns=self._columns)
            if path
            else attempt_lines(sys.stdin.buffer, lang=self._lang, columns=self._columns)
        )
        done = place.done() if there else Done()
        self._skip(rest, done, place)
        tagged = failed = 0
        rest = chain(list(islice(rest, 1)), rest)  # a file that does not read fails before anything is written
        watch = watch or _unwatched
        total = None if watch is _unwatched or path is None else sum(1 for _ in attempt_products(path))
        with place.opened(done) as sink, closing(self._tagged(rest, path, done.rows)) as found:
            watch(done.rows, total)
            for lines in found:
                sink.write(lines)
                bad = sum(is_error for _, is_error in lines)
                failed, tagged = failed + bad, tagged + len(lines) - bad
                watch(done.rows + tagged + failed, total)
        return TagReport(tagged, failed, done.rows, time.perf_counter() - started, done.failed)

    def _skip(self, rows: Iterator[ProductRow], done: Done, out: Target) -> None:
        """Skip finished rows. Raises InputError when `out` is of other rows or another model."""
        if not done.rows:
            return
        last = next(islice(rows, done.rows - 1, None), None)
        wrote = done.last if isinstance(done.last, dict) else {}
        if last is None or wrote.get("id") != last.id or (last.id is None and wrote.get("line") != last.line):
            there = f"row {done.rows} of {out} is of product {wrote.get('id')!r}"
            here = f"that of the input is {last.id!r}" if last is not None else "the input has fewer rows"
            raise InputError(f"{there}, {here}: it isn't the output of this input; give another --out")
        if wrote.get("model", self._tagger.version) != self._tagger.version:
            raise InputError(
                f"{out} was written by model {wrote['model']}, this is {self._tagger.version}; give another --out"
            )

    def _tagged(self, rest: Iterator[ProductRow], path: Path | None, skip: int) -> Batches:
        if self._engine is not None and path is not None:
            return self._engine(path, skip)
        return self._lines(rest, ahead=path is not None)

    def _lines(self, rows: Iterator[ProductRow], *, ahead: bool) -> Batches:
        """Tag by batch; with `ahead`, the next is read meanwhile, else interactive input is answered at once. Raises
        StoreError: nothing is written then, so that --resume tags the batch again."""
        waiting: deque[list[ProductRow]] = deque()

        def products() -> Iterator[list[Product]]:
            for batch in batches(rows):
                waiting.append(batch)
                yield [row for row in batch if isinstance(row, Product)]

        one_by_one = (self._tagger.attempt(batch) for batch in products())
        # Left to the garbage collector when the store is away, its threads might be asked to end themselves.
        with closing(self._tagger.attempt_each(products()) if ahead else one_by_one) as each:
            for tagged in each:
                yield self.finish(waiting.popleft(), tagged)

    def finish(self, batch: Sequence[ProductRow], tagged: Iterable[Tagging | InputError]) -> list[Line]:
        """The rows of a batch as JSON, once the store, if any, has its items. Raises StoreError."""
        outcomes = join_outcomes(batch, tagged, store=self._store, masked=self._tagger.masks)
        lines = list[Line]()
        for row, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, KgtagError) and not isinstance(outcome, InputError):
                raise outcome
            written = outcome_row(row, outcome, revision=self._tagger.taxonomy.revision, shown=self._shown)
            lines.append((orjson.dumps(written), isinstance(outcome, KgtagError)))
        return lines


def batches(rows: Iterable[ProductRow]) -> Iterator[list[ProductRow]]:
    """Batches of 64 rows, and longer ones, of 512 at most, where a group would be cut."""
    batch: list[ProductRow] = []
    for row in rows:
        if len(batch) >= _BATCH and (_group(row) != _group(batch[-1]) or len(batch) >= _LONGEST):
            yield batch
            batch = []
        batch.append(row)
        if len(batch) >= _BATCH and _group(row) is None:
            yield batch
            batch = []
    if batch:
        yield batch


def _group(row: ProductRow) -> str | None:
    return row.group if isinstance(row, Product) else None


def _unwatched(done: int, total: int | None) -> None: ...
