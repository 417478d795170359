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


def parse(
    source: str,
    path: Path,
    *,
    start: Callable[[str, Mapping[str, str], int], None] = lambda name, attributes, line: None,
    text: Callable[[str], None] = lambda text: None,
    end: Callable[[str], None] = lambda name: None,
) -> None:
    """Check a document and call handlers with its elements' names, without prefixes, and with its text.

    Raises FileFormatError, with the place, for XML that is not well-formed, that is nested too deeply (each level costs
    rdflib more than the one before), or that declares entities, which can grow without bound or read other files.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    depth = 0

    def refuse(name: str, *_: Any) -> None:
        message = f"the file declares the XML entity {name!r}; entities aren't read, write the text itself"
        raise FileFormatError(str(path), message, line=parser.CurrentLineNumber, column=parser.CurrentColumnNumber + 1)

    def opened(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise FileFormatError(str(path), "nested too deeply", line=parser.CurrentLineNumber)
        start(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = opened, text, closed
    try:
        parser.Parse(source.encode(), True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise FileFormatError(str(path), f"no valid XML: {why}", line=error.lineno, column=error.offset + 1) from None


def quoted(text: str, path: Path) -> str:
    """The text escaped for an element or attribute. Raises InputError for characters that XML 1.0 can't represent."""
    bad = next((c for c in text if (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff"), None)
    if bad is not None:
        raise InputError(f"{path}: the label {text!r} holds {bad!r}, which XML can't carry")
    return escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
