"""RDF in and out as plain triples; the only importer of rdflib. A file is never allowed to reach for others."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

import rdflib
from rdflib.plugins.parsers.notation3 import BadSyntax
from rdflib.store import Store

from graph.errors import FileFormatError, InputError
from graph.formats import reading

_FORMATS = {".ttl": "turtle", ".nt": "turtle", ".rdf": "xml", ".xml": "xml", ".owl": "xml", ".jsonld": "json-ld"}

_DEEPEST = 500
"""Levels of XML elements that are read."""


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A literal: its words and its language tag, "" when it has none."""

    text: str
    lang: str = ""


Node = str
"""An IRI, or "_:name" for a blank node."""

Triple = tuple[Node, Node, Node | Text]


def load(path: Path) -> list[Triple]:
    """All triples of the file, in no order; raises FileFormatError with the place where it stops making sense."""
    format = _format(path)
    source = reading.text(path)
    if format == "xml":
        _check_xml(source, path)
    elif format == "json-ld":
        _check_contexts(reading.json_value(source, path), path)
    graph = rdflib.Graph(store="default" if format == "json-ld" else _Heap(), bind_namespaces="none")
    try:
        with _quiet():
            graph.parse(data=source, format=format, publicID="file:///")
    except BadSyntax as error:
        why = error.message if hasattr(error, "message") else str(error)
        raise FileFormatError(str(path), f"no valid Turtle: {why.strip()}", line=error.lines + 1) from None
    except RecursionError:
        raise FileFormatError(str(path), "nested too deeply") from None
    except Exception as error:  # rdflib's parsers raise whatever they trip over
        if format == "turtle" and isinstance(error, IndexError):
            last = source.rstrip().count("\n") + 1
            raise FileFormatError(str(path), "no valid Turtle: the file ends within a statement", line=last) from None
        raise FileFormatError(str(path), f"no valid {format}: {type(error).__name__}: {error}") from None
    return [(_name(s), str(p), _plain(o)) for s, p, o in graph]


def save(path: Path, triples: Iterable[Triple], *, prefixes: dict[str, str]) -> None:
    """Write the triples, in the notation the suffix names; the same triples give the same bytes."""
    format = _format(path)
    graph = rdflib.Graph(bind_namespaces="none")
    for prefix, iri in prefixes.items():
        graph.bind(prefix, iri)
    for s, p, o in triples:
        if format == "xml" and isinstance(o, Text):
            _check_writable(o, path)
        graph.add((_node(s), rdflib.URIRef(p), _term(o)))
    with _quiet():
        written = graph.serialize(format=format, encoding="utf-8")
    reading.write(path, [written])


def _format(path: Path) -> str:
    suffix, _ = reading.suffixes(path)
    if suffix not in _FORMATS:
        raise InputError(
            f"{path}: the suffix {suffix!r} names no RDF notation; one of {', '.join(_FORMATS)} was expected"
        )
    return _FORMATS[suffix]


def _check_xml(source: str, path: Path) -> None:
    """Well-formed, and without entity declarations: those can grow without bound, or read other files.

    Not nested without end either: each level costs rdflib more than the one before.
    """
    parser = expat.ParserCreate("utf-8")
    depth = 0

    def refuse(name: str, *_: Any) -> None:
        message = f"the file declares the XML entity {name!r}; entities aren't read, write the text itself"
        raise FileFormatError(str(path), message, line=parser.CurrentLineNumber, column=parser.CurrentColumnNumber + 1)

    def enter(name: str, _: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise FileFormatError(str(path), "nested too deeply", line=parser.CurrentLineNumber)

    def leave(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    try:
        parser.Parse(source.encode(), True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise FileFormatError(str(path), f"no valid XML: {why}", line=error.lineno, column=error.offset + 1) from None


def _check_contexts(value: Any, path: Path) -> None:
    """A context named by address would be fetched."""
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            for key, inner in value.items():
                contexts = inner if isinstance(inner, list) else [inner]
                if key in ("@context", "@import") and any(isinstance(context, str) for context in contexts):
                    raise FileFormatError(str(path), f"{key} {inner!r} lies outside the file; write the context itself")
                todo.append(inner)


def _check_writable(literal: Text, path: Path) -> None:
    bad = next((c for c in literal.text if (c < " " and c not in "\t\n") or c in "\x7f\x85\u2028\ufffe\uffff"), None)
    if bad is not None:
        raise InputError(f"{path}: the label {literal.text!r} holds {bad!r}, which XML can't carry; write .ttl instead")


def _name(node: Any) -> Node:
    return f"_:{node}" if isinstance(node, rdflib.BNode) else str(node)


def _plain(term: Any) -> Node | Text:
    return Text(str(term), term.language or "") if isinstance(term, rdflib.Literal) else _name(term)


def _node(node: Node) -> rdflib.URIRef | rdflib.BNode:
    return rdflib.BNode(node[2:]) if node.startswith("_:") else rdflib.URIRef(node)


def _term(term: Node | Text) -> rdflib.URIRef | rdflib.BNode | rdflib.Literal:
    return rdflib.Literal(term.text, lang=term.lang or None) if isinstance(term, Text) else _node(term)


class _Heap(Store):
    """Triples in the order they come, without rdflib's indices: a third faster, and all that reading needs."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Any, None] = {}

    def add(self, triple: Any, context: Any, quoted: bool = False) -> None:
        self.rows[triple] = None

    def triples(self, triple_pattern: Any, context: Any = None) -> Iterator[Any]:
        return ((row, iter(())) for row in self.rows)

    def bind(self, prefix: Any, namespace: Any, override: bool = True) -> None:
        """Prefixes say nothing about the triples."""

    def namespace(self, prefix: str) -> None:
        return None

    def prefix(self, namespace: Any) -> None:
        return None

    def namespaces(self) -> Iterator[Any]:
        return iter(())


@contextmanager
def _quiet() -> Iterator[None]:
    """rdflib logs and warns about odd IRIs and dates that are none of a taxonomy's business."""
    loggers = [logging.getLogger(name) for name in ("rdflib.term", "rdflib.plugins.parsers.rdfxml")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
