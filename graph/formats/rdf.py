"""RDF files as plain triples, and IRIs of vocabularies and concept ids. The only importer of pyoxigraph.

Files can't load other files. pyoxigraph expands entities without bound and overflows its stack on deep nesting, so that
is checked before it reads a file.
"""

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import pyoxigraph
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat

from graph.errors import FileFormatError, InputError
from graph.formats import reading, xml
from graph.formats.parsed import shortened
from graph.labels import cased_tag
from graph.model import RelationType

SKOS = "http://www.w3.org/2004/02/skos/core#"
SKOSXL = "http://www.w3.org/2008/05/skos-xl#"
ISO_THES = "http://purl.org/iso25964/skos-thes#"
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

XL_TERMS = {SKOS + term: SKOSXL + term for term in ("prefLabel", "altLabel", "hiddenLabel")}
"""Properties of plain labels and of labels that are nodes."""

SYNTAXES: Mapping[str, RdfFormat] = {
    "turtle": RdfFormat.TURTLE,
    "ntriples": RdfFormat.N_TRIPLES,
    "nquads": RdfFormat.N_QUADS,
    "trig": RdfFormat.TRIG,
    "rdfxml": RdfFormat.RDF_XML,
    "jsonld": RdfFormat.JSON_LD,
}
"""Names of the syntaxes."""

_BY_SUFFIX = {".ttl": "turtle", ".nt": "ntriples", ".nq": "nquads", ".trig": "trig", ".jsonld": "jsonld"}
_SNIFFED = (".rdf", ".owl", ".xml", ".json", ".txt", "")
"""Suffixes of files in any syntax: their first characters tell."""

