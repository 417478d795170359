"""Checks of the concepts, schemes and top concepts of a SKOS file, and of its connectivity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from graph.audit.report import Defect, suggest
from graph.audit.thesaurus import DOWN, MATCHES, UP, Edges, Thesaurus, reachable
from graph.formats.rdf import SKOS

_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`*/]+(/[^\s<>\"{}|\\^`*]*)?|urn:kgtag:[^\s]+")


def no_concepts(t: Thesaurus) -> Iterator[Defect]:
    if not t.concepts:
        yield Defect((), "there is no concept in the file")


def undeclared_concept(t: Thesaurus) -> Iterator[Defect]:
    """A node in hierarchical or associative relations that is not declared a concept."""
    for node in sorted({end for pair in t.links(*UP, *DOWN, SKOS + "related") for end in pair} - t.declared):
        if not node.startswith("_:"):
            repair = suggest("declare", "declare it a skos:Concept, or delete the relation", concept=node)
            yield Defect((node,), f"{node} has relations but is not declared a concept", {}, repair)


def bad_iri(t: Thesaurus) -> Iterator[Defect]:
    """Concepts without a proper IRI; one that is relative to the file changes when the file moves."""
    for node in t.concepts:
        if not node.startswith("_:") and not _IRI.fullmatch(node):
            wrong = "relative to the file" if node.startswith("file:///") else "not a proper http(s) IRI"
            yield Defect((node,), f"the IRI {node!r} is {wrong}")


def no_top_concept(t: Thesaurus) -> Iterator[Defect]:
    topped = {o for _, o in t.links(SKOS + "topConceptOf")} | {s for s, _ in t.links(SKOS + "hasTopConcept")}
    for scheme in sorted(t.schemes - topped):
        yield Defect((scheme,), f"the concept scheme {scheme} names no top concept")


def top_concept_with_broader(t: Thesaurus) -> Iterator[Defect]:
    for concept, scheme in sorted(_tops(t)):
        if parents := sorted(p for p in t.parents.get(concept, ()) if scheme in t.schemes_of.get(p, ())):
            message = f"{concept} is a top concept of {scheme}, but below {parents[0]}"
            yield Defect((concept, parents[0]), message, {"scheme": scheme})


def omitted_top_concept(t: Thesaurus) -> Iterator[Defect]:
    """A concept without anything broader that no scheme declares a top concept."""
    tops = {concept for concept, _ in _tops(t)}
    for node in t.concepts:
        if node in t.declared and node not in tops and not t.all_parents.get(node):
            schemes = sorted(t.schemes_of.get(node, ()))
            repair = None
            if schemes:
                words = f"make it a top concept of {schemes[0]}"
                repair = suggest("put_relation", words, type="topConceptOf", source=node, target=schemes[0])
            yield Defect((node,), f"{node} has nothing broader and is not a top concept", {"schemes": schemes}, repair)


def orphan(t: Thesaurus) -> Iterator[Defect]:
    """A concept without relations."""
    linked = {end for pair in t.links(*UP, *DOWN, SKOS + "related", *MATCHES) for end in pair}
    for node in t.concepts:
        if node not in linked:
            yield Defect((node,), f"{node} has no relation to any other concept")


def disconnected(t: Thesaurus) -> Iterator[Defect]:
    """Unconnected parts of one file; single concepts are left to `orphan`."""
    edges: Edges = defaultdict(set)
    for a, b in t.links(*UP, *DOWN, SKOS + "related", *MATCHES):
        edges[a].add(b)
        edges[b].add(a)
    parts: list[list[str]] = []
    seen: set[str] = set()
    for node in sorted(edges):
        if node not in seen:
            part = reachable(edges, node)
            seen |= part
            parts.append(sorted(part))
    if len(parts) > 1:
        parts.sort(key=lambda part: (-len(part), part))
        sizes = [len(part) for part in parts]
        message = f"the concepts fall into {len(parts)} unconnected parts of {', '.join(map(str, sizes[:8]))} concepts"
        yield Defect(tuple(part[0] for part in parts), message, {"sizes": sizes})


def _tops(t: Thesaurus) -> set[tuple[str, str]]:
    return {(s, o) for s, o in t.links(SKOS + "topConceptOf")} | {(o, s) for s, o in t.links(SKOS + "hasTopConcept")}
