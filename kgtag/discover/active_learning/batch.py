"""Files of products in, choices out; however long the file, only the most doubtful products are kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from graph.errors import InputError, TextError
from kgtag.data import attempt_products
from kgtag.discover.active_learning.selection import Choice, Pool, choose
from kgtag.discover.active_learning.uncertainty import Doubt, Vector, doubts
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import clean_product
from kgtag.types import Product

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class SelectReport:
    """Products by outcome: all that the file has, those annotated already, and those that can't be read."""

    chosen: list[Choice]
    looked_at: int
    annotated: int
    unreadable: int


def select_products(
    extractor: SequenceExtractor,
    source: Path,
    *,
    count: int,
    annotated: Sequence[Path] = (),
    lang: str | None = None,
) -> SelectReport:
    """The products of `source` to annotate next. Those whose title a file of `annotated` has are left out, and cover
    their like. Raises InputError for a file that doesn't read as a whole."""
    done = [product for file in annotated for product in _annotated(file, lang)]
    titles = {product.title for product in done}
    pool = Pool(count)
    looked_at = known = unreadable = 0
    rows = attempt_products(source, lang=lang)
    while chunk := list(islice(rows, _CHUNK)):
        looked_at += len(chunk)
        fresh = [row for row in chunk if isinstance(row, Product) and row.title not in titles]
        known += sum(isinstance(row, Product) for row in chunk) - len(fresh)
        read = list(_readable(fresh))
        unreadable += sum(not isinstance(row, Product) for row in chunk) + len(fresh) - len(read)
        pool.add(zip(read, doubts(extractor, read), strict=True))
    chosen = choose(pool.products(), count, annotated=list(_vectors(extractor, done)))
    return SelectReport(chosen, looked_at, known, unreadable)


def _annotated(file: Path, lang: str | None) -> list[Product]:
    """Raises InputError when no row of the file has a title, or else all of it would seem to be new."""
    found = [row for row in attempt_products(file, lang=lang) if isinstance(row, Product)]
    if not found:
        raise InputError(f"{file}: no row is a product with a title; give annotated products, or products")
    return found


def _vectors(extractor: SequenceExtractor, products: Sequence[Product]) -> Iterator[tuple[str, Vector]]:
    read = list(_readable(products))
    for start in range(0, len(read), _CHUNK):
        part = read[start : start + _CHUNK]
        found: list[Doubt] = doubts(extractor, part)
        yield from ((product.id, doubt.vector) for product, doubt in zip(part, found, strict=True))


def _readable(products: Sequence[Product]) -> Iterator[Product]:
    for product in products:
        try:
            yield clean_product(product)
        except TextError:
            continue