_JSON_START = re.compile(r"\s*(\{\s*[\"}]|\[\s*(\{|\]\s*\Z))")
_XML_START = re.compile(r"\s*<(\?xml|!DOCTYPE|!--|[\w.-]+(:[\w.-]+)?\s)")
_A_TAG = re.compile(r"\s*<[\w.-]+(?!\S*/)[^<>]*>")
_QUAD = re.compile(
    r"\s*(?:#.*\s+)*(?:<[^<>\s]*>|_:\S+)\s+<[^<>\s]*>\s+\S.*\s(?:<[^<>\s]*>|_:\S+)\s*\.\s*$", re.MULTILINE
)
_NOT_RDF = re.compile(r"\s*((?P<xml>(<\?xml[^>]*>\s*)?<Ontology\s)|Prefix\()")
_NESTED_JSON = re.compile(r'"(?:[^"\\]+|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)
_NESTED_TERMS = re.compile(r"<<\(|\)>>")
_DEEPEST = 500
_PART = 4 << 20
"""Characters of a file of lines that are parsed at a time."""
_UNDERSCORE = re.compile(r'"@([A-Za-z]{2,3})_(?=[A-Za-z]{2}\b)')
"""A language tag such as en_US, which the Turtle family can't carry."""
_WHERE = re.compile(r"Parser error (at|between) line .*?: ")
_STRAY = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|(/>|</[^<>]*>)\s*[^<\s][^<]*(?=<)", re.DOTALL)
_CONTEXT = re.compile(r'"@(?:context|import)"\s*:\s*(?:\[\s*(?:\{[^{}]*\}\s*,\s*)*)?"([^"]*)"')
_ADDRESS = re.compile(r"(https?|file)://[^\s<>\"{}|\\^`\x00-\x20\x7f-\xa0]*")

_SHORT = {SKOS: "skos:", SKOSXL: "skosxl:", RDFS: "rdfs:", RDF: "rdf:", OWL: "owl:", DCT: "dct:", DC: "dc:"}
_SHORT |= {"http://creativecommons.org/ns#": "cc:", "http://purl.org/vocab/vann/": "vann:", ISO_THES: "isothes:"}


class Text(NamedTuple):
    """A literal: its text and language tag, "" for none."""

    text: str
    lang: str = ""


Node = str
"""An IRI, or "_:name" for a blank node."""

Triple = tuple[Node, Node, Node | Text]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for cyclic garbage: it walks through all triples again and again, and they have none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def load(*files: Path, syntax: str | None = None) -> Iterator[Triple]:
    """The triples of files, named graphs included, in their order; one may come several times.

    Args:
        files: In any of the syntaxes, as their suffixes or first characters tell.
        syntax: One of `SYNTAXES`, where they don't.

    Raises:
        InputError: An unknown syntax, or a suffix that names none.
        FileFormatError: A file does not read; the message has the place where the parser tells it.
    """
    if syntax is not None and syntax not in SYNTAXES:
        raise InputError(f"no RDF syntax {syntax!r}; there is {', '.join(SYNTAXES)}")
    known: dict[str, str] = {}  # one string for all occurrences of an IRI
    tags: dict[str, str] = {}

    for number, file in enumerate(files):
        blanks: dict[str, str] = {}  # numbered, for files may use the same names

        for quad in _quads(file, syntax):
            s, p, o = quad.subject, quad.predicate.value, quad.object
            name = s.value if isinstance(s, NamedNode) else str(s)
            if isinstance(s, BlankNode):
                name = blanks.setdefault(s.value, f"_:f{number}b{len(blanks)}")
            if isinstance(o, Literal):
                lang = o.language or ""
                if lang not in tags:
                    tags[lang] = cased_tag(lang) if lang else ""
                value: Node | Text = Text(o.value, tags[lang])
            elif isinstance(o, NamedNode):
                value = known.setdefault(o.value, o.value)
            elif isinstance(o, BlankNode):
                value = blanks.setdefault(o.value, f"_:f{number}b{len(blanks)}")
            else:
                value = Text(str(o))
            yield known.setdefault(name, name), known.setdefault(p, p), value


def _quads(path: Path, stated: str | None) -> Iterator[pyoxigraph.Quad]:
    syntax = stated or _BY_SUFFIX.get(reading.suffixes(path)[0])
    if syntax in ("ntriples", "nquads"):
        for first, source in _parts(path):
            yield from _parsed(source, path, syntax, first=first)
        return
    source = reading.text(path)
    syntax = syntax or _syntax(path, source)
    if syntax == "rdfxml":
        source = xml.plain(source, path)
        if "parseType" not in source:  # the only way to mix text and elements: else such text is a slip of the pen
            source = _STRAY.sub(lambda found: found[1] or found[0], source)
    yield from _parsed(source, path, syntax)


def _parts(path: Path) -> Iterator[tuple[int, str]]:
    """(number of the first line, some megabytes of lines) of a file with a statement a line."""
    lines: list[str] = []
    first, size, blank = 1, 0, True
    for number, line in reading.lines(path):
        lines.append(line)
        size += len(line)
        blank = blank and not line.strip()
        if size > _PART:
            yield first, "".join(lines)
            lines, first, size = [], number + 1, 0
    if blank:
        raise FileFormatError(str(path), "the file is empty")
    yield first, "".join(lines)


def _parsed(source: str, path: Path, syntax: str, *, first: int = 1) -> Iterator[pyoxigraph.Quad]:
    """The quads of a text that begins at line `first`."""
    if syntax != "rdfxml":
        _check_nesting(source, _NESTED_JSON if syntax == "jsonld" else _NESTED_TERMS, path, first)
        if syntax != "jsonld":
            source = _UNDERSCORE.sub(r'"@\1-', source)
    try:
        # Lenient: a language tag or IRI that is not valid concerns one label, not the file.
        yield from pyoxigraph.parse(source, format=SYNTAXES[syntax], base_iri="file:///", lenient=True)
    except SyntaxError as error:
        raise _refusal(error, path, syntax, source, first) from None
    except MemoryError:
        raise FileFormatError(str(path), "a single text is larger than 16 MB, with its escapes") from None


def _refusal(error: SyntaxError, path: Path, syntax: str, source: str, first: int) -> FileFormatError:
    if "LoadDocumentCallback" in error.msg or "remote context" in error.msg:
        found = _CONTEXT.search(source)
        name = repr(shortened(found[1])) if found else "by address"
        own = "schema.org" in name
        instead = 'write {"@vocab": "https://schema.org/"} in its place' if own else "write the context itself"
        return FileFormatError(str(path), f"the context {name} lies outside the file; {instead}")
    why = shortened(_WHERE.sub("", error.msg, count=1))
    return FileFormatError(
        str(path),
        f"no valid {SYNTAXES[syntax].name}: {why}",
        line=error.lineno and error.lineno + first - 1,
        column=error.offset,
    )


def _syntax(path: Path, source: str) -> str:
    suffix, _ = reading.suffixes(path)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix not in _SNIFFED:
        expected = ", ".join((*_BY_SUFFIX, *_SNIFFED[:-1]))
        raise InputError(
            f"{path}: the suffix {suffix!r} names no RDF syntax; one of {expected} was expected, or --syntax"
        )
    if other := _NOT_RDF.match(source):
        name = "OWL/XML" if other["xml"] else "OWL functional syntax"
        raise FileFormatError(str(path), f"this is {name}, which is not RDF; save it as RDF/XML or Turtle")
    if _JSON_START.match(source):
        return "jsonld"
    if _XML_START.match(source) or (suffix in (".rdf", ".owl", ".xml") and _A_TAG.match(source)):
        return "rdfxml"
    return "nquads" if _QUAD.match(source) else "trig"  # TriG has all of Turtle


def _check_nesting(source: str, brackets: re.Pattern[str], path: Path, first: int) -> None:
    depth = 0
    for found in brackets.finditer(source):
        bracket = found[0]
        if bracket in ("{", "[", "<<("):
            depth += 1
            if depth > _DEEPEST:
                raise FileFormatError(str(path), "nested too deeply", line=source.count("\n", 0, found.start()) + first)
        elif bracket[0] != '"':
            depth = max(0, depth - 1)


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
