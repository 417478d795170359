"""The GS1 Web Vocabulary, an OWL ontology.

Classes become categories, properties and code lists attributes, codes values of their lists. An attribute applies to
the classes of its domain; a code list applies where a property with that range does, and is related to the property.
Former addresses of the vocabulary become the present one, so that releases can be compared.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from graph.errors import FileFormatError
from graph.formats import rdf
from graph.formats.parsed import Parsed, counted, parsed
from graph.formats.rdf import OWL, RDF, RDFS, SKOS, TYPE, Node, Text, shown
from graph.formats.resources import Resources
from graph.model import Concept, Kind, Relation, RelationType, Status

VOCABULARY = "https://ref.gs1.org/voc/"
CODE_LISTS = VOCABULARY + "TypeCode"

_FORMER = re.compile(r"https?://(?:www\.|ref\.)?gs1\.org/voc/")
_TERM_STATUS = "http://www.w3.org/2003/06/sw-vocab-status/ns#term_status"
_STATUS: Mapping[str, Status] = {
    "unstable": "candidate",
    "testing": "candidate",
    "provisional": "candidate",
    "archaic": "deprecated",
    "deprecated": "deprecated",
}
_CODE = VOCABULARY + "originalCodeValue"
_ALIASES = frozenset({OWL + "sameAs", OWL + "equivalentClass", OWL + "equivalentProperty"})
_TEXTS = frozenset(
    {RDFS + "label", RDFS + "comment", SKOS + "prefLabel", SKOS + "altLabel", SKOS + "notation", _CODE, _TERM_STATUS}
)
_MAPPED: Mapping[str, RelationType] = {
    SKOS + "related": "related",
    SKOS + "exactMatch": "exact_match",
    SKOS + "closeMatch": "close_match",
}
_HIERARCHY: Mapping[Kind, str] = {"category": "subClassOf", "attribute": "subPropertyOf"}


def read(
    files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None, syntax: str | None = None
) -> Parsed:
    """Read files as one graph; `lang` is for texts without a language ("en"), the default scheme is "gs1"."""
    file = ", ".join(map(str, files))
    with rdf.uncollected():
        triples = rdf.load(*files, syntax=syntax)
        today = ((_today(s), _today(p), o if isinstance(o, Text) else _today(o)) for s, p, o in triples)
        return _Vocabulary(today, lang=lang or "en", scheme=scheme, file=file).parsed()


def _today(node: Node) -> Node:
    return _FORMER.sub(VOCABULARY, node, count=1) if node.startswith("http") else node


class _Vocabulary(Resources):
    def parsed(self) -> Parsed:
        if not self.kinds:
            raise FileFormatError(self.file, "there is no owl:Class, rdf:Property or code list in the file")
        concepts = [concept for node, kind in self.kinds.items() if (concept := self._concept(node, kind)) is not None]
        known = {concept.id: concept.kind for concept in concepts}
        relations = [relation for id in known for relation in self._relations(id, known)]
        self._count_the_rest(known)
        notes = [text for what, examples in sorted(self.odd.items()) for text in counted(what, examples)]
        faults = self.faults()
        return parsed(concepts, relations, notes=[*faults, *notes], places={}, file=self.file, faults=faults)

    @cached_property
    def lists(self) -> set[Node]:
        """The code lists and their common class."""
        return self.closure(RDFS + "subClassOf", {CODE_LISTS}) & set(self.by_subject)

    @cached_property
    def kinds(self) -> dict[Node, Kind]:
        """The kind of each node with an address that becomes a concept."""
        found: dict[Node, Kind] = {}
        for node in sorted(node for node in self.by_subject if not node.startswith("_:")):
            types = set(self.nodes(node, TYPE))
            if node in self.lists or RDF + "Property" in types:
                found[node] = "attribute"
            elif types & self.lists:
                found[node] = "value"
            elif types & {OWL + "Class", RDFS + "Class"}:
                found[node] = "category"
        return found

    def _concept(self, node: Node, kind: Kind) -> Concept | None:
        labels = self.labels(node, RDFS + "label") or self.labels(node, SKOS + "prefLabel")
        if not labels:
            self.odd["terms have no label and were left out"].append(node)
            return None
        pref: dict[str, str] = {}
        alt: dict[str, dict[str, None]] = defaultdict(dict)
        for label in labels + self.labels(node, SKOS + "altLabel"):
            if pref.setdefault(label.lang, label.text) != label.text:
                alt[label.lang][label.text] = None
        codes = [o.text for o in self.by_subject[node].get(SKOS + "prefLabel", ()) if isinstance(o, Text)]
        hidden = tuple(sorted(code for code in set(codes) if code.strip() and code not in pref.values()))
        types = self.nodes(node, TYPE)
        stated = [_STATUS.get(text.text, "active") for text in self.texts(node, _TERM_STATUS)]
        flags = self.by_subject[node].get(OWL + "deprecated", ())  # true, or a successor
        gone = any(flag != node if isinstance(flag, str) else flag.text.lower() in ("true", "1") for flag in flags)
        return Concept(
            id=node,
            scheme=self.scheme or "gs1",
            kind=kind,
            pref_label=pref,
            alt_label={tag: tuple(texts) for tag, texts in alt.items() if texts},
            hidden_label={"und": hidden} if hidden else {},
            definition=self.definitions(node, RDFS + "comment"),
            notation=self.notation(node, _CODE, SKOS + "notation"),
            status="deprecated" if gone or "deprecated" in stated else stated[0] if stated else "active",
            choice="single" if OWL + "FunctionalProperty" in types else "multiple",
        )

    def _relations(self, id: str, known: Mapping[str, Kind]) -> Iterator[Relation]:
        kind, nodes = known[id], self.nodes
        if kind == "value":
            yield from (Relation("value_of", id, target) for target in nodes(id, TYPE) if target in self.lists)
        yield from self._broader(id, known)
        if kind == "attribute":
            yield from self._applicability(id, known)
        for predicate, type in _MAPPED.items():
            yield from (Relation(type, id, target) for target in nodes(id, predicate) if target != id)
        for target in nodes(id, OWL + "deprecated"):
            if target == id:
                self.odd["terms are replaced by themselves; they stay in use"].append(id)
            else:
                yield Relation("replaced_by", id, target)

    def _broader(self, id: str, known: Mapping[str, Kind]) -> Iterator[Relation]:
        term = "subClassOf" if id in self.lists else _HIERARCHY.get(known[id])
        targets = {*self.nodes(id, SKOS + "broader"), *(self.nodes(id, RDFS + term) if term else ())}
        usable = sorted(target for target in targets if known.get(target) == known[id] and target != id)
        for target in sorted(targets - {*usable, OWL + "Thing"}):
            self.odd["broader terms are not in the vocabulary and were left out"].append(f"{shown(target)} of {id}")
        for target in usable:
            yield Relation("broader", id, target, primary=target == usable[0])

    def _applicability(self, id: str, known: Mapping[str, Kind]) -> Iterator[Relation]:
        lists = [target for target in self.nodes(id, RDFS + "range") if target in self.lists - {CODE_LISTS}]
        for target in self._domain(id):
            if known.get(target) == "category":
                yield from (Relation("applies_to", one, target) for one in (id, *lists))
            else:
                what = "domains are not classes of the vocabulary and were left out"
                self.odd[what].append(f"{shown(target)} of {id}")
        yield from (Relation("related", id, target) for target in lists)

    def _domain(self, id: str) -> list[Node]:
        """The classes of the domain, with the members of unions, in order."""
        found: set[Node] = set()
        for node in self.nodes(id, RDFS + "domain"):
            unions = self.nodes(node, OWL + "unionOf")
            members = (member for union in unions for member in self.listed(union))
            found |= {member for member in members if isinstance(member, str)} if unions else {node}
        return sorted(found)

    def _count_the_rest(self, known: Mapping[str, Kind]) -> None:
        structure = {RDF + "first", RDF + "rest", OWL + "unionOf"}
        links = {*_MAPPED, TYPE, SKOS + "broader", RDFS + "subClassOf", RDFS + "subPropertyOf", RDFS + "domain"}
        held = {*links, *_TEXTS, OWL + "deprecated"}
        for node, predicates in self.by_subject.items():
            for predicate, values in predicates.items():
                for value in values:
                    if node not in known:
                        if not (node.startswith("_:") and (predicate in structure or predicate == TYPE)):
                            what = "statements about other things than classes, properties and codes were left out"
                            self.odd[what].append(f"{shown(predicate)} of {shown(node)}")
                    elif (
                        predicate not in held
                        and not (predicate in _ALIASES and value == node)
                        and not (predicate == RDFS + "range" and value in self.lists - {CODE_LISTS})
                    ):
                        what = f"values of {shown(predicate)} have no place in a concept and were left out"
                        self.odd[what].append(f"{shown(value)} of {node}")
