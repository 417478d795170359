"""SKOS-XL, which has labels as nodes: read as plain labels, written on request."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from graph.formats.iris import SKOS, SKOSXL, TYPE, blank
from graph.formats.rdf import Text, Triple

_TERMS = {SKOS + term: SKOSXL + term for term in ("prefLabel", "altLabel", "hiddenLabel")}


def plain_labels(triples: Sequence[Triple]) -> list[Triple]:
    """Plain labels for the XL labels of the triples."""
    forms: dict[str, list[Text]] = defaultdict(list)
    for s, p, o in triples:
        if p == SKOSXL + "literalForm" and isinstance(o, Text):
            forms[s].append(o)
    if not forms:
        return []
    terms = {xl: plain for plain, xl in _TERMS.items()}
    return [
        (s, terms[p], form) for s, p, o in triples if p in terms and isinstance(o, str) for form in forms.get(o, ())
    ]


def label_nodes(triples: Iterable[Triple]) -> Iterator[Triple]:
    """The triples with a node for each plain label."""
    number: Counter[str] = Counter()
    for s, p, o in triples:
        if p not in _TERMS:
            yield s, p, o
            continue
        node = blank(f"{s}-label", number[s])
        number[s] += 1
        yield s, _TERMS[p], node
        yield node, TYPE, SKOSXL + "Label"
        yield node, SKOSXL + "literalForm", o
