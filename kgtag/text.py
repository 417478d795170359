"""Product text: checked and cleaned without moving a character, so that offsets stay those of the text as given."""

import re
import unicodedata
from dataclasses import replace

from graph.errors import TextError
from kgtag.types import Product, Span

MAX_TITLE = 10_000
"""Longest title in characters that is tagged (in windows); a longer one is more likely a broken row than a product."""

MAX_TEXT = 20_000
"""Characters of a product's text that are read; titles say what a thing is, long texts soon repeat themselves."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")


def clean(text: object, *, limit: int = MAX_TITLE) -> str:
    """The text with every control character replaced by one space: as long as given, character for character.

    Raises TextError for what can't be tagged: not a str, empty or nothing but blanks, control and format characters,
    a lone surrogate (it has no UTF-8 form), or more than `limit` characters.
    """
    if not isinstance(text, str):
        raise TextError(f"a title must be text, not {type(text).__name__} ({text!r:.60})")
    if len(text) > limit:
        raise TextError(
            f"the title is {len(text):,} characters long; at most {limit:,} are tagged: split or shorten it"
        )
    if lone := _SURROGATE.search(text):
        raise TextError(
            f"the title holds a lone surrogate U+{ord(lone.group()):04X} at character {lone.start()};"
            " decode its source as UTF-8"
        )
    cleaned = _CONTROL.sub(" ", text)
    if all(character.isspace() or unicodedata.category(character) == "Cf" for character in cleaned):
        raise TextError("the title is empty" if not text else f"the title {text!r:.60} holds no visible character")
    return cleaned


def clean_product(product: Product) -> Product:
    """The product as extractors read it: clean texts, no character moved, a language. Raises TextError; see `clean`."""
    title = clean(product.title)
    text = _blanked(product.text[:MAX_TEXT]) if product.text else None
    return replace(product, title=title, text=text, lang=product.lang or guess_language(title))


def _blanked(text: str) -> str:
    return _SURROGATE.sub(" ", _CONTROL.sub(" ", text))


def document(title: str, text: str | None) -> str:
    """The clean title, then the start of the text, on a line of its own and as clean; no character moves."""
    return f"{title}\n{_blanked(text[:MAX_TEXT])}" if text else title


def document_span(span: Span, title: int) -> Span:
    """A span of a product as one of its document, whose title is `title` characters long: `field_span` undone."""
    return span if span.field == "title" else Span(span.start + title + 1, span.end + title + 1)


def field_span(start: int, end: int, title: int) -> Span:
    """A span of a document, half-open characters, as one of the title (`title` characters long) or of the text."""
    return Span(start, min(end, title)) if start < title else Span(start - title - 1, end - title - 1, "text")


def guess_language(text: str) -> str:
    """`"zh"` when Han characters outnumber Latin words, else `"en"`. For products that don't say their language."""
    return "zh" if len(_HAN.findall(text)) > len(_LATIN.findall(text)) else "en"
