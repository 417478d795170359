"""The triples of a SKOS file as they are, for its audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from graph.formats.rdf import RDFS, SKOS, TYPE, Node, Text, Triple
from graph.formats.skos import plain_labels

LABELS = tuple(SKOS + term for term in ("prefLabel", "altLabel", "hiddenLabel"))
UP = tuple(SKOS + term for term in ("broader", "broaderTransitive"))
DOWN = tuple(SKOS + term for term in ("narrower", "narrowerTransitive"))
INVERSES: Mapping[str, str] = {
    SKOS + a: SKOS + b
    for pair in (
        ("broader", "narrower"),
        ("broaderTransitive", "narrowerTransitive"),
        ("broadMatch", "narrowMatch"),
        ("related", "related"),
        ("relatedMatch", "relatedMatch"),
        ("exactMatch", "exactMatch"),
        ("closeMatch", "closeMatch"),
        ("topConceptOf", "hasTopConcept"),
    )
    for a, b in (pair, pair[::-1])
}
MATCHES = tuple(SKOS + term for term in ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch"))

Edges = dict[Node, set[Node]]


class Thesaurus:
    """Triples by predicate, and the concepts and schemes among them, by IRI."""

    def __init__(self, triples: Sequence[Triple]) -> None:
        every = [*triples, *plain_labels(triples)]
        self._links: dict[str, list[tuple[Node, Node]]] = defaultdict(list)
        self._texts: dict[str, dict[Node, list[Text]]] = defaultdict(lambda: defaultdict(list))
        for s, p, o in sorted(set(every), key=lambda t: (t[1], t[0], isinstance(t[2], Text), str(t[2]))):
            if isinstance(o, Text):
                self._texts[p][s].append(o)
            else:
                self._links[p].append((s, o))
        self._subproperties()

    def _subproperties(self) -> None:
        """Copy statements with declared sub-properties of SKOS properties to those, one step up."""
        for narrow, wide in self._links.get(RDFS + "subPropertyOf", ()):
            if wide.startswith(SKOS) and not narrow.startswith(SKOS):
                self._links[wide] += self._links.get(narrow, ())
                for node, texts in self._texts.get(narrow, {}).items():
                    self._texts[wide][node] += texts

    def links(self, *predicates: str) -> list[tuple[Node, Node]]:
        """(subject, object) of each statement with one of the predicates."""
        return [pair for predicate in predicates for pair in self._links.get(predicate, ())]

    def texts(self, *predicates: str) -> list[tuple[Node, Text]]:
        """(subject, literal) of each statement with one of the predicates."""
        return [
            (node, text)
            for predicate in predicates
            for node, texts in self._texts.get(predicate, {}).items()
            for text in texts
        ]

    def with_text(self, *predicates: str) -> set[Node]:
        """Subjects with a literal of one of the predicates that is not blank."""
        return {node for node, text in self.texts(*predicates) if text.text.strip()}

    @cached_property
    def declared(self) -> set[Node]:
        """Nodes of type skos:Concept or a declared subclass of it."""
        types = {SKOS + "Concept"}
        while more := {s for s, o in self.links(RDFS + "subClassOf") if o in types} - types:
            types |= more
        return {s for s, o in self.links(TYPE) if o in types}

    @cached_property
    def schemes(self) -> set[Node]:
        declared = {s for s, o in self.links(TYPE) if o == SKOS + "ConceptScheme"}
        used = {o for _, o in self.links(SKOS + "inScheme", SKOS + "topConceptOf")}
        return declared | used | {s for s, _ in self.links(SKOS + "hasTopConcept")}

    @cached_property
    def concepts(self) -> list[Node]:
        """Declared concepts, and nodes that have relations or labels of concepts."""
        found = set(self.declared)
        for s, o in self.links(*UP, *DOWN, SKOS + "related"):
            found |= {s, o}
        found |= {s for s, _ in self.links(SKOS + "inScheme", SKOS + "topConceptOf", *MATCHES)}
        found |= {o for _, o in self.links(SKOS + "hasTopConcept")}
        others = {s for s, o in self.links(TYPE) if o != SKOS + "Concept"} - self.declared
        found |= {node for node, _ in self.texts(*LABELS) if node not in others}
        return sorted(found - self.schemes - {node for node in found if node.startswith(SKOS)})

    @cached_property
    def schemes_of(self) -> Edges:
        found: Edges = defaultdict(set)
        for s, o in self.links(SKOS + "inScheme", SKOS + "topConceptOf"):
            found[s].add(o)
        for s, o in self.links(SKOS + "hasTopConcept"):
            found[o].add(s)
        return found

    @cached_property
    def parents(self) -> Edges:
        """Child → parents by `broader` and `narrower`, as asserted."""
        return _edges(self.links(SKOS + "broader"), self.links(SKOS + "narrower"))

    @cached_property
    def all_parents(self) -> Edges:
        """Child → parents by any hierarchical statement, transitive ones and mappings included."""
        up, down = self.links(*UP, SKOS + "broadMatch"), self.links(*DOWN, SKOS + "narrowMatch")
        return _edges(up, down)


def _edges(up: Iterable[tuple[Node, Node]], down: Iterable[tuple[Node, Node]]) -> Edges:
    found: Edges = defaultdict(set)
    for s, o in up:
        found[s].add(o)
    for s, o in down:
        found[o].add(s)
    return found


def reachable(edges: Mapping[Node, set[Node]], start: Node, *, without: Node | None = None) -> set[Node]:
    """Nodes that one or more steps lead to; `without` leaves out the direct step to that node."""
    seen: set[Node] = set()
    todo = [node for node in edges.get(start, ()) if node != without]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += edges.get(node, ())
    return seen
