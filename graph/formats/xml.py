"""XML without entities, excessive depth, and characters that XML can't represent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from graph.errors import FileFormatError, InputError

_DEEPEST = 500
"""Levels of elements that are read."""


def parse(source: str, path: Path, *, parser: expat.XMLParserType | None = None) -> None:
    """Run a parser, by default one that only checks, over a document.

    Raises FileFormatError, with the place, for XML that is not well-formed and for entity declarations, which can grow
    without bound or read other files.
    """
    parser = parser or new_parser()

    def refuse(name: str, *_: Any) -> None:
        message = f"the file declares the XML entity {name!r}; entities aren't read, write the text itself"
        raise FileFormatError(str(path), message, line=parser.CurrentLineNumber, column=parser.CurrentColumnNumber + 1)

    parser.EntityDeclHandler = refuse
    _refuse_depth(parser, path)
    try:
        parser.Parse(source.encode(), True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise FileFormatError(str(path), f"no valid XML: {why}", line=error.lineno, column=error.offset + 1) from None


def _refuse_depth(parser: expat.XMLParserType, path: Path) -> None:
    """Limit the depth: each level costs rdflib more than the one before."""
    enter: Any = parser.StartElementHandler
    leave: Any = parser.EndElementHandler
    depth = 0

    def start(name: str, attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise FileFormatError(str(path), "nested too deeply", line=parser.CurrentLineNumber)
        if enter is not None:
            enter(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if leave is not None:
            leave(name)

    parser.StartElementHandler, parser.EndElementHandler = start, end


def new_parser() -> expat.XMLParserType:
    """A parser for UTF-8, whatever the document declares, that passes text on whole."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    return parser


def listen(
    parser: expat.XMLParserType,
    *,
    start: Callable[[str, Mapping[str, str]], None],
    text: Callable[[str], None],
    end: Callable[[str], None],
) -> None:
    """Register handlers, which get element names without prefixes."""
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.CharacterDataHandler = text
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])


def quoted(text: str, path: Path) -> str:
    """The text escaped for an element or attribute. Raises InputError for characters that XML 1.0 can't represent."""
    bad = next((c for c in text if (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff"), None)
    if bad is not None:
        raise InputError(f"{path}: the label {text!r} holds {bad!r}, which XML can't carry")
    return escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
