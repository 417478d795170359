"""Unlabelled product text: what an encoder is pretrained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from graph.errors import InputError, TextError
from graph.formats import reading
from kgtag.data import read_annotated, read_products
from kgtag.text import clean

FORMATS = ("products", "lines", "bieos", "bio", "extractgpt")
_HELD_OUT = 3
"""Per cent of the texts, by hash, on which the loss is watched."""
_SHORTEST = 2


def read_texts(files: Sequence[Path], *, format: str = "products") -> list[str]:
    """The texts of files, each once, in the order they come; `format` is one of FORMATS.

    Of products both title and text count; a `.txt` file (also .gz) is read a text a line whatever the format. Texts
    that can't be read and texts of one character are left out. Raises InputError when nothing is left.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of texts; there is {', '.join(FORMATS)}")
    found: dict[str, None] = {}
    for file in files:
        plain = format == "lines" or reading.suffixes(file)[0] == ".txt"
        for text in _lines(file) if plain else _products(file, format):
            if (fit := _fit(text)) is not None:
                found[fit] = None
    if not found:
        raise InputError(f"no text in {', '.join(map(str, files)) or 'no files'}; nothing can be learned")
    return list(found)


def split_held_out(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """(train, held out), by the text's hash; at least one is held out, and one is left."""
    if len(texts) < 2:
        raise InputError("one text is too few to pretrain on; give more files")
    held = [text for text in texts if _bucket(text) < _HELD_OUT] or [min(texts, key=lambda t: (_bucket(t), t))]
    apart = set(held)
    return [text for text in texts if text not in apart], held


def _products(file: Path, format: str) -> Iterator[str]:
    products: Iterable[object]
    if format == "products":
        products = (product for _, product in read_products(file))
    else:
        products = (one.product for one in read_annotated(file, format=format))
    for product in products:
        for field in ("title", "text"):
            if text := getattr(product, field):
                yield text


def _lines(file: Path) -> Iterator[str]:
    return (line for _, line in reading.lines(file))


def _fit(text: str) -> str | None:
    try:
        cleaned = clean(text).strip()
    except TextError:
        return None
    return cleaned if len(cleaned) >= _SHORTEST else None


def _bucket(text: str) -> int:
    return int(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8], 16) % 100
