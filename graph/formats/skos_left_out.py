"""Notes that count what a SKOS file has and kgtag can't keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from graph.formats.iris import (
    CC,
    DC,
    DCT,
    KGTAG,
    OWL,
    RDF,
    RDFS,
    RELATIONS,
    SCHEME_BASE,
    SKOS,
    SKOSXL,
    TYPE,
    VANN,
    to_iri,
)
from graph.formats.parsed import counted
from graph.formats.rdf import Node, Text
from graph.model import Concept

Statements = Mapping[Node, Mapping[str, Sequence[Node | Text]]]

_TEXTS = frozenset({SKOS + term for term in ("prefLabel", "altLabel", "hiddenLabel", "definition", "notation")})
_LINKS = frozenset(
    {TYPE, *RELATIONS.values(), *(SKOS + term for term in ("narrower", "inScheme", "topConceptOf"))}
    | {SKOSXL + term for term in ("prefLabel", "altLabel", "hiddenLabel")}
)
_COLLECTIONS = frozenset({SKOS + "Collection", SKOS + "OrderedCollection"})
_SHORT = {SKOS: "skos:", SKOSXL: "skosxl:", RDFS: "rdfs:", RDF: "rdf:", OWL: "owl:", DCT: "dct:", DC: "dc:"}
_SHORT |= {CC: "cc:", VANN: "vann:"}


def left_out(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Notes on statements that the concepts, by node, do not keep, and on what else the file describes."""
    lost: dict[str, list[str]] = defaultdict(list)
    for node, concept in concepts.items():
        for predicate, values in statements[node].items():
            homeless = [value for value in values if not _held(predicate, value, concept)]
            if homeless:
                lost[predicate] += [f"{shown(value)} of {concept.id}" for value in homeless]
    notes = []
    for predicate, examples in sorted(lost.items()):
        notes += counted(f"values of {shown(predicate)} have no place in a concept and were left out", examples)
    return notes + _others(statements, concepts) + _demoted(statements, concepts)


def _others(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Collections, labels that are more than their text, and descriptions of anything else."""
    schemes = {to_iri(concept.scheme, SCHEME_BASE) for concept in concepts.values()}
    cells = _cells(statements)
    collections, labels, rest = [], [], []
    for node, predicates in statements.items():
        if node in concepts or node in cells:
            continue
        if _COLLECTIONS.intersection(predicates.get(TYPE, ())) or SKOS + "member" in predicates:
            collections.append(node)
        elif SKOSXL + "literalForm" in predicates:
            if not node.startswith("_:") or len(predicates) > 2:
                labels.append(node)
        else:
            held = {SKOS + "hasTopConcept"} if node in schemes else set()
            rest += [
                f"{shown(predicate)} of {shown(node)}"
                for predicate, values in predicates.items()
                for value in values
                if predicate not in held and (predicate, value) != (TYPE, SKOS + "ConceptScheme")
            ]
    return [
        *counted("collections were left out", collections),
        *counted("labels with addresses or properties of their own (SKOS-XL) became plain labels", labels),
        *counted("statements about other things than concepts were left out", rest),
    ]


def _demoted(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Declared top concepts that have something broader, which kgtag's top concepts do not."""
    tops = {node for node in concepts if SKOS + "topConceptOf" in statements[node]}
    for predicates in statements.values():
        tops |= {o for o in predicates.get(SKOS + "hasTopConcept", ()) if isinstance(o, str) and o in concepts}
    under = [node for node in tops if SKOS + "broader" in statements[node]]
    return counted("top concepts have something broader and will not be written as top concepts", under)


def _cells(statements: Statements) -> set[Node]:
    """Cells of the lists with which kgtag keeps the order of labels."""
    found: set[Node] = set()
    lists = (KGTAG + "altLabels", KGTAG + "hiddenLabels")
    todo = [o for predicates in statements.values() for term in lists for o in predicates.get(term, ())]
    while todo:
        cell = todo.pop()
        if isinstance(cell, str) and cell in statements and cell not in found:
            found.add(cell)
            todo += statements[cell].get(RDF + "rest", ())
    return found


def _held(predicate: str, value: Node | Text, concept: Concept) -> bool:
    if predicate in _TEXTS:
        return isinstance(value, Text)
    if predicate in _LINKS:
        return isinstance(value, str)
    if predicate == RDFS + "label":
        return isinstance(value, Text) and any(text == value.text for text, _, _ in concept.labels())
    return predicate == OWL + "deprecated" or predicate.startswith(KGTAG)


def shown(value: Node | Text) -> str:
    """A node or text for messages: with a well-known prefix, or cut short."""
    if isinstance(value, Text):
        return repr(value.text if len(value.text) <= 40 else value.text[:39] + "…")
    if value.startswith("_:"):
        return "a blank node"
    return next((prefix + value.removeprefix(base) for base, prefix in _SHORT.items() if value.startswith(base)), value)
