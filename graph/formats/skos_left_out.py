"""Notes on what a SKOS file states and concepts do not keep."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from graph.formats.parsed import counted
from graph.formats.rdf import (
    DC,
    DCT,
    ISO_THES,
    KGTAG,
    OWL,
    RDF,
    RDFS,
    RELATIONS,
    SCHEME_BASE,
    SKOS,
    SKOSXL,
    TYPE,
    XL_TERMS,
    Node,
    Text,
    shown,
    to_iri,
)
from graph.model import Concept

Statements = Mapping[Node, Mapping[str, Sequence[Node | Text]]]
_TEXTS = frozenset({SKOS + term for term in ("prefLabel", "altLabel", "hiddenLabel", "definition", "notation")})
_SKOS_LINKS = (
    "narrower",
    "broaderTransitive",
    "narrowerTransitive",
    "inScheme",
    "topConceptOf",
    "member",
    "memberList",
)
_ISO_LINKS = ("superOrdinate", "subordinateArray", "superGroup", "subGroup")
_LINKS = frozenset(
    {TYPE, *RELATIONS.values(), DCT + "replaces", *XL_TERMS.values()}
    | {SKOS + term for term in (*_SKOS_LINKS, "member", "memberList")}
    | {ISO_THES + term for term in _ISO_LINKS}
)
_LABELS = frozenset({RDFS + "label", DCT + "title", DC + "title"})


def left_out(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Notes on statements that the concepts, by node, do not keep, and on what else the file describes."""
    lost: dict[str, list[str]] = defaultdict(list)
    for node, concept in concepts.items():
        for predicate, values in statements[node].items():
            lost[predicate] += [f"{shown(o)} of {concept.id}" for o in values if not _held(predicate, o, concept)]
    notes = []
    for predicate, examples in sorted(lost.items()):
        notes += counted(f"values of {shown(predicate)} have no place in a concept and were left out", examples)
    # Declared top concepts that have something broader, which kgtag's top concepts do not.
    tops = {node for node in concepts if SKOS + "topConceptOf" in statements[node]}
    for predicates in statements.values():
        tops |= {o for o in predicates.get(SKOS + "hasTopConcept", ()) if isinstance(o, str) and o in concepts}
    under = [node for node in tops if SKOS + "broader" in statements[node]]
    what = "top concepts have something broader and will not be written as top concepts"
    return notes + _others(statements, concepts) + counted(what, under)


def _others(statements: Statements, concepts: Mapping[Node, Concept]) -> list[str]:
    """Labels that are more than their text, and descriptions of anything else."""
    schemes = {to_iri(concept.scheme, SCHEME_BASE) for concept in concepts.values()}
    cells = _cells(statements)
    labels, rest = [], []
    for node, predicates in statements.items():
        if node in concepts or node in cells:
            continue
        if SKOSXL + "literalForm" in predicates:
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
        *counted("labels with addresses or properties of their own (SKOS-XL) became plain labels", labels),
        *counted("statements about other things than concepts were left out", rest),
    ]


def _cells(statements: Statements) -> set[Node]:
    """Cells of the lists of members, and of those with which kgtag keeps the order of labels."""
    found: set[Node] = set()
    lists = (KGTAG + "altLabels", KGTAG + "hiddenLabels", SKOS + "memberList")
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
    if predicate in _LABELS:
        return isinstance(value, Text) and any(text == value.text for text, _, _ in concept.labels())
    return predicate == OWL + "deprecated" or predicate.startswith(KGTAG)
