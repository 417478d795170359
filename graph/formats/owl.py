"""Classes of RDFS and OWL ontologies (schema.org, OBO, Protégé) as categories.

A class is narrower than those it is a subclass of, and than the named classes in the intersection that defines it. All
else that OWL says about classes (restrictions, unions, complements) is left out and counted.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from graph.columns.invariants import bad_id
from graph.errors import FileFormatError
from graph.formats import rdf, reading
from graph.formats.parsed import CONTRADICTIONS, Parsed, counted, parsed
from graph.formats.rdf import DCT, OWL, RDF, RDFS, SKOS, TYPE, Node, Text, shown
from graph.formats.resources import Resources
from graph.model import Concept, Relation, RelationType

OBO = "http://purl.obolibrary.org/obo/"
_SYNONYMS = "http://www.geneontology.org/formats/oboInOwl#"
_SCHEMA_ORG = ("https://schema.org/", "http://schema.org/")
_CLASSES = frozenset({OWL + "Class", RDFS + "Class", OWL + "DeprecatedClass"})
_PROPERTIES = frozenset(
    {RDF + "Property"}
    | {OWL + kind + "Property" for kind in ("Object", "Datatype", "Annotation", "Symmetric", "Reflexive")}
)
_TOPS = frozenset({OWL + "Thing", RDFS + "Resource"})
_PREF = (RDFS + "label", SKOS + "prefLabel")
_ALT = (SKOS + "altLabel", _SYNONYMS + "hasExactSynonym", _SYNONYMS + "hasSynonym", OBO + "IAO_0000118")
_HIDDEN = (SKOS + "hiddenLabel", *(_SYNONYMS + f"has{kind}Synonym" for kind in ("Narrow", "Related", "Broad")))
_DEFINITIONS = (SKOS + "definition", OBO + "IAO_0000115", DCT + "description")
_NOTATIONS = (SKOS + "notation", _SYNONYMS + "id")
_SUCCESSORS = (OBO + "IAO_0100001", DCT + "isReplacedBy", *(base + "supersededBy" for base in _SCHEMA_ORG))
_MATCHES: Mapping[str, RelationType] = {
    SKOS + "exactMatch": "exact_match",
    SKOS + "closeMatch": "close_match",
    OWL + "equivalentClass": "exact_match",
}
_TEXTS = frozenset({*_PREF, *_ALT, *_HIDDEN, *_DEFINITIONS, *_NOTATIONS, RDFS + "comment", OWL + "deprecated"})
_LINKS = frozenset({TYPE, RDFS + "subClassOf", *_MATCHES})
_CURIE = re.compile(r"([A-Za-z]+)[:_](\w+)")


def read(
    files: Sequence[Path], *, scheme: str | None = None, lang: str | None = None, syntax: str | None = None
) -> Parsed:
    """Read files as one graph; `lang` is for labels without a language, the default scheme is the ontology's IRI.

    The id of a class is its IRI.
    """
    file = ", ".join(map(str, files))
    with rdf.uncollected():
        triples = rdf.load(*files, syntax=syntax)
        concepts, relations, notes, faults = _Ontology(triples, lang=lang or "und", scheme=scheme, file=file).content()
        return parsed(concepts, relations, notes=notes, places={}, file=file, tolerate=CONTRADICTIONS, faults=faults)


class _Ontology(Resources):
    def content(self) -> tuple[Sequence[Concept], Sequence[Relation], Sequence[str], Sequence[str]]:
        """Concepts, relations, notes and those that are faults."""
        if not self.classes:
            why = "there is no owl:Class or rdfs:Class in the file; --syntax and the format `skos` may help"
            raise FileFormatError(self.file, why)
        concepts = [self._concept(node) for node in sorted(self.classes)]
        relations = [*self._hierarchy(), *(relation for node in self.classes for relation in self._others(node))]
        self._count_the_rest()
        notes = [text for what, examples in sorted(self.odd.items()) for text in counted(what, examples)]
        return concepts, relations, [*self.faults(), *notes], self.faults()

    @cached_property
    def classes(self) -> set[Node]:
        """Nodes with an IRI that are classes, or subclasses of something."""
        found = set()
        for node, predicates in self.by_subject.items():
            declared = not _CLASSES.isdisjoint(self.nodes(node, TYPE)) or RDFS + "subClassOf" in predicates
            if node.startswith("_:") or not declared or node in _TOPS:
                continue
            if bad_id(node):
                self.wrong["classes have IRIs that can't be ids and were left out"].append(repr(node))
            else:
                found.add(node)
        return found

    @cached_property
    def home(self) -> str:
        declared = sorted(s for s in self.by_subject if OWL + "Ontology" in self.nodes(s, TYPE) and s[:2] != "_:")
        return self.scheme or (declared[0] if declared else reading.stem(Path(self.file)))

    def _concept(self, node: Node) -> Concept:
        pref: dict[str, str] = {}
        alt: dict[str, dict[str, None]] = defaultdict(dict)
        for label in self.labels(node, *_PREF, *_ALT):
            alt[label.lang][label.text] = None
        for label in self.labels(node, *_PREF):
            pref.setdefault(label.lang, label.text)
        for tag, text in pref.items():
            del alt[tag][text]
        hidden: dict[str, list[str]] = defaultdict(list)
        for label in self.labels(node, *_HIDDEN):
            hidden[label.lang].append(label.text)
        flags = {text.text.lower() for text in self.texts(node, OWL + "deprecated")}
        gone = flags & {"true", "1"} or OWL + "DeprecatedClass" in self.nodes(node, TYPE) or self._successors(node)
        return Concept(
            id=node,
            scheme=self.home,
            kind="category",
            pref_label=pref or self.unlabelled(node),
            alt_label={tag: tuple(texts) for tag, texts in alt.items() if texts},
            hidden_label={tag: tuple(texts) for tag, texts in hidden.items()},
            definition=self.definitions(node, *_DEFINITIONS) or self.definitions(node, RDFS + "comment"),
            notation=self.notation(node, *_NOTATIONS),
            status="deprecated" if gone else "active",
        )

    def _successors(self, node: Node) -> list[Node]:
        """IRIs of what replaces the class; OBO also writes them as text ("FOODON:03301116")."""
        found = set(self.nodes(node, *_SUCCESSORS))
        for text in (text.text.strip() for predicate in _SUCCESSORS for text in self.texts(node, predicate)):
            short = _CURIE.fullmatch(text)
            found.add(f"{OBO}{short[1]}_{short[2]}" if short else text)
        return sorted(found - {node})

    def _hierarchy(self) -> Iterator[Relation]:
        pairs: dict[tuple[str, str], int] = {}
        for node in sorted(self.classes):
            for target in self._superclasses(node):
                if target.startswith("_:"):
                    self.odd["superclasses are restrictions or other expressions and were left out"].append(node)
                elif target == node:
                    self.wrong["classes are subclasses of themselves, which was left out"].append(node)
                elif target in self.classes:
                    pairs[node, target] = 1
                elif target not in _TOPS:
                    what = "superclasses are not in the file and were left out"
                    self.odd[what].append(f"{shown(target)} of {node}")
        edges = self.without_cycles([Relation("broader", *pair) for pair in pairs], pairs)
        seen: set[str] = set()
        for edge in edges:
            yield Relation("broader", edge.source, edge.target, primary=edge.source not in seen)
            seen.add(edge.source)

    def _superclasses(self, node: Node) -> list[Node]:
        defined = self.nodes(node, OWL + "equivalentClass", OWL + "intersectionOf")
        heads = [head for one in defined for head in self.nodes(one, OWL + "intersectionOf") or [one]]
        named = (one for head in heads for one in self.listed(head) if isinstance(one, str) and one[:2] != "_:")
        return sorted({*self.nodes(node, RDFS + "subClassOf"), *named})

    def _others(self, node: Node) -> Iterator[Relation]:
        for predicate, type in _MATCHES.items():
            named = (target for target in self.nodes(node, predicate) if target[:2] != "_:" and target != node)
            yield from (Relation(type, node, target) for target in named)
        for target in self._successors(node):
            if target in self.classes:
                yield Relation("replaced_by", node, target)
            else:
                self.odd["successors are not classes of the file and were left out"].append(
                    f"{shown(target)} of {node}"
                )

    def _count_the_rest(self) -> None:
        for node, predicates in self.by_subject.items():
            types = self.nodes(node, TYPE)
            if node in self.classes:
                held = _TEXTS - {RDFS + "comment"} if predicates.keys() & _DEFINITIONS else _TEXTS
                for predicate, values in predicates.items():
                    if predicate not in held and predicate not in _SUCCESSORS:
                        what = f"values of {shown(predicate)} have no place in a concept and were left out"
                        lost = (one for one in values if not _is_link(predicate, one))
                        self.odd[what] += [f"{shown(one)} of {node}" for one in lost]
            elif not _PROPERTIES.isdisjoint(types):
                self.odd["properties were left out"].append(shown(node))
            elif not node.startswith("_:") and types and OWL + "Ontology" not in types:
                self.odd["individuals were left out"].append(shown(node))
            elif not _CLASSES.isdisjoint(types) or OWL + "Restriction" in types:
                self.odd["restrictions and other expressions were left out"].append("a blank node")
        for what in [what for what, examples in self.odd.items() if not examples]:
            del self.odd[what]


def _is_link(predicate: str, value: Node | Text) -> bool:
    return isinstance(value, str) and (predicate in _LINKS or value.startswith("_:"))
