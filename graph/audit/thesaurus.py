"""The triples of a SKOS file as they are, for its audit."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from graph.audit.report import Shape
from graph.formats.rdf import RDFS, SKOS, SKOSXL, TYPE, XL_TERMS, Node, Text, Triple

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


Ways = Mapping[Node, set[Node]]
"""Nodes that one step leads to."""


class Thesaurus:
    """Triples by predicate, and the concepts and schemes among them, by IRI."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        links: dict[str, set[tuple[Node, Node]]] = defaultdict(set)
        texts: dict[str, set[tuple[Node, Text]]] = defaultdict(set)
        for s, p, o in triples:
            if isinstance(o, str):
                links[p].add((s, o))
            else:
                texts[p].add((s, o))
        forms: dict[Node, list[Text]] = defaultdict(list)
        for node, text in texts.get(SKOSXL + "literalForm", ()):
            forms[node].append(text)
        for plain, xl in XL_TERMS.items():
            texts[plain].update((node, form) for node, label in links.get(xl, ()) for form in forms.get(label, ()))
        self._links = {predicate: sorted(pairs) for predicate, pairs in sorted(links.items())}
        self._texts = {predicate: sorted(pairs) for predicate, pairs in sorted(texts.items())}
        self.revision = self._hash()
        # Statements with declared sub-properties of SKOS properties count as those, one step up.
        for narrow, wide in self._links.get(RDFS + "subPropertyOf", ()):
            if wide.startswith(SKOS) and not narrow.startswith(SKOS):
                self._links.setdefault(wide, []).extend(self._links.get(narrow, ()))
                self._texts.setdefault(wide, []).extend(self._texts.get(narrow, ()))

    def _hash(self) -> str:
        """A hash of the statements without blank nodes, whose names are the file's alone."""
        found = hashlib.blake2b(digest_size=8)
        for predicate, links in self._links.items():
            named = (f"{s} {o}" for s, o in links if s[:2] != "_:" and o[:2] != "_:")
            found.update("\n".join((predicate, *named)).encode())
        for predicate, texts in self._texts.items():
            named = (f"{s} {text}@{lang}" for s, (text, lang) in texts if s[:2] != "_:")
            found.update("\n".join((predicate, *named)).encode())
        return found.hexdigest()

    def links(self, *predicates: str) -> list[tuple[Node, Node]]:
        """(subject, object) of each statement with one of the predicates."""
        return [pair for predicate in predicates for pair in self._links.get(predicate, ())]

    def texts(self, *predicates: str) -> list[tuple[Node, Text]]:
        """(subject, literal) of each statement with one of the predicates."""
        return [pair for predicate in predicates for pair in self._texts.get(predicate, ())]

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
    def schemes_of(self) -> dict[Node, set[Node]]:
        found: dict[Node, set[Node]] = defaultdict(set)
        for s, o in self.links(SKOS + "inScheme", SKOS + "topConceptOf"):
            found[s].add(o)
        for s, o in self.links(SKOS + "hasTopConcept"):
            found[o].add(s)
        return found

    @cached_property
    def parents(self) -> Ways:
        """Child → parents by `broader` and `narrower`, as asserted."""
        return ways(self.links(SKOS + "broader"), self.links(SKOS + "narrower"))

    @cached_property
    def all_parents(self) -> Ways:
        """Child → parents by any hierarchical statement, transitive ones and mappings included."""
        return ways(self.links(*UP, SKOS + "broadMatch"), self.links(*DOWN, SKOS + "narrowMatch"))

    def shape(self) -> Shape:
        """Depths (steps down from a concept without broader ones), fan-out, and languages of preferred labels."""
        up = {low: found - {low} for low, found in self.parents.items()}
        down = ways((), ((low, high) for low, found in up.items() for high in found))
        depth = dict.fromkeys((node for node in self.concepts if not up.get(node)), 0)
        level, steps = list(depth), 0
        while level := [child for node in level for child in down.get(node, ()) if child not in depth]:
            depth.update(dict.fromkeys(level, steps := steps + 1))
        languages = Counter(lang for _, lang in {(node, text.lang) for node, text in self.texts(SKOS + "prefLabel")})
        depths = np.array([depth.get(node, 0) for node in self.concepts], dtype=np.int32)
        fan_out = np.array([len(down.get(node, ())) for node in self.concepts], dtype=np.int32)
        return Shape.of(depths, fan_out, {lang or "none": count for lang, count in languages.items()})


def ways(forth: Iterable[tuple[Node, Node]], back: Iterable[tuple[Node, Node]] = ()) -> Ways:
    """The ways of (from, to) and of (to, from)."""
    found: dict[Node, set[Node]] = defaultdict(set)
    for a, b in forth:
        found[a].add(b)
    for b, a in back:
        found[a].add(b)
    return dict(found)


def leads(steps: Ways, low: Node, high: Node) -> bool:
    """Whether one or more steps lead from one node to the other."""
    seen: set[Node] = set()
    todo = [low]
    while todo:
        for node in steps.get(todo.pop(), ()):
            if node == high:
                return True
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return False
