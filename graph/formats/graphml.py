"""GraphML for Gephi, yEd and networkx. Files of kgtag read back equal.

Concepts are nodes, relations directed edges with the attribute `relation`. Labels have an attribute per language,
`prefLabel@en`; several alternative labels share one attribute, a line each.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from graph.errors import FileFormatError
from graph.formats import reading, xml
from graph.formats.format import DEFAULTS, Exported, ExportOptions
from graph.formats.parsed import Parsed, Place, counted, parsed
from graph.formats.xml import quoted
from graph.model import CHOICES, KINDS, RELATION_TYPES, STATUSES, Concept, Relation
from graph.taxonomy import Taxonomy

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""
_PLAIN = ("label", "kind", "scheme", "notation", "status", "choice")
_TEXTS = {"prefLabel": "pref_label", "definition": "definition"}
_LISTS = {"altLabel": "alt_label", "hiddenLabel": "hidden_label"}
_EDGE = {"relation": "string", "primary": "boolean"}
_WRITTEN = re.compile(r"\\(.)", re.DOTALL)


def write(taxonomy: Taxonomy, path: Path, options: ExportOptions = DEFAULTS) -> Exported:
    """Write every concept (of the scheme) and the relations between them; notes count relations to other schemes."""
    chosen = {concept.id: concept for concept in taxonomy if options.scheme in (None, concept.scheme)}
    edges = [edge for edge in taxonomy.relations if edge.source in chosen and edge.target in chosen]
    leaving = [
        f"{edge.source!r} {edge.type} {edge.target!r}"
        for edge in taxonomy.relations
        if (edge.source in chosen) != (edge.target in chosen)
    ]
    reading.write(path, (part.encode() for part in _document(list(chosen.values()), edges, path)))
    return Exported(len(chosen), tuple(counted("relations lead out of the scheme and were left out", leaving)))


def _document(concepts: Sequence[Concept], edges: Sequence[Relation], path: Path) -> Iterator[str]:
    tagged = sorted({name for concept in concepts for name in _attributes(concept) if name not in _PLAIN})
    keys = {name: f"n{i}" for i, name in enumerate((*_PLAIN, *tagged))}
    yield _HEAD
    for name, key in keys.items():
        yield f'  <key id="{key}" for="node" attr.name="{quoted(name, path)}" attr.type="string"/>\n'
    for name, type in _EDGE.items():
        yield f'  <key id="{name}" for="edge" attr.name="{name}" attr.type="{type}"/>\n'
    yield '  <graph id="taxonomy" edgedefault="directed">\n'
    for concept in concepts:
        yield f'    <node id="{quoted(concept.id, path)}">\n'
        for name, value in _attributes(concept).items():
            yield f'      <data key="{keys[name]}">{quoted(value, path)}</data>\n'
        yield "    </node>\n"
    for number, edge in enumerate(edges):
        ends = f'source="{quoted(edge.source, path)}" target="{quoted(edge.target, path)}"'
        yield f'    <edge id="e{number}" {ends}>\n      <data key="relation">{edge.type}</data>\n'
        if edge.type == "broader":
            yield f'      <data key="primary">{"true" if edge.primary else "false"}</data>\n'
        yield "    </edge>\n"
    yield "  </graph>\n</graphml>\n"


def _attributes(concept: Concept) -> dict[str, str]:
    found = {"label": concept.label(), "kind": concept.kind, "scheme": concept.scheme, "status": concept.status}
    if concept.notation is not None:
        found["notation"] = concept.notation
    if concept.kind == "attribute" or concept.choice != "multiple":
        found["choice"] = concept.choice
    for name, texts_of in _TEXTS.items():
        found |= {f"{name}@{tag}": text for tag, text in sorted(getattr(concept, texts_of).items())}
    for name, lists_of in _LISTS.items():
        for tag, texts in sorted(getattr(concept, lists_of).items()):
            found[f"{name}@{tag}"] = "\n".join(text.replace("\\", "\\\\").replace("\n", "\\n") for text in texts)
    return found


def read(files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None) -> Parsed:
    """Read files; `scheme` is for nodes without one (the file's name), `lang` for labels without a language ("und").

    A node of another program needs a `label`; it becomes a category. Edges need a `relation`.
    """
    concepts: dict[str, Concept] = {}
    relations: list[Relation] = []
    places: dict[str, Place] = {}
    for file in files:
        document = _Document(file, scheme=scheme or reading.stem(file), lang=lang or "und")
        if not document.nodes:
            raise FileFormatError(str(file), "there is no GraphML node in the file")
        for node in document.nodes:
            concept = document.concept(node)
            if concept.id in concepts:
                raise FileFormatError(str(file), f"a second node {concept.id!r}", line=node.line)
            concepts[concept.id] = concept
            places[concept.id] = Place(str(file), node.line)
        relations += document.relations()
    return parsed(concepts.values(), relations, notes=(), places=places, file=", ".join(map(str, files)))


@dataclass(slots=True)
class _Element:
    """A node or an edge of the file."""

    attributes: Mapping[str, str]
    line: int
    data: dict[str, str] = field(default_factory=dict)


class _Document:
    """Nodes and edges of a file with their data by attribute name."""

    def __init__(self, file: Path, *, scheme: str, lang: str) -> None:
        self.file = file
        self.scheme = scheme
        self.lang = lang
        self.nodes: list[_Element] = []
        self.edges: list[_Element] = []
        self._keys: dict[str, str] = {}
        self._open: list[_Element] = []
        self._key: str | None = None
        self._text: list[str] = []
        xml.parse(reading.text(file), file, start=self._start, text=self._text.append, end=self._end)

    def _start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name == "key":
            self._keys[attributes.get("id", "")] = attributes.get("attr.name", attributes.get("id", ""))
        elif name in ("node", "edge"):
            element = _Element(attributes, line)
            (self.nodes if name == "node" else self.edges).append(element)
            self._open.append(element)
        elif name == "data":
            self._key = self._keys.get(attributes.get("key", ""))
        self._text.clear()

    def _end(self, name: str) -> None:
        if name == "data" and self._open and self._key is not None:
            self._open[-1].data[self._key] = "".join(self._text)
        elif name in ("node", "edge") and self._open:
            self._open.pop()
        self._text.clear()

    def _error(self, element: _Element, message: str) -> FileFormatError:
        return FileFormatError(str(self.file), message, line=element.line)

    def concept(self, node: _Element) -> Concept:
        labels: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, value in node.data.items():
            base, _, tag = name.partition("@")
            if base in _TEXTS:
                labels[_TEXTS[base]][tag or self.lang] = value
            elif base in _LISTS:
                lines = [_WRITTEN.sub(lambda c: "\n" if c[1] == "n" else c[1], line) for line in value.split("\n")]
                labels[_LISTS[base]][tag or self.lang] = tuple(lines)
        if not labels["pref_label"]:
            if not node.data.get("label", "").strip():
                raise self._error(node, f"node {node.attributes.get('id')!r} has neither a label nor a prefLabel@…")
            labels["pref_label"] = {self.lang: node.data["label"]}
        return Concept(
            id=node.attributes.get("id", ""),
            scheme=node.data.get("scheme", self.scheme),
            kind=self._one_of(node, "kind", KINDS, "category"),
            notation=node.data.get("notation"),
            status=self._one_of(node, "status", STATUSES, "active"),
            choice=self._one_of(node, "choice", CHOICES, "multiple"),
            **labels,
        )

    def relations(self) -> Iterator[Relation]:
        """The relations; the first broader one of a concept by id is primary if none is marked."""
        found = []
        for edge in self.edges:
            type = self._one_of(edge, "relation", RELATION_TYPES, None)
            primary = type == "broader" and edge.data.get("primary", "").strip().lower() in ("true", "1")
            ends = (edge.attributes.get("source", ""), edge.attributes.get("target", ""))
            found.append(Relation(type, *ends, primary))
        with_primary = {relation.source for relation in found if relation.primary}
        for relation in sorted(found):
            first = relation.type == "broader" and relation.source not in with_primary
            with_primary |= {relation.source} if first else set()
            yield replace(relation, primary=True) if first else relation

    def _one_of(self, element: _Element, name: str, allowed: Sequence[str], default: str | None) -> Any:
        value = element.data.get(name, default)
        if value not in allowed:
            raise self._error(element, f"{name!r} is {value!r}; one of {', '.join(allowed)} was expected")
        return cast(Any, value)
