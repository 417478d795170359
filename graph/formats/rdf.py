"""RDF files as plain triples, and IRIs of vocabularies and concept ids. The only importer of rdflib.

Files can't load other files.
"""

import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

import rdflib
from rdflib.plugins.parsers.notation3 import BadSyntax
from rdflib.store import Store

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.model import RelationType

SKOS = "http://www.w3.org/2004/02/skos/core#"
SKOSXL = "http://www.w3.org/2008/05/skos-xl#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
DCT = "http://purl.org/dc/terms/"
DC = "http://purl.org/dc/elements/1.1/"
KGTAG = "urn:kgtag:ns#"
"""kgtag's own terms: kind, choice, status, primary, valueOf, appliesTo, excludes, and the order of labels."""

TYPE = RDF + "type"
CONCEPT_BASE = "urn:kgtag:concept:"
SCHEME_BASE = "urn:kgtag:scheme:"

RELATIONS: Mapping[RelationType, str] = {
    "broader": SKOS + "broader",
    "related": SKOS + "related",
    "exact_match": SKOS + "exactMatch",
    "close_match": SKOS + "closeMatch",
    "value_of": KGTAG + "valueOf",
    "applies_to": KGTAG + "appliesTo",
    "excludes": KGTAG + "excludes",
    "replaced_by": DCT + "isReplacedBy",
}

_ADDRESS = re.compile(r"(https?|file)://[^\s<>\"{}|\\^`\x00-\x20\x7f-\xa0]*")

_SHORT = {SKOS: "skos:", SKOSXL: "skosxl:", RDFS: "rdfs:", RDF: "rdf:", OWL: "owl:", DCT: "dct:", DC: "dc:"}
_SHORT |= {"http://creativecommons.org/ns#": "cc:", "http://purl.org/vocab/vann/": "vann:"}
_FORMATS = {".ttl": "turtle", ".nt": "turtle", ".rdf": "xml", ".xml": "xml", ".owl": "xml", ".jsonld": "json-ld"}


class Text(NamedTuple):
    """A literal: its text and language tag, "" for none."""

    text: str
    lang: str = ""


Node = str
"""An IRI, or "_:name" for a blank node."""

Triple = tuple[Node, Node, Node | Text]


def load(path: Path) -> list[Triple]:
    """All triples of a file, in no order. Raises FileFormatError with the place of a syntax error."""
    format = _format(path)
    source = reading.text(path)
    if format == "xml":
        reading.parse_xml(source, path)
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
    return [(cast(Node, _plain(s)), str(p), _plain(o)) for s, p, o in graph]


def save(path: Path, triples: Iterable[Triple], *, prefixes: dict[str, str]) -> None:
    """Write triples in the notation of the suffix; equal triples give equal bytes."""
    format = _format(path)
    graph = rdflib.Graph(bind_namespaces="none")
    for prefix, iri in prefixes.items():
        graph.bind(prefix, iri)
    for s, p, o in triples:
        if format == "xml" and isinstance(o, Text):
            _check_writable(o, path)
        graph.add((_term(s), rdflib.URIRef(p), _term(o)))
    with _quiet():
        written = graph.serialize(format=format, encoding="utf-8")
    reading.write(path, [written])


def _format(path: Path) -> str:
    suffix, _ = reading.suffixes(path)
    if suffix not in _FORMATS:
        expected = f"one of {', '.join(_FORMATS)} was expected"
        raise InputError(f"{path}: the suffix {suffix!r} names no RDF notation; {expected}")
    return _FORMATS[suffix]


def _check_contexts(value: Any, path: Path) -> None:
    """Refuse contexts given by address, which would be fetched."""
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


def _plain(term: Any) -> Node | Text:
    if isinstance(term, rdflib.Literal):
        return Text(str(term), term.language or "")
    return f"_:{term}" if isinstance(term, rdflib.BNode) else str(term)


def _term(term: Node | Text) -> Any:
    if isinstance(term, Text):
        return rdflib.Literal(term.text, lang=term.lang or None)
    return rdflib.BNode(term[2:]) if term.startswith("_:") else rdflib.URIRef(term)


class _Heap(Store):
    """Triples without rdflib's indices: a third faster, and enough for reading."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Any, None] = {}

    def add(self, triple: Any, context: Any, quoted: bool = False) -> None:
        self.rows[triple] = None

    def triples(self, triple_pattern: Any, context: Any = None) -> Iterator[Any]:
        return ((row, iter(())) for row in self.rows)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence rdflib's messages on odd IRIs and dates, which do not matter to a taxonomy."""
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


def to_iri(id: str, base: str) -> str:
    """The IRI of an id: itself if it is a web address, else percent-encoded after `base`."""
    return id if _ADDRESS.fullmatch(id) else base + quote(id, safe="~")


def from_iri(iri: str, base: str) -> str:
    return unquote(iri.removeprefix(base)) if iri.startswith(base) else iri


def blank(name: str, number: int) -> str:
    """The nth blank node of a name."""
    return f"_:{''.join(c if c.isalnum() and c.isascii() else f'x{ord(c):x}' for c in name)}n{number}"


def shown(value: Node | Text) -> str:
    """A node or text for messages: with a well-known prefix, or cut short."""
    if isinstance(value, Text):
        return repr(value.text if len(value.text) <= 40 else value.text[:39] + "…")
    if value.startswith("_:"):
        return "a blank node"
    return next((prefix + value.removeprefix(base) for base, prefix in _SHORT.items() if value.startswith(base)), value)
