"""Triples written as Turtle, RDF/XML or JSON-LD, with prefixes, nodes in order and lists as lists."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyoxigraph
from pyoxigraph import RdfFormat

from graph.errors import InputError
from graph.formats import reading
from graph.formats.rdf import RDF, TYPE, Node, Text, Triple
from graph.labels import cased_tag

_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_XML_LANG = re.compile(rb'(<[^<>]* xml:lang=")([^"]*)')
_LIST = {RDF + "first", RDF + "rest"}


def save(path: Path, triples: Iterable[Triple], *, prefixes: Mapping[str, str]) -> None:
    """Write triples in the syntax of the suffix; equal triples give equal bytes."""
    suffix, _ = reading.suffixes(path)
    writers = {".ttl": _Graph.turtle, ".nt": _Graph.ntriples, ".rdf": _Graph.rdfxml, ".jsonld": _Graph.jsonld}
    writers |= {".xml": _Graph.rdfxml, ".owl": _Graph.rdfxml}
    if suffix not in writers:
        expected = f"one of {', '.join(writers)} was expected"
        raise InputError(f"{path}: the suffix {suffix!r} names no RDF syntax that is written; {expected}")
    graph = _Graph(triples, prefixes)
    if writers[suffix] is _Graph.rdfxml:
        graph.check_for_xml(path)
    reading.write(path, writers[suffix](graph))


def turtle(triples: Iterable[Triple], *, prefixes: Mapping[str, str]) -> bytes:
    """Triples as Turtle; equal triples give equal bytes."""
    return b"".join(_Graph(triples, prefixes).turtle())


class _Graph:
    """Statements by subject and predicate, in order; blank nodes that stand in one place are written there."""

    def __init__(self, triples: Iterable[Triple], prefixes: Mapping[str, str]) -> None:
        found: dict[Node, dict[Node, list[Node | Text]]] = defaultdict(lambda: defaultdict(list))
        uses: Counter[Node] = Counter()
        for s, p, o in sorted(set(triples), key=lambda t: (t[0], t[1] != TYPE, t[1], isinstance(t[2], Text), t[2])):
            found[s][p].append(o)
            if isinstance(o, str) and o.startswith("_:"):
                uses[o] += 1
        self.prefixes = dict(sorted(prefixes.items()))
        self.nodes = found
        self.inner = {node for node, n in uses.items() if n == 1 and node in found}

    def outer(self) -> Iterator[Node]:
        return (node for node in self.nodes if node not in self.inner)

    def members(self, head: Node) -> list[Node | Text] | None:
        """The members of an RDF list, None for another node."""
        members: list[Node | Text] = []
        while head != RDF + "nil":
            about = self.nodes.get(head, {})
            if set(about) != _LIST or any(len(values) > 1 for values in about.values()):
                return None
            members += about[RDF + "first"]
            (rest,) = about[RDF + "rest"]
            if not isinstance(rest, str) or (rest not in self.inner and rest != RDF + "nil"):
                return None
            head = rest
        return members

    def short(self, iri: str) -> str | None:
        """The IRI with its prefix, None without one."""
        for prefix, base in self.prefixes.items():
            if iri.startswith(base) and _LOCAL.fullmatch(iri, len(base)):
                return f"{prefix}:{iri[len(base) :]}"
        return None

    def turtle(self) -> Iterator[bytes]:
        yield "".join(f"@prefix {prefix}: <{base}> .\n" for prefix, base in self.prefixes.items()).encode()
        for node in self.outer():
            yield f"\n{self._turtle_term(node)} {self._turtle_body(node, '    ')} .\n".encode()

    def _turtle_body(self, node: Node, indent: str) -> str:
        parts = []
        for p, values in self.nodes[node].items():
            verb = "a" if p == TYPE else self._turtle_term(p)
            parts.append(f"{verb} {', '.join(self._turtle_value(value, indent) for value in values)}")
        return f" ;\n{indent}".join(parts)

    def _turtle_value(self, value: Node | Text, indent: str) -> str:
        if isinstance(value, Text) or value not in self.inner:
            return self._turtle_term(value)
        members = self.members(value)
        if members is None:
            return f"[ {self._turtle_body(value, indent + '    ')} ]"
        return f"( {' '.join(self._turtle_value(member, indent) for member in members)} )"

    def _turtle_term(self, term: Node | Text) -> str:
        return (None if isinstance(term, Text) else self.short(term)) or _term(term)

    def ntriples(self) -> Iterator[bytes]:
        for s, about in self.nodes.items():
            for p, values in about.items():
                yield from (f"{_term(s)} {_term(p)} {_term(o)} .\n".encode() for o in values)

    def rdfxml(self) -> Iterator[bytes]:
        lines = b"".join(self.ntriples())
        # Lenient, for language tags that BCP 47 does not have; pyoxigraph writes all in lower case.
        quads = pyoxigraph.parse(lines, format=RdfFormat.N_TRIPLES, lenient=True)
        triples = (quad.triple for quad in quads)
        written = pyoxigraph.serialize(triples, format=RdfFormat.RDF_XML, prefixes=self.prefixes) or b""
        yield _XML_LANG.sub(lambda found: found[1] + cased_tag(found[2].decode()).encode(), written)

    def check_for_xml(self, path: Path) -> None:
        for about in self.nodes.values():
            for value in (value for values in about.values() for value in values if isinstance(value, Text)):
                bad = next((c for c in value.text if (c < " " and c not in "\t\n") or c in "\ufffe\uffff"), None)
                if bad is not None:
                    why = f"the label {value.text!r} holds {bad!r}, which XML can't carry; write .ttl instead"
                    raise InputError(f"{path}: {why}")

    def jsonld(self) -> Iterator[bytes]:
        graph = [{"@id": node, **self._json_body(node)} for node in self.outer()]
        yield orjson.dumps({"@context": self.prefixes, "@graph": graph}, option=orjson.OPT_INDENT_2)

    def _json_body(self, node: Node) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for p, values in self.nodes[node].items():
            if p == TYPE:
                body["@type"] = [self.short(value) or value for value in values if isinstance(value, str)]
            else:
                body[self.short(p) or p] = [self._json_value(value) for value in values]
        return body

    def _json_value(self, value: Node | Text) -> dict[str, Any]:
        if isinstance(value, Text):
            return {"@value": value.text, **({"@language": value.lang} if value.lang else {})}
        if value not in self.inner:
            return {"@id": value}
        members = self.members(value)
        return self._json_body(value) if members is None else {"@list": [self._json_value(one) for one in members]}


def _term(term: Node | Text) -> str:
    if isinstance(term, Text):  # JSON has the escapes of Turtle
        return json.dumps(term.text, ensure_ascii=False) + (f"@{term.lang}" if term.lang else "")
    if term.startswith("_:"):
        return term
    return "<" + _NOT_IN_IRI.sub(lambda found: f"\\u{ord(found[0]):04X}", term) + ">"
