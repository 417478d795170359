"""Product text: checked and cleaned without moving a character, so that offsets stay those of the text as given."""

import html
import re
import unicodedata
from dataclasses import replace
from functools import cache
from typing import Any

from graph.errors import TextError
from graph.labels import simplified
from kgtag.types import Product, Span

MAX_TITLE = 10_000
"""Longest title in characters that is tagged (in windows); a longer one is more likely a broken row than a product."""

MAX_TEXT = 20_000
"""Characters of a product's text that are read; titles say what a thing is, long texts soon repeat themselves."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_KANA = re.compile(r"[\u3041-\u30fa]")
_SURE = 0.8
"""Of 6,000 English titles of toys, one in 860 is taken for another language, and most of those are in one."""
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")


_ENTITY = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_MARKUP = re.compile(r"<!--.*?-->|<[\u2060]*/?[\u2060]*[A-Za-z][^<>]{0,500}>")
_FILLER = "\u2060"
"""Stands where an entity was longer than its character; no word ends there, for us and for tokenizers."""
_WIDE = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3000: 0x20, 0xA0: 0x20}
_GARBLED = re.compile(r"(?:[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]{1,3})+")
"""UTF-8 beyond ASCII, read as Latin-1 or Windows-1252: a first byte, and one to three more."""


def clean(text: object, *, limit: int = MAX_TITLE, what: str = "title") -> str:
    """The text as it was meant: as long as given, character for character.

    Control characters and HTML tags are spaces, entities are their characters, full-width letters are plain, UTF-8 that
    was read as another encoding ("Womenâ€™s") is put right; what gets shorter is filled up with word joiners (U+2060).

    Raises TextError for what can't be tagged: not a str, empty or nothing but blanks, control and format characters,
    a lone surrogate (it has no UTF-8 form), or more than `limit` characters. `what`: what the text is, for the message.

    Example:
        >>> clean("Tom&#39;s <b>red</b> shoes").replace("\u2060", "")
        "Tom's    red     shoes"
    """
    if not isinstance(text, str):
        raise TextError(f"a {what} must be text, not {type(text).__name__} ({text!r:.60})")
    if len(text) > limit:
        raise TextError(f"the {what} is {len(text):,} characters long; at most {limit:,} are read: split or shorten it")
    if lone := _SURROGATE.search(text):
        raise TextError(
            f"the {what} holds a lone surrogate U+{ord(lone.group()):04X} at character {lone.start()};"
            " decode its source as UTF-8"
        )
    cleaned = _readable(text)
    if all(character.isspace() or unicodedata.category(character) == "Cf" for character in cleaned):
        raise TextError(f"the {what} is empty" if not text else f"the {what} {text!r:.60} holds no visible character")
    return cleaned


def _read(text: str) -> str:
    return _SURROGATE.sub(" ", _readable(text[:MAX_TEXT]))


def _readable(text: str) -> str:
    if not text.isascii():
        text = _ungarbled(text).translate(_WIDE)
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    if "<" in text:
        text = _MARKUP.sub(lambda tag: " " * len(tag.group()), text)
    return _CONTROL.sub(" ", text)


def _character(entity: re.Match[str]) -> str:
    given = read = entity.group()
    while (deeper := html.unescape(read)) != read:
        read = deeper
    return _filled(read.replace("\xa0", " "), given)


def _ungarbled(text: str) -> str:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    if not is_bad(text):
        return text
    return _GARBLED.sub(lambda run: _filled(fix_encoding(run.group()), run.group()), text)


def _filled(shorter: str, given: str) -> str:
    return shorter + _FILLER * (len(given) - len(shorter)) if len(shorter) <= len(given) else given


def clean_product(product: Product) -> Product:
    """The product as extractors read it: clean texts, no character moved, a language. Raises TextError; see `clean`."""
    title = clean(product.title)
    text = _read(product.text) if product.text else None
    lang = product.lang or guess_language(title)
    if lang.lower().startswith("zh"):
        title, text = _simplified(title), _simplified(text) if text else None
    return replace(product, title=title, text=text, lang=lang)


def _simplified(text: str) -> str:
    written = simplified(text)
    return written if len(written) == len(text) else text


def document(title: str, text: str | None) -> str:
    """The clean title, then the start of the text, on a line of its own and as clean; no character moves."""
    return f"{title}\n{_read(text)}" if text else title


def document_span(span: Span, title: int) -> Span:
    """A span of a product as one of its document, whose title is `title` characters long: `field_span` undone."""
    return span if span.field == "title" else Span(span.start + title + 1, span.end + title + 1)


def field_span(start: int, end: int, title: int) -> Span:
    """A span of a document, half-open characters, as one of the title (`title` characters long) or of the text."""
    return Span(start, min(end, title)) if start < title else Span(start - title - 1, end - title - 1, "text")


def guess_language(text: str) -> str:
    """`"zh"` when Han characters outnumber Latin words (`"ja"` with kana), another language than English when the title
    is most likely in it, else `"en"`. For products that don't say their language.

    Example:
        >>> guess_language("Herren Wanderschuhe wasserdicht braun")
        'de'
    """
    if _KANA.search(text):
        return "ja"
    if len(_HAN.findall(text)) > len(_LATIN.findall(text)):
        return "zh"
    found, probability = _identifier().classify(text)
    return str(found) if probability >= _SURE and found != "zh" else "en"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 80 ms

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", "zh", "cs", "da", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv"])
    return identifier
