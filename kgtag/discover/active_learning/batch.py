"""Selection from product files; of however long a file, only the most uncertain products are kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from graph.errors import InputError, TextError
from kgtag.data import attempt_products
from kgtag.discover.active_learning.selection import Pool, Selected, select_batch
from kgtag.discover.active_learning.uncertainty import Vector, uncertainties
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import clean_product
from kgtag.types import Product

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class SelectReport:
    """The selection, and how many products the file has, were annotated already, and are unreadable."""

    selected: list[Selected]
    products: int
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
    """Select the products of a file to annotate next.

    Products with a title of an `annotated` file are left out, and cover similar ones. Raises InputError for a file that
    does not read as a whole.
    """
    done = [product for file in annotated for product in _annotated(file, lang)]
    titles = {product.title for product in done}
    pool = Pool(count)
    total = known = unreadable = 0
    rows = attempt_products(source, lang=lang)
    while chunk := list(islice(rows, _CHUNK)):
        products = [row for row in chunk if isinstance(row, Product)]
        fresh = [product for product in products if product.title not in titles]
        read = list(_readable(fresh))
        total, known = total + len(chunk), known + len(products) - len(fresh)
        unreadable += len(chunk) - len(products) + len(fresh) - len(read)
        pool.add(zip(read, uncertainties(extractor, read), strict=True))
    selected = select_batch(pool.products(), count, annotated=list(_vectors(extractor, done)))
    return SelectReport(selected, total, known, unreadable)


def _annotated(file: Path, lang: str | None) -> list[Product]:
    """Raises InputError when no row of the file has a title, or else all of `source` would seem new."""
    found = [row for row in attempt_products(file, lang=lang) if isinstance(row, Product)]
    if not found:
        raise InputError(f"{file}: no row is a product with a title; give annotated products, or products")
    return found


def _vectors(extractor: SequenceExtractor, products: Sequence[Product]) -> Iterator[tuple[str, Vector]]:
    read = list(_readable(products))
    for start in range(0, len(read), _CHUNK):
        part = read[start : start + _CHUNK]
        for product, found in zip(part, uncertainties(extractor, part), strict=True):
            yield product.id, found.vector


def _readable(products: Sequence[Product]) -> Iterator[Product]:
    for product in products:
        try:
            yield clean_product(product)
        except TextError:
            continue
