"""Product files: what comes in, and what comes in annotated. Files are read as they are used, so they may be huge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from graph.errors import InputError
from graph.formats import reading
from graph.formats.annotated import AnnotatedRow
from kgtag.gold import annotated, extractgpt, plain, spans
from kgtag.rows import Row, rows
from kgtag.tagged import bieos, bio
from kgtag.types import AnnotatedProduct, Product


def read_products(path: Path, *, lang: str | None = None) -> Iterator[tuple[int, Product]]:
    """(line, product) in file order; `lang` is for rows that name no language."""
    for row in rows(path):
        yield row.line, plain(row, lang=lang)


def parse_products(
    lines: Iterable[bytes], *, name: str = "<stdin>", lang: str | None = None
) -> Iterator[tuple[int, Product]]:
    """The same for JSONL that comes from elsewhere than a file."""
    for number, raw in enumerate(lines, start=1):
        if raw.strip():
            source = reading.decode(raw.removeprefix(b"\xef\xbb\xbf"), name, number)
            yield number, plain(Row(name, number, reading.json_object(source, name, line=number)), lang=lang)


_BY_ROW: Mapping[str, Callable[[Row], AnnotatedProduct]] = {
    "annotated": annotated,
    "spans": spans,
    "extractgpt": extractgpt,
    "bio": bio,
}
FORMATS = (*_BY_ROW, "bieos")


def read_annotated(path: Path, *, format: str = "annotated", lang: str | None = None) -> Iterator[AnnotatedProduct]:
    """Products with their gold, in file order; `format` is one of FORMATS, `lang` for rows that name no language."""
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of annotated products; there is {', '.join(FORMATS)}")
    found = bieos(path) if format == "bieos" else (_BY_ROW[format](row) for row in rows(path))
    return (_in_language(one, lang) for one in found)


def annotated_row(one: AnnotatedProduct) -> AnnotatedRow:
    """What a taxonomy is induced from."""
    return AnnotatedRow(one.product.category, one.attributes)


def _in_language(one: AnnotatedProduct, lang: str | None) -> AnnotatedProduct:
    if lang is None or one.product.lang is not None:
        return one
    return replace(one, product=replace(one.product, lang=lang))


def to_row(product: Product) -> bytes:
    """One line of a product file."""
    fields = {"id": product.id, "title": product.title, "text": product.text}
    fields |= {"category": product.category, "lang": product.lang}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None}) + b"\n"
