"""SKOS-XL: labels as nodes of their own, read as plain labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from graph.formats.iris import SKOS, SKOSXL
from graph.formats.rdf import Text, Triple


def plain_labels(triples: Sequence[Triple]) -> list[Triple]:
    """The plain labels that the XL labels of the triples stand for."""
    forms: dict[str, list[Text]] = defaultdict(list)
    for s, p, o in triples:
        if p == SKOSXL + "literalForm" and isinstance(o, Text):
            forms[s].append(o)
    if not forms:
        return []
    terms = {SKOSXL + term: SKOS + term for term in ("prefLabel", "altLabel", "hiddenLabel")}
    return [
        (s, terms[p], form) for s, p, o in triples if p in terms and isinstance(o, str) for form in forms.get(o, ())
    ]
