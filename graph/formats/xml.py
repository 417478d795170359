"""XML documents, read and written. Entities that a document declares are read; nothing outside it ever is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from graph.errors import FileFormatError, InputError

_DEEPEST = 500
"""Levels of elements that are read."""
_MOST_ENTITIES = 1000
_LONGEST_ENTITY = 1 << 16
_GROWTH = 10
"""How much larger than the file its text may become through entities; a megabyte more is harmless."""
_REFERENCE = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|&([^\s&;#]+);", re.DOTALL)
_DECLARATION = re.compile(r"\s*<\?xml\b.*?\?>", re.DOTALL)


class _Document:
    """A document being checked: the entities it declares, and the byte at which its content starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.EntityDeclHandler = self._declared
        self.parser.EndDoctypeDeclHandler = self._doctype_ended
        self.entities: dict[str, str] = {}
        self.content = 0
        self.depth = 0

    def _declared(self, name: str, parameter: bool, value: str | None, *_: Any) -> None:
        if value is None or parameter:
            raise self.error(f"the XML entity {name!r} leads outside the file; write the text itself")
        value = self.expanded(value)
        if len(value) > _LONGEST_ENTITY or len(self.entities) >= _MOST_ENTITIES:
            raise self.error(f"the XML entity {name!r} makes the file grow too large; write the text itself")
        # In an attribute's value a quote must not end it.
        quotes: dict[str, str | int | None] = {} if "<" in value else {'"': "&quot;", "'": "&apos;"}
        self.entities.setdefault(name, value.translate(str.maketrans(quotes)))

    def _doctype_ended(self) -> None:
        self.content = self.parser.CurrentByteIndex + 1

    def expanded(self, text: str, limit: int = _LONGEST_ENTITY) -> str:
        """The text with known entities written out; it stops to grow at the limit."""
        size = 0

        def replacement(found: re.Match[str]) -> str:
            nonlocal size
            value = self.entities.get(found[1] or "")
            if value is None:
                return found[0]
            size += len(value)
            if size > limit:
                raise self.error("its XML entities make the file grow too large; write the text itself")
            return value

        return _REFERENCE.sub(replacement, text)

    def error(self, message: str) -> FileFormatError:
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        return FileFormatError(str(self.path), message, line=line, column=column)


def parse(
    source: str,
    path: Path,
    *,
    start: Callable[[str, Mapping[str, str], int], None] = lambda name, attributes, line: None,
    text: Callable[[str], None] = lambda text: None,
    end: Callable[[str], None] = lambda name: None,
) -> None:
    """Check a document and call handlers with its elements' names, without prefixes, and with its text.

    Raises FileFormatError, with the place, for XML that is not well-formed, that is nested too deeply, or that declares
    entities which grow without bound or lie outside the file.
    """
    _checked(source.encode(), path, start, text, end)


def plain(source: str, path: Path) -> str:
    """A document without its declarations, its entities written out; raises as `parse` does."""
    raw = source.encode()
    document = _checked(raw, path, None, None, None)
    if not document.content:
        return _DECLARATION.sub("", source, count=1)
    content = raw[document.content :].decode()
    return document.expanded(content, _GROWTH * len(raw) + (1 << 20)) if document.entities else content


def _checked(
    raw: bytes,
    path: Path,
    start: Callable[[str, Mapping[str, str], int], None] | None,
    text: Callable[[str], None] | None,
    end: Callable[[str], None] | None,
) -> _Document:
    document = _Document(path)
    parser = document.parser

    def opened(name: str, attributes: Mapping[str, str]) -> None:
        document.depth += 1
        if document.depth > _DEEPEST:
            raise FileFormatError(str(path), "nested too deeply", line=parser.CurrentLineNumber)
        if start is not None:
            start(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)

    def closed(name: str) -> None:
        document.depth -= 1
        if end is not None:
            end(name.rpartition(":")[2])

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = opened, text, closed
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise FileFormatError(str(path), f"no valid XML: {why}", line=error.lineno, column=error.offset + 1) from None
    return document


def quoted(text: str, path: Path) -> str:
    """The text escaped for an element or attribute. Raises InputError for characters that XML 1.0 can't represent."""
    bad = next((c for c in text if (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff"), None)
    if bad is not None:
        raise InputError(f"{path}: the label {text!r} holds {bad!r}, which XML can't carry")
    return escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
